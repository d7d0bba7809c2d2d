package model

import (
	"errors"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// celType gives the type of an expression that reads a field. A field that may be null has a type
// that can be compared with null.
func celType(t *Type, null bool) *types.Type {
	var c *types.Type
	switch t.Kind {
	case KindInt:
		c = types.IntType
	case KindFloat:
		c = types.DoubleType
	case KindBool:
		c = types.BoolType
	case KindTime:
		return types.TimestampType
	case KindDate:
		return dateType
	case KindDecimal:
		return decimalType
	case KindJSON:
		return jsonType
	case KindBytes:
		c = types.BytesType
	default:
		c = types.StringType
	}
	if null {
		return types.NewNullableType(c)
	}
	return c
}

// objects are the kinds of row and of argument list that one expression may look into, by the name
// of their type. It is the provider and the adapter of that expression's environment: the types of
// protocol buffers, which CEL knows otherwise, are not there.
type objects struct {
	base    *types.Registry
	members map[string]*object
}

// object is one type with members: a row, or `input`, `event`, `item`.
type object struct {
	celType *types.Type
	names   []string // in the order of the model
	fields  map[string]*types.FieldType
	nullOK  map[string]bool // members that may be null
	model   map[string]*Field
}

func newObjects() *objects {
	return &objects{base: baseTypes(), members: map[string]*object{}}
}

func (o *objects) add(name string) *object {
	obj := &object{
		celType: types.NewObjectType(name),
		fields:  map[string]*types.FieldType{},
		nullOK:  map[string]bool{},
		model:   map[string]*Field{},
	}
	o.members[name] = obj
	return obj
}

func (obj *object) member(name string, f *Field, null bool, t *types.FieldType) {
	obj.names = append(obj.names, name)
	obj.fields[name] = t
	obj.nullOK[name] = null
	obj.model[name] = f
}

// row gives the type of an entity's rows.
func (o *objects) row(e *Entity) *types.Type {
	name := "row of " + e.Name
	if obj := o.members[name]; obj != nil {
		return obj.celType
	}
	obj := o.add(name)
	for _, f := range e.Fields {
		pos := f.Pos
		obj.member(f.Name, f, f.Type.Null, &types.FieldType{
			Type: celType(&f.Type, f.Type.Null),
			IsSet: func(target any) bool {
				row, ok := target.(*Row)
				return ok && pos < len(row.Values) && !row.Values[pos].IsNull()
			},
			GetFrom: func(target any) (any, error) {
				if row, ok := target.(*Row); ok && pos < len(row.Values) {
					return toCEL(row.Values[pos]), nil
				}
				return nil, errNoRow
			},
		})
	}
	return obj.celType
}

// args gives the type of a list of arguments. Where optional is set, one that the caller need not
// give may be null.
func (o *objects) args(name string, inputs []*Input, optional bool) *types.Type {
	obj := o.add(name)
	for _, in := range inputs {
		index := in.Index
		isSet := func(target any) bool {
			args, ok := target.(*Args)
			return ok && args.given(index)
		}
		if in.Items != nil {
			item := o.args("item of "+in.Name, in.Items, optional)
			obj.member(in.Name, in.Field, false, &types.FieldType{
				Type:  types.NewListType(item),
				IsSet: isSet,
				GetFrom: func(target any) (any, error) {
					args, ok := target.(*Args)
					if !ok {
						return nil, errNoArgs
					}
					return args.list(index, item), nil
				},
			})
			continue
		}
		null := in.Type.Null || optional && !in.Required
		obj.member(in.Name, in.Field, null, &types.FieldType{
			Type:  celType(&in.Type, null),
			IsSet: isSet,
			GetFrom: func(target any) (any, error) {
				if args, ok := target.(*Args); ok {
					return toCEL(args.value(index)), nil
				}
				return nil, errNoArgs
			},
		})
	}
	return obj.celType
}

var (
	errNoRow  = errors.New(reasonNoRow)
	errNoArgs = errors.New(reasonNotGiven)
)

// value gives an argument, null if the caller did not give it.
func (a *Args) value(index int) Value {
	if a == nil || index >= len(a.Values) {
		return Null
	}
	return a.Values[index]
}

func (a *Args) given(index int) bool {
	return a != nil && index < len(a.Given) && a.Given[index]
}

// list gives the items of a list as expressions see them.
func (a *Args) list(index int, item *types.Type) ref.Val {
	var vals []ref.Val
	if a != nil && index < len(a.Items) {
		items := a.Items[index]
		vals = make([]ref.Val, len(items))
		for i := range items {
			vals[i] = objectVal{value: &items[i], celType: item}
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, vals)
}

// EnumValue implements types.Provider; there are no enums of protocol buffers here.
func (o *objects) EnumValue(name string) ref.Val { return types.NewErr("unknown enum %q", name) }

// FindIdent implements types.Provider for the names of types.
func (o *objects) FindIdent(name string) (ref.Val, bool) { return o.base.FindIdent(name) }

// FindStructType implements types.Provider.
func (o *objects) FindStructType(name string) (*types.Type, bool) {
	if obj := o.members[name]; obj != nil {
		return types.NewTypeTypeWithParam(obj.celType), true
	}
	return nil, false
}

// FindStructFieldNames implements types.Provider.
func (o *objects) FindStructFieldNames(name string) ([]string, bool) {
	if obj := o.members[name]; obj != nil {
		return obj.names, true
	}
	return nil, false
}

// FindStructFieldType implements types.Provider.
func (o *objects) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if obj := o.members[name]; obj != nil {
		t, ok := obj.fields[field]
		return t, ok
	}
	return nil, false
}

// NewValue implements types.Provider; expressions cannot make rows.
func (o *objects) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("a value of type %q cannot be made", name)
}

// NativeToValue implements types.Adapter.
func (o *objects) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case ref.Val:
		return v
	case *Row:
		return objectVal{value: v, celType: anyRow}
	case *Args:
		return objectVal{value: v, celType: anyRow}
	}
	return o.base.NativeToValue(value)
}

var anyRow = types.NewObjectType("row")
