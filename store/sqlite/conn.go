package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// maxStatements bounds the prepared statements that one connection keeps for one kind of use.
const maxStatements = 512

// conn is one connection with its prepared statements. It is not safe for concurrent use.
type conn struct {
	*sqlite3.Conn
	byText map[string]*sqlite3.Stmt
	byRead map[readKey]*readStmt
	byList map[listKey]*sqlite3.Stmt
	update map[updateKey]*sqlite3.Stmt
	entity []entityStmts             // by Entity.ID
	family []familyStmts             // by Family.ID
	text   []byte                    // scratch: the texts of one row
	spans  []span                    // scratch: where they are
	start  func(*model.Family) int64 // what a new head has as relayed; of the writer only
}

type span struct{ column, from, to int }

// uri names a file for SQLite.
func uri(path, vfs string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: path}
	if vfs != "" {
		u.RawQuery = url.Values{"vfs": {vfs}}.Encode()
	}
	return u.String()
}

func openConn(path, vfs string, pragmas ...string) (*conn, error) {
	raw, err := sqlite3.Open(uri(path, vfs))
	if err != nil {
		return nil, err
	}
	c := &conn{
		Conn: raw, byText: map[string]*sqlite3.Stmt{}, byRead: map[readKey]*readStmt{},
		byList: map[listKey]*sqlite3.Stmt{}, update: map[updateKey]*sqlite3.Stmt{},
	}
	for _, p := range pragmas {
		if err := c.Exec("PRAGMA " + p); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// use makes room for the statements of a model.
func (c *conn) use(m *model.Model) {
	c.entity = make([]entityStmts, len(m.Entities))
	c.family = make([]familyStmts, len(m.Families))
}

// close finalizes every statement, then the connection.
func (c *conn) close() error {
	var stmts []*sqlite3.Stmt
	for s := range c.Stmts() {
		stmts = append(stmts, s)
	}
	for _, s := range stmts {
		s.Close()
	}
	return c.Conn.Close()
}

func (c *conn) prepare(sql string) (*sqlite3.Stmt, error) {
	s, _, err := c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	return s, err
}

// prepared gives the statement of a text, prepared once.
func (c *conn) prepared(sql string) (*sqlite3.Stmt, error) {
	if s := c.byText[sql]; s != nil {
		return s, nil
	}
	makeRoom(c.byText, (*sqlite3.Stmt).Close)
	s, err := c.prepare(sql)
	if err == nil {
		c.byText[sql] = s
	}
	return s, err
}

// lazily prepares a statement into its place.
func (c *conn) lazily(place **sqlite3.Stmt, sql func() string) (*sqlite3.Stmt, error) {
	if *place == nil {
		s, err := c.prepare(sql())
		if err != nil {
			return nil, err
		}
		*place = s
	}
	return *place, nil
}

// makeRoom drops any one statement of a full map.
func makeRoom[K comparable, S any](stmts map[K]S, drop func(S) error) {
	if len(stmts) < maxStatements {
		return
	}
	for k, s := range stmts {
		_ = drop(s) // tells again what its last use told
		delete(stmts, k)
		return
	}
}

// number runs a text that gives one number, such as a PRAGMA.
func (c *conn) number(sql string) (n int64, err error) {
	err = c.each(sql, func(s *sqlite3.Stmt) { n = s.ColumnInt64(0) })
	return n, err
}

// word runs a text that gives one text; "" where it gives none.
func (c *conn) word(sql string, args ...string) (text string, err error) {
	err = c.each(sql, func(s *sqlite3.Stmt) { text = s.ColumnText(0) }, args...)
	return text, err
}

// each runs a text once and calls f for each of its lines.
func (c *conn) each(sql string, f func(*sqlite3.Stmt), args ...string) error {
	s, _, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer s.Close()
	for i, a := range args {
		if err := s.BindText(i+1, a); err != nil {
			return err
		}
	}
	for s.Step() {
		f(s)
	}
	return s.Err()
}

// bind sets a parameter in the form in which values are stored.
func (c *conn) bind(s *sqlite3.Stmt, param int, v model.Value) (err error) {
	switch v.Kind() {
	case model.BoolValue:
		return s.BindBool(param, v.Bool())
	case model.IntValue, model.DecimalValue:
		return s.BindInt64(param, v.Int())
	case model.FloatValue:
		return s.BindFloat(param, v.Float())
	case model.StringValue, model.JSONValue:
		return s.BindText(param, v.Text())
	case model.BytesValue:
		return s.BindBlob(param, []byte(v.Text()))
	case model.TimeValue:
		if c.text, err = sqltext.AppendTime(c.text[:0], v.Int()); err != nil {
			return err
		}
		return s.BindRawText(param, c.text)
	case model.DateValue:
		if c.text, err = sqltext.AppendDate(c.text[:0], v.Int()); err != nil {
			return err
		}
		return s.BindRawText(param, c.text)
	}
	return s.BindNull(param)
}

// bindAll sets parameters from first on.
func (c *conn) bindAll(s *sqlite3.Stmt, first int, vs []model.Value) error {
	for i, v := range vs {
		if err := c.bind(s, first+i, v); err != nil {
			return err
		}
	}
	return nil
}

// row reads the row whose version stands in the given column, and its fields behind it; nil where
// the version is null. All texts of a row share one piece of memory.
func (c *conn) row(s *sqlite3.Stmt, column int, e *model.Entity, into *model.Row) (*model.Row, error) {
	version := s.ColumnInt64(column)
	if version == 0 { // null: versions start with 1
		return nil, nil
	}
	into.Version = uint64(version)
	into.Values = make([]model.Value, len(e.Fields))
	c.text, c.spans = c.text[:0], c.spans[:0]
	for i, f := range e.Fields {
		at := column + 1 + i
		if f.Type.Null && s.ColumnType(at) == sqlite3.NULL {
			continue
		}
		v, ok := c.column(s, at, i, &f.Type)
		if !ok {
			return nil, fmt.Errorf("column %s of table %s holds what Partita did not write", f.Name, e.Name)
		}
		into.Values[i] = v
	}
	texts := string(c.text)
	for _, p := range c.spans {
		text := texts[p.from:p.to]
		switch e.Fields[p.column].Type.Kind {
		case model.KindBytes:
			into.Values[p.column] = model.Bytes(text)
		case model.KindJSON:
			into.Values[p.column] = model.JSON(text)
		default:
			into.Values[p.column] = model.String(text)
		}
	}
	return into, s.Err()
}

// column reads a value that is not null. Texts are put into the scratch, and set at the end.
func (c *conn) column(s *sqlite3.Stmt, at, field int, t *model.Type) (model.Value, bool) {
	switch t.Kind {
	case model.KindInt:
		return model.Int(s.ColumnInt64(at)), true
	case model.KindBool:
		return model.Bool(s.ColumnInt64(at) != 0), true
	case model.KindDecimal:
		return model.Decimal(s.ColumnInt64(at), uint8(t.Scale)), true
	case model.KindFloat:
		return model.Float(s.ColumnFloat(at)), true
	case model.KindTime:
		micro, ok := sqltext.ParseTime(s.ColumnRawText(at))
		return model.TimeMicro(micro), ok
	case model.KindDate:
		day, ok := sqltext.ParseDate(s.ColumnRawText(at))
		return model.DateDays(day), ok
	}
	from := len(c.text)
	if t.Kind == model.KindBytes {
		c.text = append(c.text, s.ColumnRawBlob(at)...)
	} else {
		c.text = append(c.text, s.ColumnRawText(at)...)
	}
	c.spans = append(c.spans, span{field, from, len(c.text)})
	return model.Null, true
}

// free lets a connection be used without a deadline.
func (c *conn) free() { c.SetInterrupt(context.Background()) }
