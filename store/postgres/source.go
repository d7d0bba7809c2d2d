package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// source is what a group is evaluated against: the heads that it holds locked, and what was
// fetched with them. What was not is fetched when it is asked for, in a round trip of its own.
type source struct {
	s    *Store
	ctx  context.Context
	conn *pgx.Conn

	heads    map[store.Partition]uint64 // locked ones, and 0 for those that do not exist yet
	rows     map[*model.Entity]map[string]*model.Row
	outcomes map[outcomeKey]*store.Outcome
	counters map[counterKey]int64
	failed   error             // of a round trip: the group cannot go on
	loose    []store.Partition // looked into behind the fetch, with no head to hold them as they are
}

// later notes that a partition is looked into in a round trip of its own.
func (src *source) later(p store.Partition) {
	if src.heads[p] == 0 && !slices.Contains(src.loose, p) {
		src.loose = append(src.loose, p)
	}
}

// errMade says that another node made a partition while this one looked into it.
var errMade = errors.New("postgres: the partition was made meanwhile")

// check fails where what was looked at in several round trips may be of before and after.
func (src *source) check() error {
	for _, p := range src.loose {
		var version int64
		err := src.conn.QueryRow(src.ctx, src.s.books[p.Family].Head, argument(p.Value)).Scan(&version)
		switch {
		case err == nil:
			return errMade
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
	}
	return nil
}

type outcomeKey struct {
	partition store.Partition
	hash      [32]byte
}

type counterKey struct {
	partition store.Partition
	field     *model.Field
}

// key names a row within the source's maps.
func key(partition model.Value, values []model.Value) string {
	b := model.AppendText(nil, partition)
	for _, v := range values {
		b = model.AppendText(append(b, 0xFF), v)
	}
	return string(b)
}

func (src *source) fail(err error) error {
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		src.failed = err
		return src.s.failure(err)
	}
	return nil
}

// Head gives the version of a partition of the group.
func (src *source) Head(p store.Partition) (uint64, error) { return src.heads[p], nil }

// Outcome gives what was fetched: every key of the group is asked for at its start.
func (src *source) Outcome(p store.Partition, hash *[32]byte) (*store.Outcome, error) {
	return src.outcomes[outcomeKey{p, *hash}], nil
}

// Get gives one row.
func (src *source) Get(p store.Partition, e *model.Entity, k []model.Value) (*model.Row, error) {
	name := key(p.Value, k)
	if row, ok := src.rows[e][name]; ok {
		return row, nil
	}
	src.later(p)
	args := make([]any, 0, 1+len(k))
	args = append(args, argument(p.Value))
	for _, v := range k {
		args = append(args, argument(v))
	}
	rows, err := collect(src.ctx, src.conn, e, sqltext.Get(e), args...)
	if err != nil {
		return nil, src.fail(err)
	}
	var row *model.Row
	if len(rows) > 0 {
		row = rows[0]
	}
	src.remember(e, name, row)
	return row, nil
}

func (src *source) remember(e *model.Entity, name string, row *model.Row) {
	if src.rows[e] == nil {
		src.rows[e] = map[string]*model.Row{}
	}
	src.rows[e][name] = row
}

// List gives rows that equal all conditions.
func (src *source) List(p store.Partition, e *model.Entity, equal []model.Cond, over time.Time, limit int) ([]*model.Row, error) {
	src.later(p)
	fields := make([]*model.Field, len(equal))
	args := []any{argument(p.Value)}
	var null uint64
	for i, c := range equal {
		fields[i] = c.Field
		if c.Values[0].IsNull() {
			null |= 1 << i
		} else {
			args = append(args, argument(c.Values[0]))
		}
	}
	lasting := !over.IsZero()
	if lasting {
		args = append(args, argument(model.Time(over)))
	}
	rows, err := collect(src.ctx, src.conn, e, sqltext.List(sqltext.Postgres, e, fields, null, lasting), append(args, limit)...)
	return rows, src.fail(err)
}

