package sqlite

import (
	"math/bits"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// readStmt is one prepared read.
type readStmt struct {
	*sqlite3.Stmt
	text sqltext.Statement
}

type readKey struct {
	read    *model.Read
	variant sqltext.Variant
}

// listKey names a list statement: the fields that are given, and those of them that are null, by
// Field.Pos.
type listKey struct {
	entity      *model.Entity
	equal, null uint64
	lasting     bool // leaves out rows that have expired
}

// updateKey names an update statement: the fields that are set, by Field.Pos.
type updateKey struct {
	entity *model.Entity
	set    uint64
}

// entityStmts are the statements on one entity's table, prepared when first used.
type entityStmts struct {
	get, insert, delete, expired, updateAll *sqlite3.Stmt
}

// familyStmts are the statements on one family's own tables, prepared when first used.
type familyStmts struct {
	books                        *sqltext.Books
	log                          *sqltext.Log
	head, headInsert, headUpdate *sqlite3.Stmt
	changeInsert, markInsert     *sqlite3.Stmt
	outcome, outcomeInsert       *sqlite3.Stmt
	counter, counterUpsert       *sqlite3.Stmt

	last int64 // the highest seq given out; 0: not known yet; of the writer only
}

func (c *conn) books(f *model.Family) *familyStmts {
	s := &c.family[f.ID]
	if s.books == nil {
		s.books, s.log = sqltext.BooksOf(f), sqltext.LogOf(f)
	}
	return s
}

func (c *conn) readStmt(r *model.Read, v sqltext.Variant) (*readStmt, error) {
	key := readKey{r, v}
	if s := c.byRead[key]; s != nil {
		return s, nil
	}
	makeRoom(c.byRead, func(s *readStmt) error { return s.Close() })
	text := sqltext.Read(sqltext.SQLite, r, v)
	stmt, err := c.prepare(text.SQL)
	if err != nil {
		return nil, err
	}
	s := &readStmt{Stmt: stmt, text: text}
	c.byRead[key] = s
	return s, nil
}

// listStmt gives the list statement of a key; fields must have a Pos below 64.
func (c *conn) listStmt(key listKey) (*sqlite3.Stmt, error) {
	if s := c.byList[key]; s != nil {
		return s, nil
	}
	makeRoom(c.byList, (*sqlite3.Stmt).Close)
	var fields []*model.Field
	var null uint64
	for set := key.equal; set != 0; set &= set - 1 {
		pos := bits.TrailingZeros64(set)
		if key.null&(1<<pos) != 0 {
			null |= 1 << len(fields)
		}
		fields = append(fields, key.entity.Fields[pos])
	}
	s, err := c.prepare(sqltext.List(sqltext.SQLite, key.entity, fields, null, key.lasting))
	if err == nil {
		c.byList[key] = s
	}
	return s, err
}

// updateStmt gives the statement that sets the given fields, by Field.Pos.
func (c *conn) updateStmt(e *model.Entity, set uint64) (*sqlite3.Stmt, error) {
	key := updateKey{e, set}
	if s := c.update[key]; s != nil {
		return s, nil
	}
	makeRoom(c.update, (*sqlite3.Stmt).Close)
	var fields []*model.Field
	for ; set != 0; set &= set - 1 {
		fields = append(fields, e.Fields[bits.TrailingZeros64(set)])
	}
	s, err := c.prepare(sqltext.Update(e, fields))
	if err == nil {
		c.update[key] = s
	}
	return s, err
}
