package sqlite

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// persist runs the statements of a group.
func (s *source) persist(group *store.Group) error {
	for w := range group.Rows {
		if err := s.writeRow(w); err != nil {
			return err
		}
	}
	for w := range group.Counters {
		b := s.books(w.Partition.Family)
		err := s.exec(&b.counterUpsert, &b.books.CounterUpsert,
			w.Partition.Value, model.String(w.Entity.Name), model.String(w.Field.Name), model.Int(w.N))
		if err != nil {
			return err
		}
	}
	for _, change := range group.Changes() {
		if err := s.writeChange(change); err != nil {
			return err
		}
	}
	for w := range group.Heads {
		if err := s.writeHead(w); err != nil {
			return err
		}
	}
	for _, o := range group.Outcomes() {
		if err := s.writeOutcome(&o); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement that is prepared into its place when first used.
func (c *conn) exec(place **sqlite3.Stmt, sql *string, args ...model.Value) error {
	stmt, err := c.lazily(place, func() string { return *sql })
	if err != nil {
		return err
	}
	if err := c.bindAll(stmt, 1, args); err != nil {
		return err
	}
	return stmt.Exec()
}

func (c *conn) writeRow(w store.RowWrite) error {
	e, stmts := w.Entity, &c.entity[w.Entity.ID]
	switch {
	case w.Before == nil:
		stmt, err := c.lazily(&stmts.insert, func() string { return sqltext.Insert(e) })
		if err != nil {
			return err
		}
		if err := c.bindAll(stmt, 1, w.After.Values); err != nil {
			return err
		}
		if err := stmt.BindInt64(len(e.Fields)+1, int64(w.After.Version)); err != nil {
			return err
		}
		return stmt.Exec()
	case w.After == nil:
		stmt, err := c.lazily(&stmts.delete, func() string { return sqltext.Delete(e) })
		if err != nil {
			return err
		}
		if err := c.bindKey(stmt, 1, e, w.Before); err != nil {
			return err
		}
		return c.one(stmt)
	}
	return c.updateRow(w)
}

// updateRow sets the fields that differ; all of them where there are more than a mask can name.
func (c *conn) updateRow(w store.RowWrite) error {
	e := w.Entity
	var set uint64
	var stmt *sqlite3.Stmt
	var err error
	if len(e.Fields) <= 64 {
		for i, v := range w.After.Values {
			if v != w.Before.Values[i] {
				set |= 1 << i
			}
		}
		stmt, err = c.updateStmt(e, set)
	} else {
		stmt, err = c.lazily(&c.entity[e.ID].updateAll, func() string { return sqltext.Update(e, e.Fields) })
	}
	if err != nil {
		return err
	}
	param := 1
	for i, v := range w.After.Values {
		if len(e.Fields) > 64 || set&(1<<i) != 0 {
			if err := c.bind(stmt, param, v); err != nil {
				return err
			}
			param++
		}
	}
	if err := stmt.BindInt64(param, int64(w.After.Version)); err != nil {
		return err
	}
	if err := c.bindKey(stmt, param+1, e, w.Before); err != nil {
		return err
	}
	return c.one(stmt)
}

func (c *conn) bindKey(stmt *sqlite3.Stmt, first int, e *model.Entity, row *model.Row) error {
	if err := c.bind(stmt, first, row.Values[0]); err != nil {
		return err
	}
	for i, f := range e.Key {
		if err := c.bind(stmt, first+1+i, row.Values[f.Pos]); err != nil {
			return err
		}
	}
	return nil
}

// one runs a statement that must hit exactly one row.
func (c *conn) one(stmt *sqlite3.Stmt) error {
	if err := stmt.Exec(); err != nil {
		return err
	}
	if n := c.Conn.Changes(); n != 1 {
		return fmt.Errorf("sqlite: %d rows were there where one was expected", n)
	}
	return nil
}

func (s *source) writeHead(w store.HeadWrite) error {
	b, version, last := s.books(w.Partition.Family), model.Int(int64(w.After)), model.Int(s.last[w.Partition])
	if w.Before == 0 {
		bucket := w.Partition.Family.Bucket(w.Partition.Value)
		return s.exec(&b.headInsert, &b.log.HeadInsert, w.Partition.Value, model.Int(int64(bucket)), version,
			model.Int(s.start(w.Partition.Family)), last)
	}
	return s.exec(&b.headUpdate, &b.log.HeadUpdate, version, last, w.Partition.Value)
}

func (c *conn) writeOutcome(o *store.KeptOutcome) error {
	b := c.books(o.Partition.Family)
	stmt, err := c.lazily(&b.outcomeInsert, func() string { return b.books.OutcomeInsert })
	if err != nil {
		return err
	}
	if err := c.bind(stmt, 1, o.Partition.Value); err != nil {
		return err
	}
	if err := stmt.BindBlob(2, o.Hash[:]); err != nil {
		return err
	}
	if err := stmt.BindBlob(3, o.Fingerprint[:]); err != nil {
		return err
	}
	if err := stmt.BindInt64(4, int64(o.Version)); err != nil {
		return err
	}
	if err := stmt.BindInt64(5, o.Time.UnixMicro()); err != nil {
		return err
	}
	body := o.Body
	if body == nil {
		body = []byte{}
	}
	if err := stmt.BindBlob(6, body); err != nil {
		return err
	}
	return stmt.Exec()
}
