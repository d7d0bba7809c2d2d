package model

import (
	"fmt"
	"slices"
	"strings"
)

func (k *compiler) readList(r *Read, m *members) bool {
	e := r.Of
	r.Page = defaultPage
	ok := true
	if len(e.Key) == 0 {
		k.refuse(m.at("list"), "%s lists %s, which has one row per partition", m.what, e.Name).fix("use get: %s", e.Name)
		return false
	}
	taken := map[string]string{}
	if n := m.get("by"); n != nil {
		r.By = k.selectors(r, n, m.what+" is by", "by", taken, &ok)
	}
	if n := m.get("filter"); n != nil {
		r.Filter = k.selectors(r, n, m.what+" filters by", "filter", taken, &ok)
		if len(r.Filter) > maxFilters {
			k.refuse(m.at("filter"), "%s has %d filters", m.what, len(r.Filter)).
				why("each combination of filters needs an index of its own: %d of them here", 1<<len(r.Filter)).
				fix("keep at most %d, and make another read of the others", maxFilters)
			r.Filter = r.Filter[:maxFilters]
			ok = false
		}
	}
	if n := m.get("where"); n != nil {
		k.readWhere(r, n, m.what, taken, &ok)
	}
	if n := m.get("sort"); n != nil {
		k.readSort(r, n, m.what, &ok)
	}
	r.completeSort()
	if n := m.get("range"); n != nil {
		k.readRange(r, n, m, &ok)
	}
	if n := m.get("page"); n != nil {
		k.readPage(r, n, m.what)
	}
	for _, key := range []string{"by", "filter", "where", "sort", "range"} {
		ok = ok && (!m.has(key) || m.get(key) != nil)
	}
	r.Params = []*Input{{Field: e.Fields[0], Required: true}}
	for _, f := range r.By {
		r.Params = append(r.Params, &Input{Field: f, Index: len(r.Params), Required: true})
	}
	for _, f := range r.Filter {
		r.Params = append(r.Params, &Input{Field: f, Index: len(r.Params)})
	}
	return ok
}

// selectors reads the fields of by or filter.
func (k *compiler) selectors(r *Read, n *node, doing, key string, taken map[string]string, ok *bool) (out []*Field) {
	if n.kind == mapNode {
		k.refuse(n.spot, "%s something that is no field", doing).fix("name fields; fixed values stand in `where`")
		*ok = false
		return nil
	}
	for _, x := range k.names(n, doing) {
		f := k.fieldOf(r.Of, x.spot, x.text, doing)
		switch {
		case f == nil:
			*ok = false
		case f.Pos == 0:
			k.refuse(x.spot, "%s %q, the partition's field", doing, f.Name).
				why("every request gives its partition anyway").fix("take it out; to ask over all partitions, declare a view by what readers have at hand")
			*ok = false
		case taken[f.Name] != "":
			k.refuse(x.spot, "%s %q, which stands in `%s` already", doing, f.Name, taken[f.Name]).fix("keep it in one place")
			*ok = false
		case !k.comparable(f, x.spot, doing):
			*ok = false
		default:
			taken[f.Name] = key
			out = append(out, f)
		}
	}
	return out
}

// comparable complains about a field that no index can find rows by.
func (k *compiler) comparable(f *Field, at spot, doing string) bool {
	switch f.Type.Kind {
	case KindFloat, KindJSON, KindBytes, KindText:
		k.refuse(at, "%s %q, which is %s and has no index", doing, f.Name, f.Type).
			why("without an index every row of the partition would be looked at").fix("use a string(n), int, decimal, time, uuid, bool or enum field")
		return false
	}
	return true
}

func (k *compiler) readWhere(r *Read, n *node, what string, taken map[string]string, ok *bool) {
	conds, good := k.conds(r.Of, n, what+": where", what+" has in `where`", false)
	*ok = *ok && good
	for _, c := range conds {
		if key := taken[c.Field.Name]; key != "" {
			k.refuse(n.spot, "%s fixes %q in `where`, but it stands in `%s` too", what, c.Field.Name, key).fix("keep it in one place")
			*ok = false
			continue
		}
		if c.Field.Pos == 0 {
			k.refuse(n.spot, "%s fixes the partition %q in `where`", what, c.Field.Name).
				why("every request gives its partition").fix("take it out; what belongs to one partition alone is not the model's to know")
			*ok = false
			continue
		}
		if !k.comparable(c.Field, n.spot, what+" has in `where`") {
			*ok = false
			continue
		}
		taken[c.Field.Name] = "where"
		r.Where = append(r.Where, c)
	}
}

