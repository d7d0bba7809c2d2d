package model

import (
	"errors"
	"math"
	"math/bits"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// The types of expressions that CEL does not have itself. A time is a CEL timestamp; uuid, enum,
// email and url are strings.
var (
	dateType    = types.NewObjectType("date", traits.ComparerType)
	jsonType    = types.NewObjectType("json")
	decimalType = types.NewObjectType("decimal",
		traits.ComparerType|traits.AdderType|traits.SubtractorType|traits.MultiplierType|traits.NegatorType)
)

// toCEL gives a value as expressions see it.
func toCEL(v Value) ref.Val {
	switch v.kind {
	case BoolValue:
		return types.Bool(v.n != 0)
	case IntValue:
		return types.Int(v.n)
	case FloatValue:
		return types.Double(math.Float64frombits(uint64(v.n)))
	case StringValue:
		return types.String(v.s)
	case BytesValue:
		return types.Bytes(v.s)
	case TimeValue:
		return types.Timestamp{Time: v.Time()}
	case DateValue:
		return dateVal(v.n)
	case DecimalValue:
		return decimalVal(v)
	case JSONValue:
		return jsonVal(v.s)
	}
	return types.NullValue
}

// fromCEL gives the result of an expression as a value; ok is false for lists, maps and rows.
func fromCEL(val ref.Val) (v Value, ok bool) {
	switch val := val.(type) {
	case types.Null:
		return Null, true
	case types.Bool:
		return Bool(bool(val)), true
	case types.Int:
		return Int(int64(val)), true
	case types.Double:
		return Float(float64(val)), true
	case types.String:
		return String(string(val)), true
	case types.Bytes:
		return Bytes(string(val)), true
	case types.Timestamp:
		return Time(val.Time), true
	case dateVal:
		return DateDays(int64(val)), true
	case decimalVal:
		return Value(val), true
	case jsonVal:
		return JSON(string(val)), true
	}
	return Null, false
}

var errNoNative = errors.New("no such conversion")

// dateVal is a date, in days since the Unix epoch.
type dateVal int64

func (d dateVal) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }

func (d dateVal) ConvertToType(t ref.Type) ref.Val {
	if t == types.StringType {
		return types.String(AppendText(nil, DateDays(int64(d))))
	}
	return types.NewErr("no such overload")
}

func (d dateVal) Equal(other ref.Val) ref.Val {
	o, ok := other.(dateVal)
	return types.Bool(ok && d == o)
}

func (d dateVal) Compare(other ref.Val) ref.Val {
	o, ok := other.(dateVal)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(Compare(DateDays(int64(d)), DateDays(int64(o))))
}

func (d dateVal) Type() ref.Type { return dateType }

func (d dateVal) Value() any { return DateDays(int64(d)) }

// jsonVal is JSON text. Expressions can hand it on and compare it, not look into it.
type jsonVal string

func (j jsonVal) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }

func (j jsonVal) ConvertToType(t ref.Type) ref.Val {
	if t == types.StringType {
		return types.String(j)
	}
	return types.NewErr("no such overload")
}

func (j jsonVal) Equal(other ref.Val) ref.Val {
	o, ok := other.(jsonVal)
	return types.Bool(ok && j == o)
}

func (j jsonVal) Type() ref.Type { return jsonType }

func (j jsonVal) Value() any { return JSON(string(j)) }

// decimalVal is a decimal. Sums and products are exact; what leaves 64 bits or 18 digits behind the
// point is an error, and there is no division.
type decimalVal Value

func (d decimalVal) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }

func (d decimalVal) ConvertToType(t ref.Type) ref.Val {
	if t == types.StringType {
		return types.String(AppendText(nil, Value(d)))
	}
	return types.NewErr("no such overload")
}

func (d decimalVal) Equal(other ref.Val) ref.Val {
	o, ok := other.(decimalVal)
	return types.Bool(ok && compareDecimal(Value(d), Value(o)) == 0)
}

func (d decimalVal) Compare(other ref.Val) ref.Val {
	o, ok := other.(decimalVal)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(compareDecimal(Value(d), Value(o)))
}

func (d decimalVal) Add(other ref.Val) ref.Val {
	o, ok := other.(decimalVal)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	a, b, ok := level(Value(d), Value(o))
	sum := a.n + b.n
	if !ok || (sum > a.n) != (b.n > 0) {
		return errTooLarge
	}
	return decimalVal(Decimal(sum, a.scale))
}

func (d decimalVal) Subtract(other ref.Val) ref.Val {
	o, ok := other.(decimalVal)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	a, b, ok := level(Value(d), Value(o))
	difference := a.n - b.n
	if !ok || (difference < a.n) != (b.n > 0) {
		return errTooLarge
	}
	return decimalVal(Decimal(difference, a.scale))
}

func (d decimalVal) Multiply(other ref.Val) ref.Val {
	var factor Value
	switch o := other.(type) {
	case decimalVal:
		factor = Value(o)
	case types.Int:
		factor = Decimal(int64(o), 0)
	default:
		return types.MaybeNoSuchOverloadErr(other)
	}
	n, ok := multiply(d.n, factor.n)
	scale := d.scale + factor.scale
	for scale > maxScale && n%10 == 0 {
		n /= 10
		scale--
	}
	if !ok || scale > maxScale {
		return errTooLarge
	}
	return decimalVal(Decimal(n, scale))
}

func (d decimalVal) Negate() ref.Val {
	if d.n == math.MinInt64 {
		return errTooLarge
	}
	return decimalVal(Decimal(-d.n, d.scale))
}

func (d decimalVal) Type() ref.Type { return decimalType }

func (d decimalVal) Value() any { return Value(d) }

// maxScale is the most digits behind a decimal's point.
const maxScale = 18

var errTooLarge = types.NewErr("%s", reasonTooLarge)

// level gives two decimals one scale, the larger of the two.
func level(a, b Value) (Value, Value, bool) {
	if a.scale > b.scale {
		b, a, ok := level(b, a)
		return a, b, ok
	}
	widened, ok := rescale(a, b.scale)
	return widened, b, ok
}

// rescale gives a decimal another scale; ok is false if that takes a digit away or does not fit.
func rescale(v Value, scale uint8) (Value, bool) {
	n := v.n
	for s := v.scale; s < scale; s++ {
		var ok bool
		if n, ok = multiply(n, 10); !ok {
			return v, false
		}
	}
	for s := v.scale; s > scale; s-- {
		if n%10 != 0 {
			return v, false
		}
		n /= 10
	}
	return Decimal(n, scale), true
}

func multiply(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	if hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative {
		return 0, false
	}
	if negative {
		return -int64(lo), true
	}
	return int64(lo), true
}
