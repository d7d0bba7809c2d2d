package forecast

import (
	"math"
	"slices"

	"github.com/partita-dev/partita/model"
)

// engine is what a store's files take beside the values in them: counted in stores that the shop filled.
type engine struct {
	row, entry   float64 // beside the fields of a row and of an index entry: headers, the row's version
	table, index float64 // how full pages are
	head         float64 // of a partition's head, beside the partition's name
	change       float64 // of a change, beside its body and the partition's name
}

// SQLite keeps rows in the order of their key, in pages of both. PostgreSQL puts rows one behind the other;
// its indexes are split where keys come in any order.
var (
	sqliteBytesOf   = engine{row: 7, entry: 5, table: 0.84, index: 0.84, head: 16, change: 43}
	postgresBytesOf = engine{row: 36, entry: 12, table: 0.95, index: 0.64, head: 60, change: 76}
)

// logFill is how full the pages of the change log are: some changes make a page.
const logFill = 0.9

func (p *planner) engine() engine {
	if p.Postgres {
		return postgresBytesOf
	}
	return sqliteBytesOf
}

// row gives the bytes of a row with its indexes: as measured, or by its fields.
func (p *planner) row(e *model.Entity) Number {
	if m := p.Measured; m != nil {
		for _, x := range m.Entities {
			if x.Name == e.Name && x.BytesPerRow > 0 {
				return Number{x.BytesPerRow, Measured}
			}
		}
	}
	g := p.engine()
	bytes := (p.widths(e.Fields...) + g.row) / g.table
	key := append([]*model.Field{e.Fields[0]}, e.Key...)
	if p.Postgres { // its primary key is an index of its own
		bytes += p.entry(key)
	}
	for _, x := range e.Indexes {
		fields := append(slices.Clone(key), x.Equal...)
		for _, o := range x.Order {
			fields = append(fields, o.Field)
		}
		bytes += p.entry(fields)
	}
	for _, u := range e.Unique {
		fields := append([]*model.Field{e.Fields[0]}, u...)
		if !p.Postgres {
			fields = append(fields, key...)
		}
		bytes += p.entry(fields)
	}
	if e.View != nil && len(e.View.Folds) == 0 {
		bytes += p.applied(e.View)
	}
	return Number{bytes, Assumed}
}

// entry gives the bytes of an index entry. A field that is in it twice counts once.
func (p *planner) entry(fields []*model.Field) float64 {
	var once []*model.Field
	for _, f := range fields {
		if !slices.Contains(once, f) {
			once = append(once, f)
		}
	}
	g := p.engine()
	return (p.widths(once...) + g.entry) / g.index
}

// applied gives the bytes in which a view's partition notes how far it followed a source: one for each
// row, since most partitions of an index view have rows of one source only.
func (p *planner) applied(v *model.View) float64 {
	g := p.engine()
	key := p.width(v.ByField) + p.written(v.From.Family.By) + 1 // the source is a text
	bytes := (key + 2 + g.row) / g.table
	if p.Postgres {
		bytes += (key + g.entry) / g.index
	}
	return bytes
}

// headBytes gives what a partition takes although there is no row in it: its head, and its place in its
// bucket.
func (p *planner) headBytes(f *model.Family) float64 {
	g := p.engine()
	name := p.width(f.By)
	bytes := (name+g.head)/g.table + (name+4+g.entry)/g.index
	if p.Postgres {
		bytes += (name + g.entry) / g.index
	}
	return bytes
}

func (p *planner) widths(fields ...*model.Field) (sum float64) {
	for _, f := range fields {
		sum += p.width(f)
	}
	return sum
}

// width estimates the bytes of a field's values as they are stored. SQLite has texts where PostgreSQL has
// types of its own.
func (p *planner) width(f *model.Field) float64 {
	n := 8.0
	switch f.Type.Kind {
	case model.KindBool:
		n = 1
	case model.KindUUID, model.KindDate, model.KindTime:
		if !p.Postgres {
			return p.written(f) + 1
		}
		n = map[model.Kind]float64{model.KindUUID: 16, model.KindDate: 4, model.KindTime: 8}[f.Type.Kind]
	case model.KindInt:
		if !p.Postgres {
			n = 3
		}
	case model.KindFloat, model.KindDecimal:
	default:
		return p.written(f) + 1
	}
	if f.Type.Null {
		n /= 2
	}
	return n + 1
}

// written estimates the characters of a field's values as texts. Texts are taken as a third full, long
// ones less; what may be null is so half of the time.
func (p *planner) written(f *model.Field) float64 {
	t := f.Type
	n := 6.0
	switch t.Kind {
	case model.KindUUID:
		n = 36
	case model.KindEnum:
		n = 0
		for _, s := range t.Enum {
			n += float64(len(s)) / float64(len(t.Enum))
		}
	case model.KindTime:
		n = 27
	case model.KindDate:
		n = 10
	case model.KindInt:
		n = 4
	case model.KindEmail:
		n = 24
	case model.KindURL:
		n = 60
	case model.KindString, model.KindText, model.KindBytes, model.KindJSON:
		n = math.Min(float64(t.Size), 12+math.Sqrt(float64(t.Size))*3)
	}
	if t.Null {
		n /= 2
	}
	return n
}
