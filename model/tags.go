package model

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Tag names a part of a partition's content, as a hash: one row, or the rows that a list shows.
// A collision of two tags costs a needless invalidation and nothing else. Tags of different
// partitions have nothing in common, although they may be equal.
type Tag uint64

// RowChange is what one commit did to one row. Before is nil for an insert, After for a delete.
// An expiry is a delete with Expired set.
type RowChange struct {
	Entity  *Entity
	Before  *Row
	After   *Row
	Expired bool
}

// Tag gives the tag of the answer to a request: of one row for a get, of the rows with the given
// `by` and filter values for a list. args are by Read.Params: the partition, then a get's key, or a
// list's `by` and filters. Range, cursor and direction make no difference to the tag.
func (r *Read) Tag(args *Args) Tag {
	tag := r.class()
	if !r.List {
		for _, v := range args.Values[1 : 1+len(r.Of.Key)] {
			tag = tag.value(v)
		}
		return tag
	}
	by := args.Values[1 : 1+len(r.By)]
	for _, v := range by {
		tag = tag.value(v)
	}
	for i := range r.Filter {
		if at := 1 + len(r.By) + i; args.Given[at] {
			tag = tag.filter(i, args.Values[at])
		}
	}
	return tag
}

// Touches appends the tags of every answer that the change may alter, each at least once:
//   - of a get, the row's own tag, whatever changed in it, since its version is part of the answer;
//   - of a list, the tags of the row as it was and as it is now, where it fits the list's `where`:
//     for its `by` values and every choice of filters. An update that leaves every field that the
//     list depends on as it was touches no list.
func (m *Model) Touches(dst []Tag, c *RowChange) []Tag {
	if c.Before == nil && c.After == nil {
		return dst
	}
	if m.tagged == nil {
		for _, r := range m.Reads {
			if r.Of == c.Entity {
				dst = r.touched(dst, c)
			}
		}
		for _, l := range m.loads() {
			if l.Entity == c.Entity && l.Read != nil {
				dst = l.Read.touched(dst, c)
			}
		}
		return dst
	}
	for _, r := range m.tagged[c.Entity] {
		dst = r.touched(dst, c)
	}
	return dst
}

// prepareTags computes, at the end of Parse, what Tag and Touches would otherwise work out on each
// call.
func (m *Model) prepareTags() {
	tagged := make(map[*Entity][]*Read, len(m.Entities))
	add := func(r *Read) {
		r.tagClass = uint64(r.newClass())
		if r.dependent == nil {
			r.dependent = r.dependsOn()
		}
		// All gets of an entity have one tag, so one of them stands for all.
		same := func(other *Read) bool { return !other.List }
		if r.List || !slices.ContainsFunc(tagged[r.Of], same) {
			tagged[r.Of] = append(tagged[r.Of], r)
		}
	}
	for _, r := range m.Reads {
		add(r)
	}
	for _, l := range m.loads() {
		if l.Read != nil {
			add(l.Read)
		}
	}
	m.tagged = tagged
}

func (m *Model) loads() []*Load {
	if m.Access == nil {
		return nil
	}
	return m.Access.Loads
}

// dependsOn lists, by Field.Pos, the fields that a list's answer depends on.
func (r *Read) dependsOn() []bool {
	on := make([]bool, len(r.Of.Fields))
	shown := r.Fields
	if shown == nil {
		shown = r.Of.Fields
	}
	for _, fields := range [][]*Field{shown, r.By, r.Filter, r.Of.Key} {
		for _, f := range fields {
			on[f.Pos] = true
		}
	}
	for _, o := range r.Sort {
		on[o.Field.Pos] = true
	}
	for _, c := range r.Where {
		on[c.Field.Pos] = true
	}
	if r.Range != nil {
		on[r.Range.Pos] = true
	}
	if r.Of.Keep != nil {
		on[r.Of.Keep.From.Pos] = true
	}
	return on
}

// touched appends the tags of the read's answers that the change may alter.
func (r *Read) touched(dst []Tag, c *RowChange) []Tag {
	if !r.List {
		row := c.After
		if row == nil {
			row = c.Before
		}
		tag := r.class()
		for _, f := range r.Of.Key {
			tag = tag.value(row.Values[f.Pos])
		}
		return append(dst, tag)
	}
	before, after := c.Before, c.After
	if before != nil && after != nil && !r.sees(before, after) {
		return dst
	}
	if before != nil && r.fits(before) {
		dst = r.listTags(dst, before)
	} else {
		before = nil
	}
	if after == nil || !r.fits(after) {
		return dst
	}
	if before != nil && sameValues(r.By, before, after) && sameValues(r.Filter, before, after) {
		return dst
	}
	return r.listTags(dst, after)
}

// sees tells whether an update changed a field that the list depends on.
func (r *Read) sees(before, after *Row) bool {
	if keep := r.Of.Keep; keep != nil && before.Values[keep.From.Pos] != after.Values[keep.From.Pos] {
		return true
	}
	for pos, v := range before.Values {
		if v != after.Values[pos] && (r.dependent == nil || r.dependent[pos]) {
			return true
		}
	}
	return false
}

// fits tells whether the row meets the list's fixed conditions.
func (r *Read) fits(row *Row) bool {
	for _, c := range r.Where {
		if !slices.Contains(c.Values, row.Values[c.Field.Pos]) {
			return false
		}
	}
	return true
}

// listTags appends the tags of all requests to the list that may show the row: one for each choice
// of filters.
func (r *Read) listTags(dst []Tag, row *Row) []Tag {
	tag := r.class()
	for _, f := range r.By {
		tag = tag.value(row.Values[f.Pos])
	}
	first := len(dst)
	dst = append(dst, tag)
	for i, f := range r.Filter {
		// Each choice so far, once more with this filter.
		for _, t := range dst[first:] {
			dst = append(dst, t.filter(i, row.Values[f.Pos]))
		}
	}
	return dst
}

func sameValues(fields []*Field, a, b *Row) bool {
	for _, f := range fields {
		if a.Values[f.Pos] != b.Values[f.Pos] {
			return false
		}
	}
	return true
}

// class is where the tags of a read begin: all gets of an entity have one, each list its own.
func (r *Read) class() Tag {
	if r.tagClass != 0 {
		return Tag(r.tagClass)
	}
	return r.newClass()
}

func (r *Read) newClass() Tag {
	if r.List {
		return Tag(xxhash.Sum64String(r.Name)).mix(2)
	}
	return Tag(xxhash.Sum64String(r.Of.Name)).mix(1)
}

func (t Tag) filter(i int, v Value) Tag { return t.mix(uint64(i) + 1<<32).value(v) }

func (t Tag) value(v Value) Tag {
	t = t.mix(uint64(v.kind))
	switch v.kind {
	case StringValue, BytesValue, JSONValue:
		return t.mix(xxhash.Sum64String(v.s))
	}
	return t.mix(uint64(v.n))
}

// mix takes in one more number. The steps are those of the splitmix64 generator.
func (t Tag) mix(x uint64) Tag {
	h := (uint64(t) ^ x) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return Tag(h ^ h>>31)
}
