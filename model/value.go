package model

import (
	"math"
	"time"
)

// ValueKind tells what a Value holds.
type ValueKind uint8

// The kinds of value. Several field types share one: uuid, enum, email, url, text and string are
// all StringValue.
const (
	NullValue ValueKind = iota
	BoolValue
	IntValue
	FloatValue
	StringValue
	BytesValue
	TimeValue    // microseconds since the Unix epoch, UTC
	DateValue    // days since the Unix epoch
	DecimalValue // an unscaled integer and its scale
	JSONValue    // compact JSON text
)

// Value is one scalar of a row or of a request. The zero Value is null. Values are immutable and
// safe to share and to compare with ==, which is equality within one kind (a decimal field always
// has one scale).
type Value struct {
	s     string
	n     int64
	kind  ValueKind
	scale uint8
}

// Null is the zero Value.
var Null Value

// Bool returns a boolean value.
func Bool(b bool) Value {
	v := Value{kind: BoolValue}
	if b {
		v.n = 1
	}
	return v
}

// Int returns an integer value.
func Int(n int64) Value { return Value{kind: IntValue, n: n} }

// Float returns a floating-point value. Negative zero becomes zero, so that == holds.
func Float(f float64) Value {
	if f == 0 {
		f = 0
	}
	return Value{kind: FloatValue, n: int64(math.Float64bits(f))}
}

// String returns a string value; also used for uuid, enum, email, url and text fields.
func String(s string) Value { return Value{kind: StringValue, s: s} }

// Bytes returns a value of raw bytes, held as a string so that it is immutable.
func Bytes(b string) Value { return Value{kind: BytesValue, s: b} }

// Time returns a point in time, cut to the microsecond.
func Time(t time.Time) Value { return Value{kind: TimeValue, n: t.UnixMicro()} }

// TimeMicro returns the point in time of the given microseconds since the Unix epoch.
func TimeMicro(n int64) Value { return Value{kind: TimeValue, n: n} }

// DateDays returns the day of the given number of days since the Unix epoch.
func DateDays(n int64) Value { return Value{kind: DateValue, n: n} }

// Decimal returns unscaled × 10^-scale.
func Decimal(unscaled int64, scale uint8) Value {
	return Value{kind: DecimalValue, n: unscaled, scale: scale}
}

// JSON returns a JSON value; text must be valid and compact.
func JSON(text string) Value { return Value{kind: JSONValue, s: text} }

// Kind tells what v holds.
func (v Value) Kind() ValueKind { return v.kind }

// IsNull tells whether v is null.
func (v Value) IsNull() bool { return v.kind == NullValue }

// Bool returns the boolean that v holds, false for other kinds.
func (v Value) Bool() bool { return v.kind == BoolValue && v.n != 0 }

// Int returns the integer of v: the number itself, microseconds of a time, days of a date, the
// unscaled part of a decimal; 0 for kinds that have none.
func (v Value) Int() int64 {
	if v.kind == FloatValue {
		return 0
	}
	return v.n
}

// Float returns the number that v holds as a float64, 0 for kinds that are not numbers.
func (v Value) Float() float64 {
	switch v.kind {
	case FloatValue:
		return math.Float64frombits(uint64(v.n))
	case IntValue:
		return float64(v.n)
	case DecimalValue:
		return float64(v.n) / math.Pow10(int(v.scale))
	}
	return 0
}

// Scale returns the number of digits behind a decimal's point.
func (v Value) Scale() uint8 { return v.scale }

// Text returns the characters of a string, the raw bytes, or the JSON text; "" for other kinds.
// For a readable form of any kind use AppendText.
func (v Value) Text() string { return v.s }

// Time returns the point in time that v holds, in UTC.
func (v Value) Time() time.Time { return time.UnixMicro(v.n).UTC() }
