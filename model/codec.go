package model

// Parse reads the text form of a value, as it stands in a path, a query or a CSV cell, into its
// canonical value, and checks it against the type and the bounds. The error is a *fault.Error whose
// single Detail has the field's name.
func (f *Field) Parse(text string) (Value, error) { panic("unwritten") }

// DecodeJSON reads one JSON value (already known to be well-formed) likewise.
func (f *Field) DecodeJSON(raw []byte) (Value, error) { panic("unwritten") }

// Check tells whether a value, such as that of an expression, may stand in the field: type, null,
// size, bounds, pattern, enum. The error is a *fault.Error.
func (f *Field) Check(v Value) error { panic("unwritten") }

// AppendText appends the canonical text of v: the form that Parse reads back; "" for null.
func AppendText(dst []byte, v Value) []byte { panic("unwritten") }

// AppendJSON appends v as JSON. Numbers keep their digits; a decimal is a JSON string.
func AppendJSON(dst []byte, v Value) []byte { panic("unwritten") }

// AppendRow appends the row as a JSON object of the given fields, in their order.
func AppendRow(dst []byte, fields []*Field, row *Row) []byte { panic("unwritten") }

// Compare orders two values of one kind as the stores do: null first, strings by their bytes.
func Compare(a, b Value) int { panic("unwritten") }

// DecodeArgs reads a JSON object against the inputs: unknown members, duplicate names, trailing
// data, missing required members, wrong types and broken bounds are all reported at once, as one
// *fault.Error with a Detail (JSON pointer) each.
func DecodeArgs(inputs []*Input, body []byte) (*Args, error) { panic("unwritten") }

// Bucket gives the bucket of a partition, from 0 to Buckets-1. It depends on the family's name and
// the canonical value only, so that every node and release agrees.
func (f *Family) Bucket(partition Value) int { panic("unwritten") }
