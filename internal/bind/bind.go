// Package bind carries values between Go structs or maps and the fields of a model. A struct's field
// stands for the model's field that its json tag names, or else for its own name in lower_snake:
// OrderID is order_id.
package bind

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// Object is the members of a JSON object.
type Object map[string]json.RawMessage

// Names gives the names of the model's fields that a type stands for; nil for a type that is no
// struct and no pointer to one.
func Names(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	names := make([]string, 0, t.NumField())
	for _, m := range membersOf(t) {
		names = append(names, m.name)
	}
	return names
}

// member is one field of a struct.
type member struct {
	name  string
	index []int
}

var known sync.Map // reflect.Type of a struct → []member

func membersOf(t reflect.Type) []member {
	if list, ok := known.Load(t); ok {
		return list.([]member)
	}
	var list []member
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || tag == "-" || f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct {
			continue
		}
		if tag == "" {
			tag = Snake(f.Name)
		}
		list = append(list, member{tag, f.Index})
	}
	known.Store(t, list)
	return list
}

// Snake puts a Go name into lower_snake: OrderID becomes order_id.
func Snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			before, after := runes[i-1], i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if !unicode.IsUpper(before) && before != '_' || unicode.IsUpper(before) && after {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Encode gives the members of a struct, a pointer to one, or a map with string keys. Those of a
// struct that hold the zero value are named in zero.
func Encode(v any) (object Object, zero map[string]bool, err error) {
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	object = Object{}
	switch {
	case rv.Kind() == reflect.Struct:
		zero = map[string]bool{}
		for _, m := range membersOf(rv.Type()) {
			field := rv.FieldByIndex(m.index)
			if object[m.name], err = encodeValue(field); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", m.name, err)
			}
			zero[m.name] = field.IsZero()
		}
		return object, zero, nil
	case rv.Kind() == reflect.Map && rv.Type().Key().Kind() == reflect.String:
		for k, e := range rv.Seq2() {
			if object[k.String()], err = encodeValue(e); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", k, err)
			}
		}
		return object, nil, nil
	}
	return nil, nil, fmt.Errorf("a struct or a map with string keys is needed, not %T", v)
}

func encodeValue(v reflect.Value) (json.RawMessage, error) { return json.Marshal(v.Interface()) }

// Decode sets what dst points to, a struct or a map[string]any, from an object. Null and absent
// members give zero values; members that a struct has no field for are passed over.
func Decode(object Object, dst any) error {
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("a pointer to a struct or a map is needed, not %T", dst)
	}
	return decodeObject(object, rv.Elem())
}

func decodeObject(object Object, rv reflect.Value) error {
	if rv.Kind() != reflect.Struct {
		text, err := json.Marshal(object)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, rv.Addr().Interface())
	}
	for _, m := range membersOf(rv.Type()) {
		field := rv.FieldByIndex(m.index)
		raw, given := object[m.name]
		if !given || string(raw) == "null" {
			field.SetZero()
			continue
		}
		if err := decodeValue(raw, field); err != nil {
			return fmt.Errorf("%s does not fit the Go type %s: %w", m.name, field.Type(), err)
		}
	}
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// decodeValue decodes a member: lists of structs by the names above, all else as encoding/json does.
func decodeValue(raw json.RawMessage, v reflect.Value) error {
	t := v.Type()
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct || reflect.PointerTo(t.Elem()).Implements(unmarshaler) {
		return json.Unmarshal(raw, v.Addr().Interface())
	}
	var items []Object
	if err := json.Unmarshal(raw, &items); err != nil {
		return err
	}
	list := reflect.MakeSlice(t, len(items), len(items))
	for i, item := range items {
		if err := decodeObject(item, list.Index(i)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}
