package model

import (
	"cmp"
	"math"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/partita-dev/partita/fault"
)

// Parse reads the text form of a value, as it stands in a path, a query or a CSV cell, into its
// canonical value, and checks it against the type and the bounds. The empty text is null where the
// type allows null. The error is a *fault.Error whose single Detail has the field's name.
func (f *Field) Parse(text string) (Value, error) {
	if text == "" && f.Type.Null {
		return Null, nil
	}
	v, p := f.Type.parse(text)
	if !p.bad() {
		p = f.bounds(v)
	}
	if p.bad() {
		return Null, f.fault(p)
	}
	return v, nil
}

// DecodeJSON reads one JSON value (already known to be well-formed) likewise. An integer may be
// written with a point or an exponent as long as it is whole; a decimal is a string or a number,
// whose digits are taken as they stand.
func (f *Field) DecodeJSON(raw []byte) (Value, error) {
	v, p := f.decode(raw)
	if p.bad() {
		return Null, f.fault(p)
	}
	return v, nil
}

// Check tells whether a value, such as that of an expression, may stand in the field: type, null,
// size, bounds, pattern, enum. It asks for the canonical form. The error is a *fault.Error.
func (f *Field) Check(v Value) error {
	p := f.Type.holds(v)
	if !p.bad() {
		p = f.bounds(v)
	}
	if p.bad() {
		return f.fault(p)
	}
	return nil
}

// decode is DecodeJSON without the field's name in the complaint.
func (f *Field) decode(raw []byte) (Value, problem) {
	v, p := f.Type.decode(raw)
	if !p.bad() {
		p = f.bounds(v)
	}
	if p.bad() {
		return Null, p
	}
	return v, p
}

// problem is what is wrong with a value: the end of a sentence that begins with the field's name.
// The zero problem is none.
type problem struct {
	code fault.Code
	text string
}

func (p problem) bad() bool { return p.code != "" }

func invalid(text string) problem { return problem{fault.InvalidInput, text} }

func outside(text string) problem { return problem{fault.OutOfBounds, text} }

func (f *Field) fault(p problem) error {
	return &fault.Error{
		Code:    p.code,
		Message: f.Name + " " + p.text + ".",
		Details: []fault.Detail{{Pointer: f.Name, Message: p.text}},
	}
}

// bounds checks what the field says beyond its type. Null has no bounds.
func (f *Field) bounds(v Value) problem {
	if v.IsNull() {
		return problem{}
	}
	if !f.Min.IsNull() && Compare(v, f.Min) < 0 {
		return outside("must be at least " + string(AppendText(nil, f.Min)))
	}
	if !f.Max.IsNull() && Compare(v, f.Max) > 0 {
		return outside("must be at most " + string(AppendText(nil, f.Max)))
	}
	if f.Addressed && v.kind == StringValue {
		switch v.s {
		case "":
			return outside("must not be empty: an address has no place for nothing")
		case ".", "..":
			return outside("must not be " + v.s + ", which clients take out of an address")
		}
	}
	if f.Pattern != nil && v.kind == StringValue && !f.Pattern.MatchString(v.s) {
		return outside("must match the pattern " + strings.TrimSuffix(strings.TrimPrefix(f.Pattern.String(), "^(?:"), ")$"))
	}
	return problem{}
}

// Compare orders two values of one kind as the stores do: null first, strings by their bytes.
// Values of different kinds are ordered by kind, so that the order is total.
func Compare(a, b Value) int {
	if a.kind != b.kind {
		return cmp.Compare(a.kind, b.kind)
	}
	switch a.kind {
	case NullValue:
		return 0
	case FloatValue:
		return cmp.Compare(math.Float64frombits(uint64(a.n)), math.Float64frombits(uint64(b.n)))
	case StringValue, BytesValue, JSONValue:
		return strings.Compare(a.s, b.s)
	case DecimalValue:
		return compareDecimal(a, b)
	}
	return cmp.Compare(a.n, b.n)
}

// Bucket gives the bucket of a partition, from 0 to Buckets-1. It depends on the family's name and
// the canonical value only, so that every node and release agrees: it is the 64-bit xxHash of the
// name, a zero byte and the value's canonical text.
func (f *Family) Bucket(partition Value) int {
	var room [128]byte
	b := append(room[:0], f.Name...)
	b = append(b, 0)
	b = AppendText(b, partition)
	return int(xxhash.Sum64(b) % Buckets)
}
