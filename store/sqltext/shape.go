package sqltext

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// Shape is what a store remembers of the model that its tables were made for: enough to tell
// whether another model fits. It is kept as JSON.
type Shape struct {
	Service  string                 `json:"service"`
	Families map[string]string      `json:"families"` // type of the partition field
	Entities map[string]EntityShape `json:"entities"`
}

// EntityShape is one table.
type EntityShape struct {
	Family string            `json:"family"`
	By     string            `json:"by"`
	Key    []string          `json:"key"`
	Fields map[string]string `json:"fields"` // types, without the partition field
}

// ShapeOf gives the shape of a model.
func ShapeOf(m *model.Model) Shape {
	s := Shape{Service: m.Service, Families: map[string]string{}, Entities: map[string]EntityShape{}}
	for _, f := range m.Families {
		s.Families[f.Name] = typeName(f.By.Type)
	}
	for _, e := range m.Entities {
		shape := EntityShape{Family: e.Family.Name, By: e.Fields[0].Name, Key: []string{}, Fields: map[string]string{}}
		for _, f := range e.Key {
			shape.Key = append(shape.Key, f.Name)
		}
		for _, f := range e.Fields[1:] {
			shape.Fields[f.Name] = typeName(f.Type)
		}
		s.Entities[e.Name] = shape
	}
	return s
}

// typeName tells all of a type that matters to what is stored. A size does not: a smaller one holds
// for new values only.
func typeName(t model.Type) string {
	name := kindNames[t.Kind]
	switch t.Kind {
	case model.KindDecimal:
		name += "(" + strconv.Itoa(t.Precision) + "," + strconv.Itoa(t.Scale) + ")"
	case model.KindEnum:
		values := slices.Clone(t.Enum)
		slices.Sort(values)
		name += "[" + strings.Join(values, ", ") + "]"
	}
	if t.Null {
		name += "?"
	}
	return name
}

var kindNames = map[model.Kind]string{
	model.KindString: "string", model.KindText: "text", model.KindInt: "int", model.KindFloat: "float", model.KindBool: "bool",
	model.KindUUID: "uuid", model.KindTime: "time", model.KindDate: "date", model.KindBytes: "bytes", model.KindJSON: "json",
	model.KindDecimal: "decimal", model.KindEmail: "email", model.KindURL: "url", model.KindEnum: "enum",
}

// Step is one thing that has to be done so that tables of an older shape fit a model.
type Step struct {
	SQL   string
	Empty string // the table that must hold no row before; "" where it does not matter
	Else  string // the problem, where it does
}

// Upgrade tells how the tables of this shape are brought up to a model: by steps that lose nothing,
// tables and columns only. Problems are sentences about what cannot be done so.
func (s Shape) Upgrade(d Dialect, m *model.Model) (steps []Step, problems []string) {
	if s.Service != m.Service {
		return nil, []string{fmt.Sprintf("It belongs to the service %q, and the model is of %q: give each service a store of its own.", s.Service, m.Service)}
	}
	for _, f := range m.Families {
		switch have, ok := s.Families[f.Name]; {
		case !ok:
			for _, o := range familyTables(d, f) {
				steps = append(steps, Step{SQL: o.SQL})
			}
		case have != typeName(f.By.Type):
			problems = append(problems, fmt.Sprintf("The partition %s is by %s in the store and by %s in the model: that cannot change.", f.Name, have, typeName(f.By.Type)))
		}
	}
	for _, e := range m.Entities {
		have, ok := s.Entities[e.Name]
		if !ok {
			steps = append(steps, Step{SQL: entityTable(d, e)})
			continue
		}
		more, wrong := have.upgrade(d, e)
		steps, problems = append(steps, more...), append(problems, wrong...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Entities)) {
		if m.Entity(name) == nil {
			steps = append(steps, Step{SQL: "DROP TABLE " + Quote(name), Empty: name,
				Else: fmt.Sprintf("The entity %s is gone from the model, but the store has rows of it: put it back, or export and delete them first.", name)})
		}
	}
	return steps, problems
}

func (s EntityShape) upgrade(d Dialect, e *model.Entity) (steps []Step, problems []string) {
	now := ShapeOf(&model.Model{Entities: []*model.Entity{e}}).Entities[e.Name]
	if s.Family != now.Family || s.By != now.By || !slices.Equal(s.Key, now.Key) {
		return nil, []string{fmt.Sprintf("The key of %s was (%s) in the partition %s and is (%s) in %s: keys do not change once there are rows.",
			e.Name, strings.Join(s.Key, ", "), s.Family, strings.Join(now.Key, ", "), now.Family)}
	}
	for _, f := range e.Fields[1:] {
		have, ok := s.Fields[f.Name]
		want := now.Fields[f.Name]
		switch {
		case !ok && !f.Type.Null && f.Default != model.DefaultLiteral:
			problems = append(problems, fmt.Sprintf("The new field %s of %s has no fixed default and may not be null: rows that are there would have no value. Give it a default, or write `?` behind its type.", f.Name, e.Name))
		case !ok:
			steps = append(steps, Step{SQL: AddColumn(d, e, f)})
		case !fits(have, want):
			problems = append(problems, fmt.Sprintf("The field %s of %s is %s in the store and %s in the model: that needs a migration of the rows.", f.Name, e.Name, have, want))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		if e.Field(name) == nil {
			problems = append(problems, fmt.Sprintf("The field %s of %s is gone from the model, but the store has its values: put it back.", name, e.Name))
		}
	}
	return steps, problems
}

// fits tells whether values stored as one type may be read and written as another: the same, one
// form of text for another that takes every text, or an enum that has grown.
func fits(have, want string) bool {
	if have == want {
		return true
	}
	haveBase, haveNull := strings.CutSuffix(have, "?")
	wantBase, wantNull := strings.CutSuffix(want, "?")
	if haveNull != wantNull {
		return false
	}
	if wantBase == "string" || wantBase == "text" {
		return haveBase == "string" || haveBase == "text" || haveBase == "email" || haveBase == "url" || strings.HasPrefix(haveBase, "enum")
	}
	before, ok1 := strings.CutPrefix(haveBase, "enum[")
	after, ok2 := strings.CutPrefix(wantBase, "enum[")
	if !ok1 || !ok2 {
		return false
	}
	values := strings.Split(strings.TrimSuffix(after, "]"), ", ")
	for v := range strings.SplitSeq(strings.TrimSuffix(before, "]"), ", ") {
		if !slices.Contains(values, v) {
			return false
		}
	}
	return true
}