// Expired gives rows whose keep is over.
func (src *source) Expired(p store.Partition, e *model.Entity, now time.Time, limit int) ([]*model.Row, error) {
	src.later(p)
	rows, err := collect(src.ctx, src.conn, e, sqltext.Expired(e), argument(p.Value), argument(keepBound(e, now)), limit)
	return rows, src.fail(err)
}

// Counter gives the last number of a field.
func (src *source) Counter(p store.Partition, e *model.Entity, f *model.Field) (int64, error) {
	k := counterKey{p, f}
	if n, ok := src.counters[k]; ok {
		return n, nil
	}
	src.later(p)
	var n int64
	err := src.conn.QueryRow(src.ctx, src.s.books[p.Family].Counter, argument(p.Value), e.Name, f.Name).Scan(&n)
	if err := src.fail(err); err != nil {
		return 0, err
	}
	src.counters[k] = n
	return n, nil
}

// fetch begins the group's transaction: one round trip that locks the heads and reads all that the
// writes are known to look at. Partitions that another node holds, or makes, are in busy.
func (s *Store) fetch(ctx context.Context, conn *pgx.Conn, ws []*store.Write, wait bool) (src *source, busy map[store.Partition]bool, err error) {
	src = &source{
		s: s, ctx: ctx, conn: conn, heads: map[store.Partition]uint64{}, rows: map[*model.Entity]map[string]*model.Row{},
		outcomes: map[outcomeKey]*store.Outcome{}, counters: map[counterKey]int64{},
	}
	plan := newFetchPlan(ws)
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	if ws[0].Alone { // code of others may take the time of a request
		batch.Queue(fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", (2 * s.timeout).Milliseconds()))
	}
	locked := map[store.Partition]bool{}
	busy = map[store.Partition]bool{}
	for _, f := range s.model.Families { // in the order in which every node locks
		partitions := plan.partitions[f]
		if len(partitions) == 0 {
			continue
		}
		b := s.families[f]
		lock := b.lock
		if !wait {
			lock += " SKIP LOCKED"
		}
		list := array(&f.By.Type, partitions)
		batch.Queue(lock, list).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(raw [][]byte) error {
				v, err := value(&f.By.Type, raw[0])
				p := store.Partition{Family: f, Value: v}
				src.heads[p], locked[p] = binary.BigEndian.Uint64(raw[1]), true
				return err
			})
		})
		plan.queueOutcomes(batch, b, f, src)
	}
	for e, wanted := range plan.needs {
		wanted.queue(batch, s.bulk[e], src)
	}
	plan.queueNumbers(batch, s, src)
	// Last: a head that was not there at first and is now was made meanwhile by another node, so that
	// what was read may be of before and after.
	for f, partitions := range plan.partitions {
		batch.Queue(s.families[f].present, array(&f.By.Type, partitions)).Query(func(rows pgx.Rows) error {
			return eachRow(rows, func(raw [][]byte) error {
				v, err := value(&f.By.Type, raw[0])
				if p := (store.Partition{Family: f, Value: v}); !locked[p] {
					busy[p] = true
				}
				return err
			})
		})
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, nil, err
	}
	return src, busy, nil
}

