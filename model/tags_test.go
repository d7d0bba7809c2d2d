package model

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawn is a random entity with reads of it and a few rows.
type drawn struct {
	model *Model
	of    *Entity
	rows  []*Row
}

func drawModel(t *rapid.T) drawn {
	e := &Entity{Name: "thing"}
	keys := rapid.IntRange(0, 2).Draw(t, "keys")
	for i := range 1 + keys + rapid.IntRange(1, 4).Draw(t, "others") {
		f := &Field{Name: fmt.Sprintf("f%d", i), Pos: i, Type: Type{Kind: KindInt, Null: i > keys}}
		e.Fields = append(e.Fields, f)
		if 0 < i && i <= keys {
			e.Key = append(e.Key, f)
		}
	}
	d := drawn{of: e, model: &Model{Entities: []*Entity{e}}}
	for i := range rapid.IntRange(1, 4).Draw(t, "reads") {
		d.model.Reads = append(d.model.Reads, drawRead(t, e, fmt.Sprintf("read%d", i)))
	}
	if rapid.Bool().Draw(t, "keep") {
		e.Keep = &Keep{From: e.Fields[len(e.Fields)-1]}
	}
	for range rapid.IntRange(0, 6).Draw(t, "rows") {
		if row := drawRow(t, e); !slices.ContainsFunc(d.rows, func(r *Row) bool { return sameValues(e.Key, r, row) }) {
			d.rows = append(d.rows, row)
		}
	}
	if rapid.Bool().Draw(t, "prepared") {
		d.model.prepareTags()
	}
	return d
}

func drawRead(t *rapid.T, e *Entity, name string) *Read {
	r := &Read{Name: name, Of: e, List: rapid.Bool().Draw(t, "list"), Fields: drawFields(t, e, "fields")}
	if !r.List {
		return r
	}
	r.By, r.Filter = drawFields(t, e, "by"), drawFields(t, e, "filter")
	for _, f := range drawFields(t, e, "where") {
		values := rapid.SliceOfN(drawValue(f), 1, 2).Draw(t, "where values")
		r.Where = append(r.Where, Cond{Field: f, Values: values})
	}
	for _, f := range drawFields(t, e, "sort") {
		r.Sort = append(r.Sort, Order{Field: f, Desc: rapid.Bool().Draw(t, "desc")})
	}
	for _, f := range e.Key {
		r.Sort = append(r.Sort, Order{Field: f})
	}
	return r
}

// drawFields takes some fields, never the partition's.
func drawFields(t *rapid.T, e *Entity, what string) []*Field {
	fields := []*Field{}
	for _, f := range e.Fields[1:] {
		if rapid.IntRange(0, 2).Draw(t, what) == 0 {
			fields = append(fields, f)
		}
	}
	return fields
}

func drawValue(f *Field) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		n := rapid.Int64Range(0, 2).Draw(t, f.Name)
		if n == 2 && f.Type.Null {
			return Null
		}
		return Int(n)
	})
}

func drawRow(t *rapid.T, e *Entity) *Row {
	row := &Row{Version: 1, Values: []Value{Int(7)}}
	for _, f := range e.Fields[1:] {
		row.Values = append(row.Values, drawValue(f).Draw(t, "row"))
	}
	return row
}

// answer is what a read shows of the rows: worked out in the plainest way.
func answer(r *Read, args *Args, rows []*Row) string {
	if !r.List {
		for _, row := range rows {
			found := true
			for i, f := range r.Of.Key {
				found = found && row.Values[f.Pos] == args.Values[1+i]
			}
			if found {
				return fmt.Sprint(row.Version, string(AppendRow(nil, r.Fields, row)))
			}
		}
		return "none"
	}
	var shown []*Row
	for _, row := range rows {
		fits := true
		for i, f := range r.By {
			fits = fits && row.Values[f.Pos] == args.Values[1+i]
		}
		for i, f := range r.Filter {
			at := 1 + len(r.By) + i
			fits = fits && (!args.Given[at] || row.Values[f.Pos] == args.Values[at])
		}
		for _, c := range r.Where {
			fits = fits && slices.Contains(c.Values, row.Values[c.Field.Pos])
		}
		if fits {
			shown = append(shown, row)
		}
	}
	slices.SortStableFunc(shown, func(a, b *Row) int {
		for _, o := range r.Sort {
			if c := Compare(a.Values[o.Field.Pos], b.Values[o.Field.Pos]); c != 0 && o.Desc {
				return -c
			} else if c != 0 {
				return c
			}
		}
		return 0
	})
	text := ""
	for _, row := range shown {
		text += string(AppendRow(nil, r.Fields, row))
		if k := r.Of.Keep; k != nil {
			text += string(AppendText(nil, row.Values[k.From.Pos])) // whether it is shown hangs on it
		}
	}
	return text
}

// requests lists every request that a read can be given, over the values that rows can have.
func requests(r *Read) []*Args {
	fields := append(slices.Clone(r.By), r.Filter...)
	if !r.List {
		fields = r.Of.Key
	}
	all := []*Args{{Values: []Value{Int(7)}, Given: []bool{true}}}
	for i, f := range fields {
		choices := []Value{Int(0), Int(1)}
		if f.Type.Null {
			choices = append(choices, Null)
		} else {
			choices = append(choices, Int(2))
		}
		var longer []*Args
		for _, a := range all {
			for _, v := range choices {
				longer = append(longer, &Args{Values: append(slices.Clone(a.Values), v), Given: append(slices.Clone(a.Given), true)})
			}
			if r.List && i >= len(r.By) {
				longer = append(longer, &Args{Values: append(slices.Clone(a.Values), Null), Given: append(slices.Clone(a.Given), false)})
			}
		}
		all = longer
	}
	return all
}

