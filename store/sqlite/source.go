package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// source is the writer's connection inside its transaction, as a group of writes sees it.
type source struct {
	*conn
	failed error                     // what went wrong last in the engine, within this transaction
	last   map[store.Partition]int64 // seq of the newest change of the partitions that were looked at
	heads  map[store.Partition]head  // as they were committed, without relayed; at most mostHeads
}

// mostHeads bounds the heads that are kept in memory. Nobody but the writer changes them, so that a
// partition which is written often need not be looked up each time.
const mostHeads = 1 << 15

func newSource(c *conn) *source {
	return &source{conn: c, last: map[store.Partition]int64{}, heads: map[store.Partition]head{}}
}

// reset makes it ready for the next transaction.
func (s *source) reset() {
	clear(s.last)
	s.failed = nil
}

// Head is asked before anything of the transaction is written, so that what it finds was committed.
func (s *source) Head(p store.Partition) (uint64, error) {
	h, ok := s.heads[p]
	if !ok {
		var err error
		if h, err = s.head(p); err != nil {
			return 0, s.fault(err)
		}
		s.know(p, h)
	}
	s.last[p] = h.last
	return h.version, nil
}

// know keeps a head as it was committed.
func (s *source) know(p store.Partition, h head) {
	if len(s.heads) >= mostHeads {
		clear(s.heads)
	}
	s.heads[p] = head{version: h.version, last: h.last}
}

// committed takes in what a group has changed.
func (s *source) committed(group *store.Group) {
	for w := range group.Heads {
		s.know(w.Partition, head{version: w.After, last: s.last[w.Partition]})
	}
}

func (s *source) Outcome(p store.Partition, hash *[32]byte) (*store.Outcome, error) {
	o, err := s.outcome(p, hash)
	return o, s.fault(err)
}

// Outcome gives what is kept under the hash of a key, by the latest commit.
func (s *Store) Outcome(ctx context.Context, p store.Partition, hash [32]byte) (o *store.Outcome, err error) {
	err = s.with(ctx, func(c *conn) error {
		o, err = c.outcome(p, &hash)
		return err
	})
	return o, err
}

func (c *conn) outcome(p store.Partition, hash *[32]byte) (*store.Outcome, error) {
	b := c.books(p.Family)
	stmt, err := c.lazily(&b.outcome, func() string { return b.books.Outcome })
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	if err := c.bind(stmt, 1, p.Value); err != nil {
		return nil, err
	}
	if err := stmt.BindBlob(2, hash[:]); err != nil {
		return nil, err
	}
	if !stmt.Step() {
		return nil, stmt.Err()
	}
	o := &store.Outcome{
		Version: uint64(stmt.ColumnInt64(1)),
		Time:    time.UnixMicro(stmt.ColumnInt64(2)).UTC(),
		Body:    stmt.ColumnBlob(3, nil),
	}
	copy(o.Fingerprint[:], stmt.ColumnRawBlob(0))
	return o, stmt.Err()
}

func (s *source) Get(p store.Partition, e *model.Entity, key []model.Value) (*model.Row, error) {
	r, err := s.get(p, e, key)
	return r, s.fault(err)
}

func (c *conn) get(p store.Partition, e *model.Entity, key []model.Value) (*model.Row, error) {
	stmt, err := c.lazily(&c.entity[e.ID].get, func() string { return sqltext.Get(e) })
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	if err := c.bind(stmt, 1, p.Value); err != nil {
		return nil, err
	}
	if err := c.bindAll(stmt, 2, key); err != nil {
		return nil, err
	}
	if !stmt.Step() {
		return nil, stmt.Err()
	}
	return c.row(stmt, 0, e, &model.Row{})
}

func (s *source) List(p store.Partition, e *model.Entity, equal []model.Cond, over time.Time, limit int) ([]*model.Row, error) {
	rows, err := s.list(p, e, equal, over, limit)
	return rows, s.fault(err)
}

func (c *conn) list(p store.Partition, e *model.Entity, equal []model.Cond, over time.Time, limit int) ([]*model.Row, error) {
	key := listKey{entity: e, lasting: !over.IsZero()}
	byPos := make([]model.Value, len(e.Fields))
	for _, cond := range equal {
		pos := cond.Field.Pos
		if pos >= 64 {
			return nil, fault.New(fault.Internal, "Rows of %s cannot be selected by %s.", e.Name, cond.Field.Name)
		}
		if key.equal&(1<<pos) != 0 && byPos[pos] != cond.Values[0] {
			return nil, nil
		}
		key.equal |= 1 << pos
		if byPos[pos] = cond.Values[0]; byPos[pos].IsNull() {
			key.null |= 1 << pos
		}
	}
	stmt, err := c.listStmt(key)
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	if err := c.bind(stmt, 1, p.Value); err != nil {
		return nil, err
	}
	param := 2
	for pos, v := range byPos {
		if key.equal&^key.null&(1<<pos) != 0 {
			if err := c.bind(stmt, param, v); err != nil {
				return nil, err
			}
			param++
		}
	}
	if key.lasting {
		if err := c.bind(stmt, param, model.Time(over)); err != nil {
			return nil, err
		}
		param++
	}
	if err := stmt.BindInt64(param, int64(limit)); err != nil {
		return nil, err
	}
	return c.rows(stmt, e)
}

func (s *source) Expired(p store.Partition, e *model.Entity, now time.Time, limit int) ([]*model.Row, error) {
	rows, err := s.expired(p, e, now, limit)
	return rows, s.fault(err)
}

func (c *conn) expired(p store.Partition, e *model.Entity, now time.Time, limit int) ([]*model.Row, error) {
	stmt, err := c.lazily(&c.entity[e.ID].expired, func() string { return sqltext.Expired(e) })
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	over := model.Time(now.Add(-e.Keep.For))
	if err := c.bindAll(stmt, 1, []model.Value{p.Value, over, model.Int(int64(limit))}); err != nil {
		return nil, err
	}
	return c.rows(stmt, e)
}

// rows steps through a statement that gives rows from its first column on.
func (c *conn) rows(stmt *sqlite3.Stmt, e *model.Entity) (rows []*model.Row, err error) {
	for stmt.Step() {
		row, err := c.row(stmt, 0, e, &model.Row{})
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, stmt.Err()
}

func (s *source) Counter(p store.Partition, e *model.Entity, f *model.Field) (int64, error) {
	n, err := s.counter(p, e, f)
	return n, s.fault(err)
}

func (c *conn) counter(p store.Partition, e *model.Entity, f *model.Field) (int64, error) {
	b := c.books(p.Family)
	stmt, err := c.lazily(&b.counter, func() string { return b.books.Counter })
	if err != nil {
		return 0, err
	}
	defer stmt.Reset()
	if err := c.bindAll(stmt, 1, []model.Value{p.Value, model.String(e.Name), model.String(f.Name)}); err != nil {
		return 0, err
	}
	if !stmt.Step() {
		return 0, stmt.Err()
	}
	return stmt.ColumnInt64(0), stmt.Err()
}

// fault is what a write is told whose look at the store failed. The group is told by failed.
func (s *source) fault(err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*fault.Error](err); !ours {
		s.failed = err
	}
	return readFault(context.Background(), err)
}