func eachRow(rows pgx.Rows, f func(raw [][]byte) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.RawValues()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fetchPlan is what one group wants to know.
type fetchPlan struct {
	partitions map[*model.Family][]model.Value // in order, each once
	keyed      map[*model.Family][]*store.Write
	needs      map[*model.Entity]*needed
	numbers    map[counterKey]*model.Entity
}

func newFetchPlan(ws []*store.Write) *fetchPlan {
	p := &fetchPlan{map[*model.Family][]model.Value{}, map[*model.Family][]*store.Write{}, map[*model.Entity]*needed{}, map[counterKey]*model.Entity{}}
	for _, partition := range sorted(ws) {
		p.partitions[partition.Family] = append(p.partitions[partition.Family], partition.Value)
	}
	for _, w := range ws {
		if w.Key != nil {
			p.keyed[w.Partition.Family] = append(p.keyed[w.Partition.Family], w)
		}
		for _, n := range w.Needs {
			if n.Next != nil {
				p.numbers[counterKey{w.Partition, n.Next}] = n.Entity
				continue
			}
			if p.needs[n.Entity] == nil {
				p.needs[n.Entity] = &needed{entity: n.Entity, seen: map[string]bool{}}
			}
			p.needs[n.Entity].add(w.Partition.Value, n.Key)
		}
	}
	return p
}

// needed are the rows of one entity that a group will look at.
type needed struct {
	entity  *model.Entity
	seen    map[string]bool
	columns [][]model.Value // the partition, then the key
}

func (n *needed) add(partition model.Value, k []model.Value) {
	name := key(partition, k)
	if n.seen[name] || len(k) != len(n.entity.Key) {
		return
	}
	n.seen[name] = true
	if n.columns == nil {
		n.columns = make([][]model.Value, 1+len(k))
	}
	n.columns[0] = append(n.columns[0], partition)
	for i, v := range k {
		n.columns[i+1] = append(n.columns[i+1], v)
	}
}

func (n *needed) queue(batch *pgx.Batch, b *bulk, src *source) {
	if len(n.columns) == 0 {
		return
	}
	args := make([]any, len(b.key))
	for i, f := range b.key {
		args[i] = array(&f.Type, n.columns[i])
	}
	batch.Queue(b.fetch, args...).Query(func(rows pgx.Rows) error {
		found, err := rowsOf(n.entity, rows)
		if err != nil {
			return err
		}
		for name := range n.seen {
			src.remember(n.entity, name, nil)
		}
		for _, row := range found {
			src.remember(n.entity, key(row.Values[0], n.entity.KeyOf(row)), row)
		}
		return nil
	})
}

func (p *fetchPlan) queueOutcomes(batch *pgx.Batch, b *familyBulk, f *model.Family, src *source) {
	keyed := p.keyed[f]
	if len(keyed) == 0 {
		return
	}
	partitions := make([]model.Value, len(keyed))
	hashes := make(pgtype.FlatArray[[]byte], len(keyed))
	for i, w := range keyed {
		partitions[i], hashes[i] = w.Partition.Value, w.Key.Hash[:]
	}
	batch.Queue(b.outcomes, array(&f.By.Type, partitions), hashes).Query(func(rows pgx.Rows) error {
		return eachRow(rows, func(raw [][]byte) error {
			v, err := value(&f.By.Type, raw[0])
			if err != nil {
				return err
			}
			src.outcomes[outcomeKey{store.Partition{Family: f, Value: v}, [32]byte(raw[1])}] = &store.Outcome{
				Fingerprint: [32]byte(raw[2]), Version: binary.BigEndian.Uint64(raw[3]),
				Time: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[4]))).UTC(), Body: append([]byte(nil), raw[5]...),
			}
			return nil
		})
	})
}

// queueNumbers asks for the last numbers of the fields that writes will take the next of.
func (p *fetchPlan) queueNumbers(batch *pgx.Batch, s *Store, src *source) {
	type column struct {
		partitions       []model.Value
		entities, fields []string
		keys             []counterKey
	}
	by := map[*model.Family]*column{}
	for k, e := range p.numbers {
		f := k.partition.Family
		if by[f] == nil {
			by[f] = &column{}
		}
		c := by[f]
		c.partitions, c.entities, c.fields = append(c.partitions, k.partition.Value), append(c.entities, e.Name), append(c.fields, k.field.Name)
		c.keys = append(c.keys, k)
	}
	for f, c := range by {
		batch.Queue(s.families[f].counters, array(&f.By.Type, c.partitions), c.entities, c.fields).Query(func(rows pgx.Rows) error {
			for _, k := range c.keys {
				src.counters[k] = 0
			}
			return eachRow(rows, func(raw [][]byte) error {
				v, err := value(&f.By.Type, raw[0])
				if err != nil {
					return err
				}
				for _, k := range c.keys {
					if k.partition.Value == v && p.numbers[k].Name == string(raw[1]) && k.field.Name == string(raw[2]) {
						src.counters[k] = int64(binary.BigEndian.Uint64(raw[3]))
					}
				}
				return nil
			})
		})
	}
}
