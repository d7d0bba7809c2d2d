package model

import (
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// objectVal is a *Row or a *Args, where an expression speaks of it as a whole.
type objectVal struct {
	value   any
	celType *types.Type
}

func (o objectVal) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }

func (o objectVal) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.celType
	}
	return types.NewErr("no such overload")
}

// Equal compares rows by their version and values, anything else by identity.
func (o objectVal) Equal(other ref.Val) ref.Val {
	p, ok := other.(objectVal)
	if !ok {
		return types.False
	}
	a, okA := o.value.(*Row)
	b, okB := p.value.(*Row)
	if !okA || !okB {
		return types.Bool(o.value == p.value)
	}
	same := a.Version == b.Version && len(a.Values) == len(b.Values)
	for i := 0; same && i < len(a.Values); i++ {
		same = a.Values[i] == b.Values[i]
	}
	return types.Bool(same)
}

func (o objectVal) Type() ref.Type { return o.celType }

func (o objectVal) Value() any { return o.value }
