package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

type counter = atomic.Uint64

// readKey names one text of a read.
type readKey struct {
	read    *model.Read
	variant sqltext.Variant
}

// querier is what can run a statement: the pool, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Read answers a query with one statement, hence from one snapshot. With Also, the statements share
// a transaction of REPEATABLE READ.
func (s *Store) Read(ctx context.Context, p store.Partition, q *store.Query) (*store.Result, error) {
	switch {
	case len(q.Also) > 0:
	case !q.Read.List:
		r, err := s.gets.read(ctx, p, q)
		return r, s.failure(err)
	default:
		r, err := s.read(ctx, s.readers, p, q)
		return r, s.failure(err)
	}
	var r *store.Result
	err := pgx.BeginTxFunc(ctx, s.readers, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if r, err = s.read(ctx, tx, p, q); err != nil {
			return err
		}
		r.Also = make([]*model.Row, len(q.Also))
		for i, also := range q.Also {
			one, err := s.read(ctx, tx, p, also)
			if err != nil {
				return err
			}
			if len(one.Rows) > 0 {
				r.Also[i] = one.Rows[0]
			}
		}
		return nil
	})
	return r, s.failure(err)
}

func (s *Store) read(ctx context.Context, on querier, p store.Partition, q *store.Query) (*store.Result, error) {
	st := s.statement(q)
	var room [16]any
	args := room[:0]
	for _, b := range st.Binds {
		args = append(args, argument(bound(b, p, q)))
	}
	rows, err := on.Query(ctx, st.SQL, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	r := &store.Result{}
	for rows.Next() {
		if err := addRow(r, q.Read.Of, rows.RawValues()); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if st.Limit > 0 && len(r.Rows) == st.Limit {
		r.Rows, r.More = r.Rows[:st.Limit-1], true
	}
	if q.Back {
		for i, j := 0, len(r.Rows)-1; i < j; i, j = i+1, j-1 {
			r.Rows[i], r.Rows[j] = r.Rows[j], r.Rows[i]
		}
	}
	return r, nil
}

// addRow takes one line of a read's answer: the partition's version, and a row if there is one.
func addRow(r *store.Result, e *model.Entity, raw [][]byte) error {
	r.Version = binary.BigEndian.Uint64(raw[0])
	if raw[1] == nil {
		return nil // the head alone
	}
	row, err := rowOf(e, raw[1:])
	if err == nil {
		r.Rows = append(r.Rows, row)
	}
	return err
}

func (s *Store) statement(q *store.Query) *sqltext.Statement {
	key := readKey{q.Read, variant(q)}
	if st, ok := s.reads.Load(key); ok {
		return st.(*sqltext.Statement)
	}
	st := sqltext.Read(sqltext.Postgres, q.Read, key.variant)
	kept, _ := s.reads.LoadOrStore(key, &st)
	return kept.(*sqltext.Statement)
}

func variant(q *store.Query) sqltext.Variant {
	v := sqltext.Variant{From: !q.From.IsNull(), To: !q.To.IsNull(), Cursor: q.Cursor != nil, Back: q.Back}
	for i, given := range q.Args.Given {
		if given && q.Args.Values[i].IsNull() {
			v.Null |= 1 << i
		}
	}
	for i := range q.Read.Filter {
		if q.Args.Given[1+len(q.Read.By)+i] {
			v.Filter |= 1 << i
		}
	}
	for i, c := range q.Cursor {
		if c.IsNull() {
			v.CursorNull |= 1 << i
		}
	}
	return v
}

func bound(b sqltext.Bind, p store.Partition, q *store.Query) model.Value {
	switch b.Kind {
	case sqltext.BindFrom:
		return q.From
	case sqltext.BindTo:
		return q.To
	case sqltext.BindCursor:
		return q.Cursor[b.Index]
	case sqltext.BindFixed:
		return b.Fixed
	case sqltext.BindKeep:
		return keepBound(q.Read.Of, q.Now)
	}
	if b.Index == 0 {
		return p.Value
	}
	return q.Args.Values[b.Index]
}

// keepBound is the point in time, or the day, at or before which rows have expired.
func keepBound(e *model.Entity, now time.Time) model.Value {
	over := now.Add(-e.Keep.For)
	if e.Keep.From.Type.Kind == model.KindDate {
		return model.DateDays(over.Unix() / (24 * 60 * 60))
	}
	return model.Time(over)
}

// rowOf reads the row's version and the fields of an entity, in PostgreSQL's binary format.
func rowOf(e *model.Entity, raw [][]byte) (*model.Row, error) {
	row := &model.Row{Version: binary.BigEndian.Uint64(raw[0]), Values: make([]model.Value, len(e.Fields))}
	for i, f := range e.Fields {
		var err error
		if row.Values[i], err = value(&f.Type, raw[i+1]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// collect runs a statement that gives rows of an entity.
func collect(ctx context.Context, on querier, e *model.Entity, sql string, args ...any) ([]*model.Row, error) {
	rows, err := on.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return rowsOf(e, rows)
}

func rowsOf(e *model.Entity, rows pgx.Rows) (out []*model.Row, err error) {
	defer rows.Close()
	for rows.Next() {
		row, err := rowOf(e, rows.RawValues())
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// Head gives the version of a partition.
func (s *Store) Head(ctx context.Context, p store.Partition) (uint64, error) {
	var version int64
	err := s.readers.QueryRow(ctx, s.books[p.Family].Head, argument(p.Value)).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return uint64(version), s.failure(err)
}

// Outcome gives what is kept under the hash of a key.
func (s *Store) Outcome(ctx context.Context, p store.Partition, hash [32]byte) (*store.Outcome, error) {
	rows, err := s.readers.Query(ctx, s.books[p.Family].Outcome, argument(p.Value), hash[:])
	if err != nil {
		return nil, s.failure(err)
	}
	var o *store.Outcome
	err = eachRow(rows, func(raw [][]byte) error {
		o = &store.Outcome{
			Fingerprint: [32]byte(raw[0]), Version: binary.BigEndian.Uint64(raw[1]),
			Time: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[2]))).UTC(), Body: append([]byte(nil), raw[3]...),
		}
		return nil
	})
	return o, s.failure(err)
}

// Changes gives changes in the order of versions.
func (s *Store) Changes(ctx context.Context, p store.Partition, after uint64, limit int) ([]*store.Change, error) {
	if limit <= 0 {
		return nil, nil
	}
	out, err := s.changes(ctx, p, after, limit)
	if err != nil || len(out) > 0 && out[0].Version == after+1 {
		return out, err
	}
	if len(out) == 0 {
		// Nothing is above, or it was pruned: the head tells, which is read later. What was committed in
		// between is no gap, so the changes are read again behind it.
		head, err := s.Head(ctx, p)
		if err != nil || after >= head {
			return nil, err
		}
		if out, err = s.changes(ctx, p, after, limit); err != nil || len(out) > 0 && out[0].Version == after+1 {
			return out, err
		}
	}
	return nil, fault.New(fault.NotFound, "The changes after version %d are not kept any more.", after)
}

// changes reads what there is above a version.
func (s *Store) changes(ctx context.Context, p store.Partition, after uint64, limit int) ([]*store.Change, error) {
	rows, err := s.readers.Query(ctx, s.books[p.Family].Changes, argument(p.Value), int64(after), limit)
	if err != nil {
		return nil, s.failure(err)
	}
	defer rows.Close()
	var out []*store.Change
	for rows.Next() {
		raw := rows.RawValues()
		head := store.Change{
			Partition: p, Version: binary.BigEndian.Uint64(raw[0]), ID: [16]byte(raw[1]),
			Time: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[2]))).UTC(),
		}
		c, err := store.DecodeChange(s.model, head, raw[3])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failure(err)
	}
	return out, nil
}

// Partitions lists partitions of a family in order.
func (s *Store) Partitions(ctx context.Context, f *model.Family, after model.Value, limit int) ([]model.Value, error) {
	sql, args := s.books[f].Heads, []any{limit}
	if !after.IsNull() {
		sql, args = s.books[f].HeadsAfter, []any{argument(after), limit}
	}
	rows, err := s.readers.Query(ctx, sql, args...)
	if err != nil {
		return nil, s.failure(err)
	}
	defer rows.Close()
	var out []model.Value
	for rows.Next() {
		v, err := value(&f.By.Type, rows.RawValues()[0])
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, s.failure(rows.Err())
}

// Scan lists all rows of an entity.
func (s *Store) Scan(ctx context.Context, e *model.Entity, after []model.Value, limit int) ([]*model.Row, error) {
	args := make([]any, 0, len(after)+1)
	for _, v := range after {
		args = append(args, argument(v))
	}
	rows, err := collect(ctx, s.readers, e, sqltext.Scan(e, after != nil), append(args, limit)...)
	return rows, s.failure(err)
}

// Prune deletes old changes and outcomes of one partition.
func (s *Store) Prune(ctx context.Context, p store.Partition, changesBefore, outcomesBefore time.Time) (int, error) {
	const most = 1000
	b := s.books[p.Family]
	total := 0
	for _, del := range []struct {
		sql    string
		before time.Time
	}{{b.ChangesPrune, changesBefore}, {b.OutcomesPrune, outcomesBefore}} {
		tag, err := s.readers.Exec(ctx, del.sql, argument(p.Value), del.before.UnixMicro(), most)
		if err != nil {
			return total, s.failure(err)
		}
		total += int(tag.RowsAffected())
	}
	return total, nil
}

var _ querier = (*pgxpool.Pool)(nil)
