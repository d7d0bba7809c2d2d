package accessplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// Explanation tells everything that is known of one name; a read and a write may share it.
type Explanation struct {
	Name  string          `json:"name"`
	Read  *ReadExplained  `json:"read,omitempty"`
	Write *WriteExplained `json:"write,omitempty"`
}

// ReadExplained tells how a read is answered.
type ReadExplained struct {
	Read
	Address    string      `json:"address"`
	Shows      []string    `json:"shows"`
	Statements []Statement `json:"statements"`
	Cost       ReadCost    `json:"cost"` // of a call that no cache answers
	Access     Permission  `json:"access"`
}

// WriteExplained tells how a write is carried out.
type WriteExplained struct {
	Write
	Address    string      `json:"address"`
	Takes      []Argument  `json:"takes"`
	Statements []Statement `json:"statements"`
	Cost       WriteCost   `json:"cost"`
	Access     Permission  `json:"access"`
}

// Argument is one member of a write's body.
type Argument struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Required bool       `json:"required"`
	Items    []Argument `json:"items,omitempty"` // of a list
	Max      int        `json:"max,omitempty"`   // of a list
}

// Statement is one SQL text as SQLite gets it.
type Statement struct {
	When       string   `json:"when"` // such as "status is given"
	SQL        string   `json:"sql"`
	Parameters []string `json:"parameters,omitempty"` // what stands for $1, $2 …
	Index      string   `json:"index,omitempty"`
	Rows       int      `json:"rows_examined,omitempty"` // at most
}

// Explain tells all about the read or write of that name. The error, where there is none, is a
// *fault.Error of code UnknownPattern that lists the names.
func Explain(m *model.Model, name string) (*Explanation, error) {
	x := &Explanation{Name: name}
	if r := m.Read(name); r != nil {
		x.Read = explainRead(m, r)
	}
	if w := m.Write(name); w != nil {
		x.Write = explainWrite(m, w)
	}
	if x.Read == nil && x.Write == nil {
		known := append(names(m.Reads, readName), names(m.Writes, writeName)...)
		return nil, fault.New(fault.UnknownPattern, "No read or write is called %q. There are: %s.", name, strings.Join(known, ", "))
	}
	return x, nil
}

func explainRead(m *model.Model, r *model.Read) *ReadExplained {
	x := &ReadExplained{
		Read: read(m, r), Address: readAddress(r), Shows: names(r.Fields, fieldName),
		Cost: readCost(r), Access: access(m, r.Name, r.Allow),
	}
	for i, s := range x.Served {
		mask := 0
		if r.List && len(x.Served) > 1 {
			mask = i
		}
		x.Statements = append(x.Statements, readStatement(r, s, mask, x.Cost))
	}
	for _, l := range loadsOf(r.Allow) {
		x.Statements = append(x.Statements, loadStatement(l))
	}
	return x
}

func readAddress(r *model.Read) string {
	b := "GET /v1/" + r.Name + "/{" + r.Of.Family.By.Name + "}"
	if !r.List {
		for _, k := range r.Of.Key {
			b += "/{" + k.Name + "}"
		}
		return b
	}
	var query []string
	for _, f := range slices.Concat(r.By, r.Filter) {
		query = append(query, f.Name+"=")
	}
	if r.Range != nil {
		query = append(query, r.Range.Name+".from=", r.Range.Name+".to=")
	}
	return b + "?" + strings.Join(append(query, "after="), "&")
}

func readStatement(r *model.Read, s Served, mask int, cost ReadCost) Statement {
	st := sqltext.Read(sqltext.SQLite, r, sqltext.Variant{Filter: uint32(mask)})
	out := Statement{When: "first page", SQL: st.SQL, Index: s.Index, Rows: cost.Rows}
	if !r.List {
		out.When = "each call"
	}
	if len(s.Given) > 0 {
		out.When += ", " + strings.Join(s.Given, " and ") + " given"
	} else if len(r.Filter) > 0 {
		out.When += ", no filter given"
	}
	for _, b := range st.Binds {
		out.Parameters = append(out.Parameters, bindText(r, b))
	}
	if rows := rowsOf(r.Of); r.List && residual(r, s) && rows > float64(out.Rows) {
		out.Rows = int(rows)
	}
	return out
}

// residual tells whether rows must be looked at that the answer does not show: a condition that
// the index does not hold as an equality.
func residual(r *model.Read, s Served) bool {
	equal := slices.Concat(names(r.By, fieldName), s.Given)
	for _, c := range r.Where {
		equal = append(equal, c.Field.Name)
		if len(c.Values) > 1 {
			return true
		}
	}
	return slices.ContainsFunc(equal, func(f string) bool { return !slices.Contains(s.Fields, f) })
}