// TestTouchesIsComplete checks that no answer changes without its tag being touched.
func TestTouchesIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawModel(t)
		change, after := drawChange(t, d)
		touched := d.model.Touches(nil, change)
		for _, r := range d.model.Reads {
			for _, args := range requests(r) {
				if answer(r, args, d.rows) != answer(r, args, after) && !slices.Contains(touched, r.Tag(args)) {
					t.Fatalf("%s with %v (given %v) changes from %q to %q untouched", r.Name, args.Values, args.Given,
						answer(r, args, d.rows), answer(r, args, after))
				}
			}
		}
	})
}

// drawChange inserts, updates or deletes one row, and gives the rows as they are afterwards.
func drawChange(t *rapid.T, d drawn) (*RowChange, []*Row) {
	now := drawRow(t, d.of)
	now.Version = 2
	i := slices.IndexFunc(d.rows, func(r *Row) bool { return sameValues(d.of.Key, r, now) })
	change, after := &RowChange{Entity: d.of, After: now}, slices.Clone(d.rows)
	switch {
	case i < 0:
		after = append(after, now)
	case rapid.Bool().Draw(t, "delete"):
		change.Before, change.After = d.rows[i], nil
		after = slices.Delete(after, i, i+1)
	default:
		change.Before = d.rows[i]
		after[i] = now
	}
	return change, after
}

// TestTouchesIsPrecise checks that a list is left alone by what it does not show.
func TestTouchesIsPrecise(t *testing.T) {
	e := &Entity{Name: "order"}
	for i, name := range []string{"customer_id", "order_id", "status", "total", "note"} {
		e.Fields = append(e.Fields, &Field{Name: name, Pos: i, Type: Type{Kind: KindInt}})
	}
	e.Key = e.Fields[1:2]
	status, total := e.Fields[2], e.Fields[3]
	list := &Read{Name: "orders", Of: e, List: true, Fields: e.Fields[:3], Filter: []*Field{status}, Sort: []Order{{Field: total}}}
	open := &Read{Name: "open", Of: e, List: true, Fields: e.Fields, Where: []Cond{{Field: status, Values: []Value{Int(1)}}}}
	get := &Read{Name: "order", Of: e}
	m := &Model{Reads: []*Read{list, open, get}}
	m.prepareTags()

	row := func(status, total, note int64) *Row {
		return &Row{Values: []Value{Int(7), Int(1), Int(status), Int(total), Int(note)}}
	}
	all := &Args{Values: []Value{Int(7), Null}, Given: []bool{true, false}}
	with := func(status int64) *Args {
		return &Args{Values: []Value{Int(7), Int(status)}, Given: []bool{true, true}}
	}
	none := &Args{Values: []Value{Int(7)}, Given: []bool{true}}
	for _, c := range []struct {
		name          string
		before, after *Row
		want          []Tag
	}{
		{"a field that only one list shows", row(2, 5, 1), row(2, 5, 2), []Tag{get.Tag(with(1))}},
		{"a field that a list is sorted by", row(2, 5, 1), row(2, 6, 1), []Tag{get.Tag(with(1)), list.Tag(all), list.Tag(with(2))}},
		{"a filter", row(2, 5, 1), row(3, 5, 1), []Tag{get.Tag(with(1)), list.Tag(all), list.Tag(all), list.Tag(with(2)), list.Tag(with(3))}},
		{"into the fixed condition", row(2, 5, 1), row(1, 5, 1),
			[]Tag{get.Tag(with(1)), open.Tag(none), list.Tag(all), list.Tag(all), list.Tag(with(2)), list.Tag(with(1))}},
		{"an insert", nil, row(2, 5, 1), []Tag{get.Tag(with(1)), list.Tag(all), list.Tag(with(2))}},
		{"nothing at all", nil, nil, nil},
	} {
		got := m.Touches(nil, &RowChange{Entity: e, Before: c.before, After: c.after})
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: touches %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkTouches(b *testing.B) {
	e := &Entity{Name: "order"}
	for i, name := range []string{"customer_id", "order_id", "status", "placed_at"} {
		e.Fields = append(e.Fields, &Field{Name: name, Pos: i, Type: Type{Kind: KindString}})
	}
	e.Key = e.Fields[1:2]
	m := &Model{Reads: []*Read{
		{Name: "order", Of: e},
		{Name: "orders", Of: e, List: true, Filter: e.Fields[2:3], Sort: []Order{{Field: e.Fields[3]}}},
		{Name: "open", Of: e, List: true, Where: []Cond{{Field: e.Fields[2], Values: []Value{String("placed")}}}},
	}}
	m.prepareTags()
	id := String("0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11")
	c := &RowChange{Entity: e, After: &Row{Values: []Value{id, id, String("placed"), TimeMicro(1)}}}
	var tags []Tag
	b.ReportAllocs()
	for b.Loop() {
		tags = m.Touches(tags[:0], c)
	}
}
