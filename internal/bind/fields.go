package bind

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/partita-dev/partita/model"
)

// OfRow gives a row as an object.
func OfRow(e *model.Entity, row *model.Row) Object {
	object := make(Object, len(e.Fields))
	for _, f := range e.Fields {
		object[f.Name] = model.AppendJSON(nil, row.Values[f.Pos])
	}
	return object
}

// OfArgs gives what a caller gave to a write as an object.
func OfArgs(inputs []*model.Input, args *model.Args) Object {
	object := make(Object, len(inputs))
	for _, in := range inputs {
		switch {
		case !args.Given[in.Index]:
		case in.Items == nil:
			object[in.Name] = model.AppendJSON(nil, args.Values[in.Index])
		default:
			items := make([]Object, len(args.Items[in.Index]))
			for i := range items {
				items[i] = OfArgs(in.Items, &args.Items[in.Index][i])
			}
			object[in.Name], _ = json.Marshal(items) // of valid JSON only
		}
	}
	return object
}

// ToValues reads the members of an object as fields: an error names the first that does not fit, or
// that is no field at all.
func ToValues(object Object, fields []*model.Field) (values []model.Value, given []bool, err error) {
	values, given = make([]model.Value, len(fields)), make([]bool, len(fields))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		i := slices.IndexFunc(fields, func(f *model.Field) bool { return f.Name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("there is no field %s; the fields are %s", name, fieldNames(fields))
		}
		if values[i], err = fields[i].DecodeJSON(object[name]); err != nil {
			return nil, nil, err
		}
		given[i] = true
	}
	return values, given, nil
}

// ToValue reads a Go value as a field.
func ToValue(v any, f *model.Field) (model.Value, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return model.Null, fmt.Errorf("%s: %w", f.Name, err)
	}
	return f.DecodeJSON(raw)
}

func fieldNames(fields []*model.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}
