package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// reader takes a connection from the pool, for as long as ctx allows. It is given back with done.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	select {
	case <-s.closed:
		return nil, closedFault()
	default:
	}
	select {
	case c := <-s.readers:
		return s.lend(ctx, c)
	default:
	}
	select {
	case c := <-s.readers:
		return s.lend(ctx, c)
	case <-s.closed:
		return nil, closedFault()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Deadline, ctx.Err(), "The store was too busy to answer in time. Try again shortly.")
	}
}

func (s *Store) lend(ctx context.Context, c *conn) (*conn, error) {
	s.inUse.Add(1)
	c.SetInterrupt(ctx)
	return c, nil
}

func (s *Store) done(c *conn) {
	c.free()
	s.inUse.Add(-1)
	s.readers <- c
}

// Read answers one query, and those in Also, from one snapshot.
func (s *Store) Read(ctx context.Context, p store.Partition, q *store.Query) (*store.Result, error) {
	c, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer s.done(c)
	if len(q.Also) == 0 {
		res, err := c.read(p, q, q.Now)
		if err != nil {
			return nil, readFault(ctx, err)
		}
		return res, nil
	}
	res, err := c.readAll(p, q)
	if err != nil {
		return nil, readFault(ctx, err)
	}
	return res, nil
}

// readAll runs several statements on one snapshot.
func (c *conn) readAll(p store.Partition, q *store.Query) (res *store.Result, err error) {
	err = c.snapshot(func() error {
		res, err = c.readBoth(p, q)
		return err
	})
	return res, err
}

// snapshot runs f in one transaction of reads only.
func (c *conn) snapshot(f func() error) error {
	if err := c.Exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		c.free()
		_ = c.Exec("COMMIT") // of reads only: there is nothing to lose
	}()
	return f()
}

func (c *conn) readBoth(p store.Partition, q *store.Query) (*store.Result, error) {
	res, err := c.read(p, q, q.Now)
	if err != nil {
		return nil, err
	}
	res.Also = make([]*model.Row, len(q.Also))
	for i, also := range q.Also {
		now := also.Now
		if now.IsZero() {
			now = q.Now
		}
		more, err := c.read(p, also, now)
		if err != nil {
			return nil, err
		}
		if len(more.Rows) > 0 {
			res.Also[i] = more.Rows[0]
		}
	}
	return res, nil
}

// found is the result of a get, in one piece of memory.
type found struct {
	store.Result
	rows [1]*model.Row
	row  model.Row
}

func (c *conn) read(p store.Partition, q *store.Query, now time.Time) (*store.Result, error) {
	stmt, err := c.readStmt(q.Read, variant(q))
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	for i := range stmt.text.Binds {
		if err := c.bind(stmt.Stmt, i+1, valueOf(&stmt.text.Binds[i], p, q, now)); err != nil {
			return nil, err
		}
	}
	f := &found{}
	res := &f.Result
	if !q.Read.List {
		if !stmt.Step() {
			return res, stmt.Err()
		}
		res.Version = uint64(stmt.ColumnInt64(0))
		row, err := c.row(stmt.Stmt, 1, q.Read.Of, &f.row)
		if row != nil {
			f.rows[0] = row
			res.Rows = f.rows[:]
		}
		return res, err
	}
	for stmt.Step() {
		res.Version = uint64(stmt.ColumnInt64(0))
		row, err := c.row(stmt.Stmt, 1, q.Read.Of, &model.Row{})
		if err != nil {
			return nil, err
		}
		if row != nil {
			res.Rows = append(res.Rows, row)
		}
	}
	if err := stmt.Err(); err != nil {
		return nil, err
	}
	if limit := stmt.text.Limit; limit > 0 && len(res.Rows) == limit {
		res.Rows, res.More = res.Rows[:limit-1], true
	}
	if q.Back {
		slices.Reverse(res.Rows)
	}
	return res, nil
}

// variant tells which of a read's statements answers a query.
func variant(q *store.Query) sqltext.Variant {
	r := q.Read
	v := sqltext.Variant{From: !q.From.IsNull(), To: !q.To.IsNull(), Cursor: len(q.Cursor) > 0, Back: q.Back}
	filters := len(r.Params) - len(r.Filter)
	for i := 1; i < len(r.Params); i++ {
		given := i < filters
		if !given && i < len(q.Args.Given) && q.Args.Given[i] {
			given = true
			v.Filter |= 1 << (i - filters)
		}
		if given && q.Args.Values[i].IsNull() {
			v.Null |= 1 << i
		}
	}
	for i, value := range q.Cursor {
		if value.IsNull() {
			v.CursorNull |= 1 << i
		}
	}
	return v
}

func valueOf(b *sqltext.Bind, p store.Partition, q *store.Query, now time.Time) model.Value {
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
		return model.Time(now.Add(-q.Read.Of.Keep.For))
	}
	if b.Index == 0 {
		return p.Value
	}
	return q.Args.Values[b.Index]
}

// with runs f on a connection of the pool and says what its errors mean to a caller.
func (s *Store) with(ctx context.Context, f func(*conn) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer s.done(c)
	if err := f(c); err != nil {
		return readFault(ctx, err)
	}
	return nil
}

// Head gives the version of a partition.
func (s *Store) Head(ctx context.Context, p store.Partition) (version uint64, err error) {
	err = s.with(ctx, func(c *conn) error {
		h, err := c.head(p)
		version = h.version
		return err
	})
	return version, err
}

// Partitions lists the partitions of a family in the order of their values.
func (s *Store) Partitions(ctx context.Context, f *model.Family, after model.Value, limit int) (values []model.Value, err error) {
	err = s.with(ctx, func(c *conn) error {
		text, args := c.books(f).books.Heads, []model.Value{model.Int(int64(limit))}
		if !after.IsNull() {
			text, args = c.books(f).books.HeadsAfter, []model.Value{after, model.Int(int64(limit))}
		}
		values, err = c.partitions(f, text, args)
		return err
	})
	return values, err
}

// partitions gives those of a family that a statement lists.
func (c *conn) partitions(f *model.Family, text string, args []model.Value) (values []model.Value, err error) {
	stmt, err := c.prepared(text)
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	if err := c.bindAll(stmt, 1, args); err != nil {
		return nil, err
	}
	for stmt.Step() {
		v, err := c.partition(stmt, f)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, stmt.Err()
}

// Scan lists all rows of an entity in the order of partition and key.
func (s *Store) Scan(ctx context.Context, e *model.Entity, after []model.Value, limit int) (rows []*model.Row, err error) {
	err = s.with(ctx, func(c *conn) (err error) {
		stmt, err := c.prepared(sqltext.Scan(e, after != nil))
		if err != nil {
			return err
		}
		defer stmt.Reset()
		if err := c.bindAll(stmt, 1, append(slices.Clone(after), model.Int(int64(limit)))); err != nil {
			return err
		}
		rows, err = c.rows(stmt, e)
		return err
	})
	return rows, err
}
