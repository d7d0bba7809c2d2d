package sqltext

import (
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
		s.Families[f.Name] = TypeName(f.By.Type)
	}
	for _, e := range m.Entities {
		shape := EntityShape{Family: e.Family.Name, By: e.Fields[0].Name, Key: []string{}, Fields: map[string]string{}}
		for _, f := range e.Key {
			shape.Key = append(shape.Key, f.Name)
		}
		for _, f := range e.Fields[1:] {
			shape.Fields[f.Name] = TypeName(f.Type)
		}
		s.Entities[e.Name] = shape
	}
	return s
}

// TypeName tells all of a type that matters to what is stored. A size does not: a smaller one holds
// for new values only.
func TypeName(t model.Type) string {
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

// SameStored tells whether values stored as one type may be read and written as another without a
// change of any: one form of text for another that takes every text, or an enum that has grown.
// Types are as TypeName writes them, without "?".
func SameStored(have, want string) bool {
	if have == want {
		return true
	}
	if want == "string" || want == "text" {
		return have == "string" || have == "text" || have == "email" || have == "url" || strings.HasPrefix(have, "enum")
	}
	gone, ok := enumLoss(have, want)
	return ok && len(gone) == 0
}

// EnumLoss lists the values that an enum has lost; nil where none or no enum.
func EnumLoss(have, want string) []string {
	gone, _ := enumLoss(have, want)
	return gone
}

func enumLoss(have, want string) (gone []string, ok bool) {
	before, ok1 := strings.CutPrefix(have, "enum[")
	after, ok2 := strings.CutPrefix(want, "enum[")
	if !ok1 || !ok2 {
		return nil, false
	}
	values := strings.Split(strings.TrimSuffix(after, "]"), ", ")
	for v := range strings.SplitSeq(strings.TrimSuffix(before, "]"), ", ") {
		if !slices.Contains(values, v) {
			gone = append(gone, v)
		}
	}
	return gone, true
}
