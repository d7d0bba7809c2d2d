package model

import (
	"errors"
	"fmt"
	"strings"

	"github.com/partita-dev/partita/fault"
)

// shortestRandom is the least size of a text that may default to random: fewer characters can be
// guessed by trying.
const shortestRandom = 10

// defaults reads a field's default.
func (c *complaints) defaults(f *Field, m *members) bool {
	n := m.get("default")
	if n == nil {
		return !m.has("default")
	}
	what := m.what + ": default"
	if n.expr {
		c.refuse(n.spot, "%s is an expression", what).why("a default must mean the same to everyone who adds a row").
			fix("write a literal, new, next, random or now, and compute values with `set`")
		return false
	}
	if f.Type.Kind != KindEnum && n.kind == scalarNode {
		made, kinds := NoDefault, ""
		switch n.text {
		case "new":
			made, kinds = DefaultNew, "uuid"
		case "next":
			made, kinds = DefaultNext, "int"
		case "random":
			made, kinds = DefaultRandom, "uuid string int bytes"
		case "now":
			made, kinds = DefaultNow, "time date"
		}
		if made != NoDefault {
			return c.madeDefault(f, n, what, made, kinds)
		}
	}
	v, ok := c.literal(f, n, what)
	f.Default, f.DefaultValue = DefaultLiteral, v
	return ok
}

func (c *complaints) madeDefault(f *Field, n *node, what string, made DefaultKind, kinds string) bool {
	if !words(kinds)[f.Type.Kind.String()] {
		x := c.refuse(n.spot, "%s is %s, which is for %s, but the type is %s", what, n.text, strings.ReplaceAll(kinds, " ", " and "), f.Type)
		switch made {
		case DefaultNew:
			x.fix("make it a uuid, or use next for an int, random for a string")
		case DefaultNext:
			x.fix("make it an int")
		case DefaultRandom:
			x.fix("make it a string(%d) or longer, or a uuid", shortestRandom)
		default:
			x.fix("make it a time or a date")
		}
		return false
	}
	if made == DefaultRandom && f.Type.Size != 0 && f.Type.Size < shortestRandom {
		c.refuse(n.spot, "%s is random, but %s is only %s", what, f.Name, f.Type).
			why("so short a value can be guessed").fix("make it %s(%d) or longer", f.Type.Kind, shortestRandom)
		return false
	}
	if made == DefaultRandom && (!f.Min.IsNull() || !f.Max.IsNull() || f.Pattern != nil) {
		c.refuse(n.spot, "%s is random, but %s has bounds", what, f.Name).
			why("a value made at random would not keep to them").fix("take the bounds or the default out")
		return false
	}
	f.Default = made
	return true
}

// literal reads a value that stands in the file for itself, and checks it against the field.
func (c *complaints) literal(f *Field, n *node, what string) (Value, bool) {
	switch {
	case n.bad():
		return Null, false
	case n.kind == nullNode:
		c.refuse(n.spot, "%s is null", what).why("an empty value is easily overlooked").fix("write = null where null is meant")
		return Null, false
	case n.kind != scalarNode || n.expr:
		c.refuse(n.spot, "%s must be a single value, not %s", what, n.shape()).fix("write one %s", f.Type)
		return Null, false
	}
	if n.text == "" {
		switch f.Type.Kind {
		case KindString, KindText:
			return String(""), true
		}
	}
	v, err := f.Parse(n.text)
	if err == nil && !v.IsNull() {
		return v, true
	}
	x := c.refuse(n.spot, "%s cannot be %q", what, cut(n.text))
	if f.Type.Kind == KindEnum {
		x.fix("%s", orOneOf(n.text, f.Type.Enum))
	} else {
		x.fix("%s", advice(f, err))
	}
	return Null, false
}

// advice turns what a field says about a value into what to write instead.
func advice(f *Field, err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Details) > 0 {
		return fmt.Sprintf("%s %s", f.Name, strings.TrimSuffix(e.Details[0].Message, "."))
	}
	return fmt.Sprintf("write a value of type %s", f.Type)
}

var kindNames = [...]string{
	KindString: "string", KindText: "text", KindInt: "int", KindFloat: "float", KindBool: "bool", KindUUID: "uuid", KindTime: "time",
	KindDate: "date", KindBytes: "bytes", KindJSON: "json", KindDecimal: "decimal", KindEmail: "email", KindURL: "url", KindEnum: "enum",
}

// String gives the kind as it is written in a model, without its brackets.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// String gives the type as it is written in a model.
func (t Type) String() string {
	s := t.Kind.String()
	switch t.Kind {
	case KindString, KindText, KindBytes, KindJSON:
		s = fmt.Sprintf("%s(%d)", s, t.Size)
	case KindDecimal:
		s = fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case KindEnum:
		s = "{enum: [" + strings.Join(t.Enum, ", ") + "]}"
	}
	if t.Null {
		s += "?"
	}
	return s
}