func (k *compiler) readSort(r *Read, n *node, what string, ok *bool) {
	for _, x := range k.names(n, what+": sort") {
		name, desc := strings.CutPrefix(x.text, "-")
		place := x.spot
		if desc && x.exact {
			place.column++
		}
		f := k.fieldOf(r.Of, place, name, what+" sorts by")
		switch {
		case f == nil:
			*ok = false
		case f.Pos == 0:
			k.refuse(x.spot, "%s sorts by the partition's field %q", what, name).
				why("all rows of an answer are in one partition").fix("take it out; to sort over all partitions, declare a view")
			*ok = false
		case slices.ContainsFunc(r.Sort, func(o Order) bool { return o.Field == f }):
			k.refuse(x.spot, "%s sorts by %q twice", what, name).fix("keep one")
			*ok = false
		case f.Type.Kind == KindFloat:
			r.Sort = append(r.Sort, Order{f, desc})
		case !k.comparable(f, x.spot, what+" sorts by"):
			*ok = false
		default:
			r.Sort = append(r.Sort, Order{f, desc})
		}
	}
}

// completeSort adds what is missing of the key, in the direction of the last field, so that the
// order is total and one index serves both directions.
func (r *Read) completeSort() {
	desc := len(r.Sort) > 0 && r.Sort[len(r.Sort)-1].Desc
	for _, f := range r.Of.Key {
		if !slices.ContainsFunc(r.Sort, func(o Order) bool { return o.Field == f }) {
			r.Sort = append(r.Sort, Order{f, desc})
		}
	}
}

func (k *compiler) readRange(r *Read, n *node, m *members, ok *bool) {
	name, is := k.scalar(n, m.what+": range")
	if !is {
		*ok = false
		return
	}
	f := k.fieldOf(r.Of, n.spot, name, m.what+" is bounded by")
	if f == nil || !*ok {
		*ok = false
		return
	}
	if f.Pos == 0 {
		k.refuse(n.spot, "%s is bounded by %q, the partition's field", m.what, name).
			why("every request gives one partition").fix("take it out; to ask over many partitions, declare a view")
		*ok = false
		return
	}
	r.Range = f
	if f.Type.Kind == KindBool || f.Type.Kind == KindEnum || !k.comparableRange(f) {
		k.refuse(n.spot, "%s is bounded by %q, which is %s", m.what, name, f.Type).
			why("bounds are for what has an order: numbers, times, texts").fix("use `filter` instead")
		*ok = false
		return
	}
	fixed := r.fixed()
	for _, o := range r.Sort {
		if o.Field == f {
			return
		}
		if !slices.Contains(fixed, o.Field) {
			break
		}
	}
	if slices.Contains(fixed, f) {
		k.refuse(n.spot, "%s is bounded by %q, which is given as one value already", m.what, name).fix("take it out of `range`, or of `by` and `where`")
	} else {
		k.refuse(n.spot, "%s is bounded by %q, but no index is in that order", m.what, name).
			why("an index can cut out a stretch only of what it is sorted by; all other rows would be looked at and thrown away").
			fix("add sort: %s (or sort: -%s), or bound it by %s", name, name, r.Sort[0].Field.Name)
	}
	*ok = false
}

func (k *compiler) comparableRange(f *Field) bool {
	switch f.Type.Kind {
	case KindJSON, KindBytes, KindText:
		return false
	}
	return true
}

func (k *compiler) readPage(r *Read, n *node, what string) {
	text, ok := k.scalar(n, what+": page")
	if !ok {
		return
	}
	size := 0
	if _, err := fmt.Sscanf(text, "%d", &size); err != nil || fmt.Sprint(size) != text || size < 1 || size > largestPage {
		k.refuse(n.spot, "%s: page is %q", what, cut(text)).
			why("a list without end takes memory without end").fix("write a whole number from 1 to %d; what is more comes on the next page", largestPage)
		return
	}
	r.Page = size
}

// fixed are the fields that have one value in every answer.
func (r *Read) fixed() []*Field {
	out := slices.Clone(r.By)
	for _, c := range r.Where {
		if len(c.Values) == 1 {
			out = append(out, c.Field)
		}
	}
	return out
}
