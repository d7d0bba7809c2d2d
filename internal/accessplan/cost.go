package accessplan

import (
	"math"
	"slices"

	"github.com/partita-dev/partita/model"
)

// Sizes here are what rows of that type typically take, not their bounds: a string(200) is seldom
// full. They serve comparison, and no promise rests on them.

// typicalBytes is the size of a value of that type in its text form, without quotes.
func typicalBytes(t model.Type) int {
	switch t.Kind {
	case model.KindString:
		return min(t.Size, 24)
	case model.KindText, model.KindJSON, model.KindBytes:
		return min(t.Size, 200)
	case model.KindEmail:
		return 24
	case model.KindURL:
		return 60
	case model.KindUUID:
		return 36
	case model.KindTime:
		return 27
	case model.KindDate:
		return 10
	case model.KindBool:
		return 5
	case model.KindDecimal:
		return min(t.Precision, 8) + 1
	case model.KindFloat:
		return 8
	case model.KindEnum:
		longest := 0
		for _, v := range t.Enum {
			longest = max(longest, len(v))
		}
		return longest
	}
	return 6
}

// jsonBytes is what a field takes in an answer: name, quotes, colon, comma and value.
func jsonBytes(f *model.Field) int {
	n := len(f.Name) + 4 + typicalBytes(f.Type)
	switch f.Type.Kind {
	case model.KindInt, model.KindFloat, model.KindBool, model.KindJSON:
		return n
	}
	return n + 2
}

func answerBytes(fields []*model.Field) int {
	n := 2
	for _, f := range fields {
		n += jsonBytes(f)
	}
	return n
}

// storedBytes is what one row takes in the table and in its secondary indexes.
func storedBytes(e *model.Entity) int {
	column := func(f *model.Field) int {
		switch f.Type.Kind {
		case model.KindInt, model.KindTime, model.KindDate, model.KindDecimal, model.KindFloat:
			return 8
		case model.KindBool:
			return 1
		}
		return typicalBytes(f.Type) + 1
	}
	key := column(e.Family.By)
	for _, f := range e.Key {
		key += column(f)
	}
	n := 12
	for _, f := range e.Fields {
		n += column(f)
	}
	for _, ix := range e.Indexes {
		n += key + 4
		for _, f := range ix.Equal {
			n += column(f)
		}
		for _, o := range ix.Order {
			n += column(o.Field)
		}
	}
	for _, unique := range e.Unique {
		n += key + 4
		for _, f := range unique {
			n += column(f)
		}
	}
	return n
}

// rowsOf is how many rows of e one partition is expected to have.
func rowsOf(e *model.Entity) float64 {
	if len(e.Key) == 0 {
		return 1
	}
	return e.Expect
}

// ReadCost is what one call of a read takes when it is not answered from a cache.
type ReadCost struct {
	Rows       int `json:"rows_examined"` // at most, per statement
	RowBytes   int `json:"row_bytes"`     // typical, in the answer
	Bytes      int `json:"answer_bytes"`  // typical, of a full page
	Statements int `json:"statements"`
	RoundTrips int `json:"round_trips"` // to the store
}

func readCost(r *model.Read) ReadCost {
	c := ReadCost{Rows: 1, RowBytes: answerBytes(r.Fields), Statements: 1, RoundTrips: 1}
	c.Bytes = c.RowBytes
	if r.List {
		page := r.Page
		if expected := rowsOf(r.Of); expected > 0 {
			page = int(min(float64(page), math.Ceil(expected)))
		}
		c.Rows = page + 1
		c.Bytes = page*(c.RowBytes+1) + len(`{"items":[],"next":null}`) + 60
	}
	c.Statements += len(loadsOf(r.Allow))
	return c
}

// WriteCost is what one call of a write takes, at most.
type WriteCost struct {
	Reads        int `json:"rows_read"`
	Rows         int `json:"rows_written"`
	IndexEntries int `json:"index_entries"` // written or removed, the primary keys' included
	ChangeBytes  int `json:"change_bytes"`  // typical, of the row images in the change log
	RoundTrips   int `json:"round_trips"`   // to the store, shared with the other writes of the group
}

func writeCost(w *model.Write) WriteCost {
	c := WriteCost{RoundTrips: 2}
	if !w.Code {
		c.ChangeBytes = 60 // name, version, time and id
	}
	for _, s := range w.Steps {
		times := 1
		if s.Each != nil {
			times = s.Each.Max
		} else if len(s.By) > 0 {
			times = s.Max
		}
		image := answerBytes(s.Entity.Fields)
		all := 1 + len(s.Entity.Indexes) + len(s.Entity.Unique)
		switch s.Op {
		case model.OpRead:
			c.Reads += times
		case model.OpInsert:
			c.Rows, c.IndexEntries, c.ChangeBytes = c.Rows+times, c.IndexEntries+times*all, c.ChangeBytes+times*image
		case model.OpDelete:
			c.Reads += times
			c.Rows, c.IndexEntries, c.ChangeBytes = c.Rows+times, c.IndexEntries+times*all, c.ChangeBytes+times*image
		case model.OpUpdate:
			c.Reads += times
			c.Rows, c.IndexEntries, c.ChangeBytes = c.Rows+times, c.IndexEntries+times*movedEntries(s), c.ChangeBytes+2*times*image
		case model.OpUpsert:
			c.Reads += times
			c.Rows, c.IndexEntries, c.ChangeBytes = c.Rows+times, c.IndexEntries+times*max(all, movedEntries(s)), c.ChangeBytes+2*times*image
		}
	}
	return c
}

// movedEntries counts the index entries that an update removes and writes again.
func movedEntries(s *model.Step) int {
	changed := map[*model.Field]bool{}
	for _, f := range assigned(s) {
		changed[f] = true
	}
	moved := 0
	for _, ix := range s.Entity.Indexes {
		fields := ix.Equal
		for _, o := range ix.Order {
			fields = append(slices.Clip(fields), o.Field)
		}
		moved += 2 * touched(fields, changed)
	}
	for _, unique := range s.Entity.Unique {
		moved += 2 * touched(unique, changed)
	}
	return moved
}

func touched(fields []*model.Field, changed map[*model.Field]bool) int {
	for _, f := range fields {
		if changed[f] {
			return 1
		}
	}
	return 0
}

func loadsOf(a model.Allow) []*model.Load {
	var loads []*model.Load
	seen := map[*model.Load]bool{}
	for _, rule := range a.Rules {
		for _, l := range rule.Loads {
			if !seen[l] {
				seen[l] = true
				loads = append(loads, l)
			}
		}
	}
	return loads
}
