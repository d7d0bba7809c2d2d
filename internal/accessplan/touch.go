package accessplan

import (
	"slices"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// servedBy gives the index behind each combination of filters. Combinations that one index serves
// are told apart only where another index comes in.
func servedBy(r *model.Read) []Served {
	if !r.List || len(r.IndexOf) == 0 {
		return []Served{served(r, nil, 0)}
	}
	var out []Served
	for mask, ix := range r.IndexOf {
		out = append(out, served(r, ix, mask))
	}
	first := out[0]
	if !slices.ContainsFunc(out, func(s Served) bool { return s.Index != first.Index }) {
		return out[:1]
	}
	return out
}

func served(r *model.Read, ix *model.Index, mask int) Served {
	s := Served{Index: "primary key"}
	for i, f := range r.Filter {
		if mask&(1<<i) != 0 {
			s.Given = append(s.Given, f.Name)
		}
	}
	s.Fields = append(s.Fields, r.Of.Family.By.Name)
	if ix == nil {
		s.Fields = append(s.Fields, names(r.Of.Key, fieldName)...)
		return s
	}
	s.Index = sqltext.IndexName(ix)
	s.Fields = append(s.Fields, names(ix.Equal, fieldName)...)
	for _, o := range ix.Order {
		name := o.Field.Name
		if o.Desc {
			name = "-" + name
		}
		s.Fields = append(s.Fields, name)
	}
	return s
}

// changedBy lists the writes that may alter an answer of r.
func changedBy(m *model.Model, r *model.Read) ChangedBy {
	c := ChangedBy{Writes: []string{}}
	if v := r.Of.View; v != nil {
		c.View = v.Name
		for _, w := range m.Writes {
			if writeChangesView(w, v) {
				c.Writes = append(c.Writes, w.Name)
			}
		}
		return c
	}
	for _, w := range m.Writes {
		if writeChangesRead(w, r) {
			c.Writes = append(c.Writes, w.Name)
		}
	}
	if k := r.Of.Keep; k != nil {
		c.Expiry = model.DurationText(k.For)
	}
	return c
}

// writeChangesRead tells whether w may alter an answer of r. A function may do anything within its
// family. An update alters a list only through fields that the list shows, sorts or selects by.
func writeChangesRead(w *model.Write, r *model.Read) bool {
	if w.Code {
		return w.Family == r.Of.Family
	}
	return slices.ContainsFunc(w.Steps, func(s *model.Step) bool {
		return s.Entity == r.Of && stepChanges(s, func(f *model.Field) bool { return !r.List || dependsOn(r, f) })
	})
}

func writeChangesView(w *model.Write, v *model.View) bool {
	if w.Code {
		return w.Family == v.From.Family
	}
	return slices.ContainsFunc(w.Steps, func(s *model.Step) bool {
		return s.Entity == v.From && stepChanges(s, func(f *model.Field) bool { return viewDependsOn(v, f) })
	})
}

func stepChanges(s *model.Step, depends func(*model.Field) bool) bool {
	switch s.Op {
	case model.OpRead:
		return false
	case model.OpUpdate:
		return slices.ContainsFunc(assigned(s), depends)
	}
	return true
}

// assigned lists the fields that a step may give a new value, beside the key.
func assigned(s *model.Step) []*model.Field {
	var fields []*model.Field
	for _, x := range slices.Concat(s.Take, s.Set) {
		if !slices.Contains(fields, x.Field) {
			fields = append(fields, x.Field)
		}
	}
	return fields
}

func dependsOn(r *model.Read, f *model.Field) bool {
	return slices.Contains(r.Fields, f) || slices.Contains(r.By, f) || slices.Contains(r.Filter, f) || r.Range == f ||
		r.Of.Keep != nil && r.Of.Keep.From == f ||
		slices.ContainsFunc(r.Where, func(c model.Cond) bool { return c.Field == f }) ||
		slices.ContainsFunc(r.Sort, func(o model.Order) bool { return o.Field == f })
}

// viewDependsOn compares by name: a view's fields belong to its own entity.
func viewDependsOn(v *model.View, f *model.Field) bool {
	named := func(g *model.Field) bool { return g != nil && g.Name == f.Name }
	return slices.ContainsFunc(v.By, func(s model.Source) bool { return s.Expr != nil || named(s.Field) }) ||
		slices.ContainsFunc(v.Key, named) || slices.ContainsFunc(v.Fields, named) ||
		slices.ContainsFunc(v.Where, func(c model.Cond) bool { return named(c.Field) }) ||
		slices.ContainsFunc(v.Folds, func(x model.Fold) bool { return named(x.Of) })
}
