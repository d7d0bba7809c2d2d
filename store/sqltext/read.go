package sqltext

import (
	"slices"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// Variant tells which of a read's statements is wanted. Bits of Filter are by place in Read.Filter,
// of Null by place in Read.Params, of CursorNull by place in Read.Sort. It may be a map's key.
type Variant struct {
	Filter     uint32 // the filters that are given
	Null       uint32 // the parameters that are given as null
	CursorNull uint32 // the values of the cursor that are null
	From, To   bool   // which bounds of Read.Range are given
	Cursor     bool   // the page goes on from a row
	Back       bool   // the page before that row
}

// BindKind tells where the value of a parameter comes from.
type BindKind uint8

// The sources of a parameter's value.
const (
	BindArg    BindKind = iota // a value of the request, Index by Read.Params
	BindFrom                   // the lower bound of the range
	BindTo                     // the upper bound of the range
	BindCursor                 // a value of the cursor, Index by Read.Sort
	BindFixed                  // Fixed, from the model
	BindKeep                   // now minus Keep.For: rows from later are shown
)

// Bind says what stands for one parameter.
type Bind struct {
	Kind  BindKind
	Index int
	Fixed model.Value
}

// Statement is one read's text. Its columns are the partition's version, the row's version, and
// the entity's fields in their order; all but the first are null where there is no row. No line at
// all means that the partition was never written.
type Statement struct {
	SQL   string
	Binds []Bind // by parameter, from $1
	Limit int    // lines asked for: one more than the page, so that the caller sees whether there are more; 0: no limit
}

// Read writes the statement of one read. Head and rows come from one statement, hence from one
// snapshot.
func Read(d Dialect, r *model.Read, v Variant) Statement {
	w := readWriter{d: d, r: r, v: v}
	e := r.Of
	w.add("SELECT h.\"version\", ")
	w.columns(e, "e.")
	w.add(" FROM ", Quote(bookName("head", e.Family)), " h LEFT JOIN ", Quote(e.Name), " e", d.indexedBy(r, v), " ON e.", Quote(e.Fields[0].Name), " = ")
	w.bind(Bind{Kind: BindArg})
	w.conditions()
	w.add(` WHERE h."partition" = $1`)
	if !r.List {
		return Statement{SQL: w.String(), Binds: w.binds}
	}
	w.add(" ORDER BY ")
	w.list(len(r.Sort), func(i int) {
		w.add(d.order(r.Sort[i].Field, "e.", r.Sort[i].Desc != v.Back))
	})
	limit := 0
	if r.Page > 0 {
		limit = r.Page + 1
		w.add(" LIMIT ", strconv.Itoa(limit))
	}
	return Statement{SQL: w.String(), Binds: w.binds, Limit: limit}
}

// indexedBy names the index that the model derived for a read. Left to itself, SQLite takes the
// primary key where that gives the order too, and looks at every row of the partition.
func (d Dialect) indexedBy(r *model.Read, v Variant) string {
	if d.Name != SQLite.Name || !r.List || int(v.Filter) >= len(r.IndexOf) || r.IndexOf[v.Filter] == nil {
		return ""
	}
	return " INDEXED BY " + Quote(IndexName(r.IndexOf[v.Filter]))
}

type readWriter struct {
	text
	d     Dialect
	r     *model.Read
	v     Variant
	binds []Bind
}

func (b *text) columns(e *model.Entity, prefix string) {
	b.add(prefix, Quote(VersionColumn))
	for _, f := range e.Fields {
		b.add(", ", prefix, Quote(f.Name))
	}
}

func (w *readWriter) bind(b Bind) {
	w.param()
	w.binds = append(w.binds, b)
}

func (w *readWriter) conditions() {
	r := w.r
	if !r.List {
		for i, f := range r.Of.Key {
			w.equal(f, 1+i)
		}
	}
	for i, f := range r.By {
		w.equal(f, 1+i)
	}
	for i, f := range r.Filter {
		if w.v.Filter&(1<<i) != 0 {
			w.equal(f, 1+len(r.By)+i)
		}
	}
	for _, c := range r.Where {
		w.fixed(c)
	}
	if w.v.From {
		w.add(" AND e.", Quote(r.Range.Name), " >= ")
		w.bind(Bind{Kind: BindFrom})
	}
	if w.v.To {
		w.add(" AND e.", Quote(r.Range.Name), " < ")
		w.bind(Bind{Kind: BindTo})
	}
	if k := r.Of.Keep; k != nil {
		w.add(" AND ")
		name := "e." + Quote(k.From.Name)
		if k.From.Type.Null {
			w.add("(", name, " IS NULL OR ", name, " > ")
			w.bind(Bind{Kind: BindKeep})
			w.add(")")
		} else {
			w.add(name, " > ")
			w.bind(Bind{Kind: BindKeep})
		}
	}
	if w.v.Cursor {
		w.cursor()
	}
}

func (w *readWriter) equal(f *model.Field, arg int) {
	w.add(" AND e.", Quote(f.Name))
	if w.v.Null&(1<<arg) != 0 {
		w.add(" IS NULL")
		return
	}
	w.add(" = ")
	w.bind(Bind{Kind: BindArg, Index: arg})
}

func (w *readWriter) fixed(c model.Cond) {
	name := "e." + Quote(c.Field.Name)
	values := slices.DeleteFunc(slices.Clone(c.Values), model.Value.IsNull)
	null := len(values) < len(c.Values)
	w.add(" AND ")
	switch {
	case len(values) == 0:
		w.add(name, " IS NULL")
		return
	case null:
		w.add("(", name, " IS NULL OR ")
	}
	w.add(name)
	if len(values) == 1 {
		w.add(" = ")
		w.bind(Bind{Kind: BindFixed, Fixed: values[0]})
	} else {
		w.add(" IN (")
		w.list(len(values), func(i int) { w.bind(Bind{Kind: BindFixed, Fixed: values[i]}) })
		w.add(")")
	}
	if null {
		w.add(")")
	}
}

// cursor writes the condition that a row lies beyond the cursor in the direction of the query.
// Fields of one direction and without nulls become one row comparison, which an index answers
// exactly. Otherwise the first field bounds the index, and the rest is compared step by step.
func (w *readWriter) cursor() {
	sort := w.r.Sort
	if w.comparable() {
		op := " > "
		if sort[0].Desc != w.v.Back {
			op = " < "
		}
		names := make([]string, len(sort))
		for i, o := range sort {
			names[i] = "e." + Quote(o.Field.Name)
		}
		w.add(" AND (", strings.Join(names, ", "), ")", op, "(")
		w.list(len(sort), func(i int) { w.bind(Bind{Kind: BindCursor, Index: i}) })
		w.add(")")
		return
	}
	if first := w.v.CursorNull&1 == 0 && !(sort[0].Field.Type.Null && sort[0].Desc != w.v.Back); first {
		op := " >= "
		if sort[0].Desc != w.v.Back {
			op = " <= "
		}
		w.add(" AND e.", Quote(sort[0].Field.Name), op)
		w.bind(Bind{Kind: BindCursor})
	}
	w.add(" AND (")
	w.beyond(0)
	w.add(")")
}

func (w *readWriter) comparable() bool {
	for _, o := range w.r.Sort {
		if o.Desc != w.r.Sort[0].Desc || o.Field.Type.Null {
			return false
		}
	}
	return w.v.CursorNull == 0
}

// beyond writes: field i lies beyond the cursor, or equals it and the following fields lie beyond.
func (w *readWriter) beyond(i int) {
	o := w.r.Sort[i]
	name := "e." + Quote(o.Field.Name)
	null := w.v.CursorNull&(1<<i) != 0
	down := o.Desc != w.v.Back
	value := func() { w.bind(Bind{Kind: BindCursor, Index: i}) }
	switch {
	case null && down:
		w.add("1 = 0") // nothing is smaller than null
	case null:
		w.add(name, " IS NOT NULL")
	case down && o.Field.Type.Null:
		w.add(name, " IS NULL OR ", name, " < ")
		value()
	case down:
		w.add(name, " < ")
		value()
	default:
		w.add(name, " > ")
		value()
	}
	if i+1 == len(w.r.Sort) {
		return
	}
	w.add(" OR ", name)
	if null {
		w.add(" IS NULL")
	} else {
		w.add(" = ")
		value()
	}
	w.add(" AND (")
	w.beyond(i + 1)
	w.add(")")
}
