package work

import (
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// The states of a view in a shard, in their order. A view that was in the model before there was
// anything to make it from is settled at once.
const (
	Clearing = "clearing" // rows of an earlier definition are being deleted
	Cleared  = "cleared"  // they are, in this shard; others may not be so far
	Building = "building" // partitions of the source are being gone through
	Built    = "built"    // all were; for some the version that was read still matters
	Settled  = "settled"
)

// Names of fields of the entities in Folded. Those of a sum and its number of values begin with
// these, before the name of the fold.
const (
	FoldedRows   = "_rows"
	FoldedSum    = "_sum_"
	FoldedValues = "_values_"
)

// view declares what is kept beside the rows of a view, in their partitions.
func (x *extender) view(b *Books, v *model.View) {
	b.Applied[v] = x.entity(sqltext.AppliedOf+v.Name, v.Family, 1, field("source", text(1000)), field("version", integer))
	if len(v.Folds) == 0 {
		return
	}
	// Defaults stand where a fold is new to a store that has rows; they are computed anew then.
	zero := func(name string) *model.Field {
		f := field(name, integer)
		f.Default, f.DefaultValue = model.DefaultLiteral, model.Int(0)
		return f
	}
	var fields []*model.Field
	for _, f := range v.Entity.Key {
		own := *f
		fields = append(fields, &own)
	}
	fields = append(fields, zero(FoldedRows))
	for _, f := range v.Folds {
		if f.Of == nil {
			continue
		}
		sum := field(FoldedSum+f.Name, text(2000))
		sum.Default, sum.DefaultValue = model.DefaultLiteral, model.String("0")
		fields = append(fields, sum, zero(FoldedValues+f.Name))
	}
	b.Folded[v] = x.entity(sqltext.FoldedOf+v.Name, v.Family, len(v.Entity.Key), fields...)
}

// Row makes the internal read of one row of an entity by its key.
func Row(e *model.Entity) *model.Read {
	r := &model.Read{Name: e.Name, Of: e, Internal: true, Fields: e.Fields}
	r.Params = []*model.Input{{Field: e.Fields[0], Required: true}}
	for i, f := range e.Key {
		r.Params = append(r.Params, &model.Input{Field: f, Index: i + 1, Required: true})
	}
	return r
}

// Rows makes the internal read of an entity's rows in a partition, in the order of their key, page by
// page. An entity without a key has one row: for it, it is a read of that row.
func Rows(e *model.Entity, page int) *model.Read {
	r := Row(e)
	if len(e.Key) == 0 {
		return r
	}
	r.List, r.Page, r.Params = true, page, r.Params[:1]
	for _, f := range e.Key {
		r.Sort = append(r.Sort, model.Order{Field: f})
	}
	r.IndexOf = []*model.Index{nil}
	return r
}
