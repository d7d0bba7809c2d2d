package load

import (
	"math"
	"strconv"
	"time"

	"github.com/partita-dev/partita/model"
)

// Size says how large a World is, and how its partitions are asked for. The zero value of a field
// takes the default written beside it.
type Size struct {
	// Partitions of each family, where the model does not expect fewer. Default: 2,000.
	Partitions int
	// Rows of each entity in a partition, where the model does not expect fewer. Default: 4.
	Rows int
	// Zipf is the exponent of the distribution over partitions: the k-th is asked for in proportion
	// to 1/k^Zipf. Default: 0.99, as YCSB has it; below 0: all alike.
	Zipf float64
	// Seed decides on every value. Default: 1.
	Seed uint64
	// Now is the newest time in the rows. Default: now.
	Now time.Time
}

func (s *Size) fill() {
	if s.Partitions <= 0 {
		s.Partitions = 2000
	}
	if s.Rows <= 0 {
		s.Rows = 4
	}
	if s.Zipf == 0 {
		s.Zipf = 0.99
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	s.Now = s.Now.UTC().Truncate(time.Microsecond)
}

// World is the rows that a load finds: which there are, and what is in them. It is safe for
// concurrent use.
type World struct {
	Model *model.Model
	Size  Size

	claims principals
	refs   map[*model.Field]reference // fields that hold a key or a partition from elsewhere
	fixed  map[*model.Entity][]fixed  // what the first row must have, so that rules let callers through
	roles  map[*model.Input]role      // what a write's inputs are for
	ranks  map[*model.Family]*ranks
}

// reference says whose value a field repeats: the key field of an entity in the same family, or a
// partition of another.
type reference struct {
	entity *model.Entity
	family *model.Family
}

// fixed is a value that the first row of an entity has. The value is the caller's `sub` where sub is
// set.
type fixed struct {
	field *model.Field
	sub   bool
	value model.Value
}

// NewWorld makes a World for a model. claims are what every caller's token has beside what the
// model's rules ask for; they win over those.
func NewWorld(m *model.Model, size Size, claims map[string]any) *World {
	size.fill()
	w := &World{Model: m, Size: size, refs: map[*model.Field]reference{}, fixed: map[*model.Entity][]fixed{},
		roles: map[*model.Input]role{}, ranks: map[*model.Family]*ranks{}}
	for _, e := range m.Entities {
		for _, f := range e.Fields[1:] {
			if r, ok := w.refer(e, f); ok {
				w.refs[f] = r
			}
		}
	}
	w.claims = newPrincipals(m, claims)
	w.fixRows()
	for _, wr := range m.Writes {
		w.assign(wr)
	}
	for _, f := range m.Families {
		w.ranks[f] = newRanks(w.Partitions(f), size.Zipf)
	}
	return w
}

// refer finds what a field refers to: fields of one name and type in one family mean the same thing.
func (w *World) refer(e *model.Entity, f *model.Field) (reference, bool) {
	for _, other := range w.Model.Entities {
		if other.Family != e.Family || other == e || other.View != nil || other.ID > e.ID && key(e, f.Name) != nil {
			continue
		}
		if k := key(other, f.Name); k != nil && k.Type.Kind == f.Type.Kind {
			return reference{entity: other}, true
		}
	}
	for _, family := range w.Model.Families {
		if family != e.Family && family.View == nil && family.By.Name == f.Name && family.By.Type.Kind == f.Type.Kind {
			return reference{family: family}, true
		}
	}
	return reference{}, false
}

// key gives the key field of that name; nil if there is none.
func key(e *model.Entity, name string) *model.Field {
	for _, f := range e.Key {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Partitions gives how many partitions of a family there are.
func (w *World) Partitions(f *model.Family) int {
	if f.Expect >= 1 && f.Expect < float64(w.Size.Partitions) {
		return int(f.Expect)
	}
	return w.Size.Partitions
}

// Rows gives how many rows of an entity each partition has.
func (w *World) Rows(e *model.Entity) int {
	switch {
	case len(e.Key) == 0:
		return 1
	case e.Expect >= 1 && e.Expect < float64(w.Size.Rows):
		return int(e.Expect)
	}
	return w.Size.Rows
}

// Partition gives the value of the i-th partition of a family.
func (w *World) Partition(f *model.Family, i int) model.Value {
	switch f.By.Type.Kind {
	case model.KindInt:
		return model.Int(int64(i) + 1)
	case model.KindUUID:
		return model.String(uuid(hash(w.Size.Seed, uint64(f.ID), uint64(i))))
	case model.KindString, model.KindText:
		if f.By.Pattern == nil {
			text := f.Name + "-" + strconv.Itoa(i)
			if n := f.By.Type.Size; n > 0 && len(text) > n {
				text = strconv.Itoa(i)
			}
			return model.String(text)
		}
	}
	return value(f.By, hash(w.Size.Seed, uint64(f.ID), uint64(i)), w.Size.Now)
}

// Row gives the r-th row of an entity in the p-th partition, as it is put in.
func (w *World) Row(e *model.Entity, p, r int) *model.Row {
	row := &model.Row{Values: make([]model.Value, len(e.Fields))}
	row.Values[0] = w.Partition(e.Family, p)
	for _, f := range e.Fields[1:] {
		row.Values[f.Pos] = w.field(e, f, p, r)
	}
	if r == 0 {
		for _, x := range w.fixed[e] {
			row.Values[x.field.Pos] = x.value
			if x.sub {
				row.Values[x.field.Pos] = w.subject(e.Family, p)
			}
		}
	}
	return row
}

func (w *World) field(e *model.Entity, f *model.Field, p, r int) model.Value {
	h := hash(w.Size.Seed, uint64(e.ID)<<32|uint64(f.Pos), uint64(p), uint64(r))
	ref := w.refs[f]
	switch {
	case ref.entity != nil:
		k := key(ref.entity, f.Name)
		at := r % w.Rows(ref.entity)
		if at == 0 {
			for _, x := range w.fixed[ref.entity] {
				if x.field == k && x.sub {
					return w.subject(e.Family, p)
				}
			}
		}
		return w.field(ref.entity, k, p, at)
	case ref.family != nil:
		return w.Partition(ref.family, (p+r)%w.Partitions(ref.family))
	case f.Default == model.DefaultNext:
		return model.Int(int64(r) + 1)
	case key(e, f.Name) != nil && f.Pattern == nil:
		return w.keyed(f, p, r, h)
	case f.Type.Kind == model.KindEnum && f.Default == model.DefaultLiteral && h>>32%4 != 0:
		return f.DefaultValue // most rows are where they begin, so that what follows finds them there
	case f.Type.Kind == model.KindTime && e.Keep != nil && e.Keep.From == f:
		return model.TimeMicro(w.Size.Now.Add(-time.Duration(h % uint64(max(1, e.Keep.For/2)))).UnixMicro())
	case f.Type.Null && h>>32%2 == 0:
		return model.Null
	}
	return value(f, h, w.Size.Now)
}

// keyed draws the value of a key field: of types with few values one that no other row of the partition
// has, as far as there are enough.
func (w *World) keyed(f *model.Field, p, r int, h uint64) model.Value {
	place := int64(hash(w.Size.Seed, uint64(p)) % 20)
	switch f.Type.Kind {
	case model.KindInt:
		low := bound(f.Min, 1, 0)
		return model.Int(within(low+int64(r), low, bound(f.Max, math.MaxInt64, 0)))
	case model.KindDate:
		return model.DateDays(w.Size.Now.Unix()/86400 - place - int64(r))
	case model.KindTime:
		return model.TimeMicro(w.Size.Now.Add(-time.Duration(place*100+int64(r)) * time.Hour).UnixMicro())
	case model.KindEnum:
		return model.String(f.Type.Enum[r%len(f.Type.Enum)])
	case model.KindBool:
		return model.Bool(r%2 == 1)
	}
	return value(f, h, w.Size.Now)
}

// subject gives the `sub` of the caller who belongs to a partition, as a value of a text field.
func (w *World) subject(f *model.Family, p int) model.Value {
	return model.String(string(model.AppendText(nil, w.Partition(f, p))))
}
