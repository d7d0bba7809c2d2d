package model

import (
	"cmp"
	"slices"
	"strings"
)

// need is what one combination of a read's filters asks of an index.
type need struct {
	read  *Read
	mask  int
	equal []*Field // in any order
	order []Order  // what follows them
}

// indexes derives the secondary indexes of each entity from its reads, and from nothing else, and
// tells each read which one serves it. Longer needs go first, so that a shorter one finds an index
// that begins as it wants.
func (k *compiler) indexes() {
	needs := map[*Entity][]need{}
	for _, r := range k.m.AllReads() {
		if !r.List || k.broken["read params "+r.Name] {
			continue
		}
		r.IndexOf = make([]*Index, 1<<len(r.Filter))
		for mask := range r.IndexOf {
			needs[r.Of] = append(needs[r.Of], r.need(mask))
		}
	}
	for _, e := range k.m.Entities {
		list := needs[e]
		slices.SortStableFunc(list, func(a, b need) int {
			return cmp.Compare(len(b.equal)+len(b.order), len(a.equal)+len(a.order))
		})
		primary := &Index{Entity: e, Order: ascending(e.Key)}
		for _, n := range list {
			if primary.serves(n) {
				continue
			}
			i := slices.IndexFunc(e.Indexes, func(x *Index) bool { return x.serves(n) })
			if i < 0 {
				i = len(e.Indexes)
				e.Indexes = append(e.Indexes, n.index(e))
			}
			n.read.IndexOf[n.mask] = e.Indexes[i]
		}
	}
	k.deletesServed()
}

func ascending(fields []*Field) []Order {
	out := make([]Order, len(fields))
	for i, f := range fields {
		out[i].Field = f
	}
	return out
}

func (r *Read) need(mask int) need {
	n := need{read: r, mask: mask, equal: r.fixed()}
	for i, f := range r.Filter {
		if mask&(1<<i) != 0 {
			n.equal = append(n.equal, f)
		}
	}
	for _, o := range r.Sort {
		if !slices.Contains(n.equal, o.Field) {
			n.order = append(n.order, o)
		}
	}
	return n
}

// columns are an index's fields behind the partition.
func (x *Index) columns() []Order { return append(ascending(x.Equal), x.Order...) }

// serves tells whether the rows of a need stand together in the index, in its order or the reverse.
func (x *Index) serves(n need) bool {
	columns := x.columns()
	if len(columns) < len(n.equal) {
		return false
	}
	for _, c := range columns[:len(n.equal)] {
		if !slices.Contains(n.equal, c.Field) {
			return false
		}
	}
	rest := columns[len(n.equal):]
	if len(rest) < len(n.order) {
		return false
	}
	for i, o := range n.order {
		if rest[i].Field != o.Field || (rest[i].Desc != o.Desc) != (rest[0].Desc != n.order[0].Desc) {
			return false
		}
	}
	return true
}

func (n need) index(e *Entity) *Index {
	x := &Index{Entity: e, Equal: n.equal, Order: n.order}
	if len(n.order) > 0 && n.order[0].Desc { // begin ascending: the reverse serves as well
		x.Order = slices.Clone(n.order)
		for i := range x.Order {
			x.Order[i].Desc = !x.Order[i].Desc
		}
	}
	parts := []string{e.Name}
	for _, c := range x.columns() {
		name := c.Field.Name
		if c.Desc {
			name += "_desc"
		}
		parts = append(parts, name)
	}
	x.Name = strings.Join(parts, "__")
	return x
}

// deletesServed complains about a delete of many that no index serves.
func (k *compiler) deletesServed() {
	for _, w := range k.m.Writes {
		for _, s := range k.writes[w].steps {
			if s.Op != OpDelete || len(s.By) == 0 || !k.writes[w].ok {
				continue
			}
			n := need{}
			for _, src := range s.By {
				n.equal = append(n.equal, src.Field)
			}
			served := (&Index{Order: ascending(s.Entity.Key)}).serves(n)
			for _, x := range s.Entity.Indexes {
				served = served || x.serves(n)
			}
			if !served {
				names := strings.Join(fieldNames(n.equal), ", ")
				k.refuse(s.m.at("by"), "%s deletes %s by %s, but no index is in that order", s.what, s.Entity.Name, names).
					why("every row of the partition would be looked at; indexes are derived from the reads, and no read asks for this").
					fix("declare a read of the same rows: {list: %s, by: [%s]}, or put the fields first in the key", s.Entity.Name, names)
			}
		}
	}
}