func bindText(r *model.Read, b sqltext.Bind) string {
	switch b.Kind {
	case sqltext.BindArg:
		return r.Params[b.Index].Name
	case sqltext.BindFrom:
		return r.Range.Name + ".from"
	case sqltext.BindTo:
		return r.Range.Name + ".to"
	case sqltext.BindCursor:
		return "cursor's " + r.Sort[b.Index].Field.Name
	case sqltext.BindKeep:
		return "now - " + model.DurationText(r.Of.Keep.For)
	}
	return string(model.AppendJSON(nil, b.Fixed))
}

func loadStatement(l *model.Load) Statement {
	st := sqltext.Read(sqltext.SQLite, l.Read, sqltext.Variant{})
	out := Statement{When: "for rules: " + l.Name, SQL: st.SQL, Index: "primary key", Rows: 1, Parameters: []string{l.Entity.Family.By.Name}}
	for _, k := range l.Key {
		out.Parameters = append(out.Parameters, sourceText(k))
	}
	return out
}

func explainWrite(m *model.Model, w *model.Write) *WriteExplained {
	x := &WriteExplained{
		Write: write(m, w), Address: "POST /v1/" + w.Name, Takes: arguments(w.Inputs),
		Cost: writeCost(w), Access: access(m, w.Name, w.Allow),
	}
	log := sqltext.LogOf(w.Family)
	x.Statements = append(x.Statements, Statement{When: "version", SQL: log.Head, Parameters: []string{w.Family.By.Name}})
	for _, l := range loadsOf(w.Allow) {
		x.Statements = append(x.Statements, loadStatement(l))
	}
	for _, s := range w.Steps {
		x.Statements = append(x.Statements, stepStatements(s)...)
	}
	x.Statements = append(x.Statements,
		Statement{When: "change", SQL: log.Insert}, Statement{When: "version", SQL: log.HeadUpdate})
	return x
}

func stepStatements(s *model.Step) []Statement {
	what := opText(s.Op) + " " + s.Entity.Name
	if s.Each != nil {
		what += fmt.Sprintf(", at most %d times", s.Each.Max)
	}
	statement := func(sql string) Statement { return Statement{When: what, SQL: sql, Index: "primary key", Rows: 1} }
	find := statement(sqltext.Get(s.Entity))
	if len(s.By) > 0 {
		equal := names(s.By, func(b model.Source) *model.Field { return b.Field })
		find = statement(sqltext.List(sqltext.SQLite, s.Entity, equal, 0, s.Entity.Keep != nil))
		find.Index, find.Rows = beginsWith(s.Entity, equal), s.Max+1
		what += fmt.Sprintf(", at most %d times", s.Max)
	}
	switch s.Op {
	case model.OpRead:
		return []Statement{find}
	case model.OpInsert:
		return []Statement{{When: what, SQL: sqltext.Insert(s.Entity)}}
	case model.OpDelete:
		return []Statement{find, statement(sqltext.Delete(s.Entity))}
	case model.OpUpdate:
		return []Statement{find, statement(sqltext.Update(s.Entity, assigned(s)))}
	}
	return []Statement{find, {When: what, SQL: sqltext.Insert(s.Entity)}, statement(sqltext.Update(s.Entity, assigned(s)))}
}

// beginsWith names the index of e whose first fields are those, in any order.
func beginsWith(e *model.Entity, fields []*model.Field) string {
	first := func(of []*model.Field) bool {
		return len(of) >= len(fields) && !slices.ContainsFunc(of[:len(fields)], func(f *model.Field) bool {
			return !slices.Contains(fields, f)
		})
	}
	if first(e.Key) {
		return "primary key"
	}
	for _, ix := range e.Indexes {
		if first(slices.Concat(ix.Equal, names(ix.Order, func(o model.Order) *model.Field { return o.Field }))) {
			return sqltext.IndexName(ix)
		}
	}
	return "the partition's rows"
}

func arguments(inputs []*model.Input) []Argument {
	out := []Argument{}
	for _, in := range inputs {
		a := Argument{Name: in.Name, Required: in.Required, Max: in.Max}
		if in.Items != nil {
			a.Type, a.Items = "list", arguments(in.Items)
		} else {
			a.Type = in.Type.String()
		}
		out = append(out, a)
	}
	return out
}
