package model

import (
	"regexp"
	"strconv"
	"strings"
)

// typeForms are the types as they are written, with what may stand in their brackets.
var typeForms = map[string]struct {
	kind Kind
	args int // numbers in the brackets
}{
	"string": {KindString, 1}, "text": {KindText, 1}, "int": {KindInt, 0}, "float": {KindFloat, 0}, "bool": {KindBool, 0},
	"uuid": {KindUUID, 0}, "time": {KindTime, 0}, "date": {KindDate, 0}, "bytes": {KindBytes, 1}, "json": {KindJSON, 1},
	"decimal": {KindDecimal, 2}, "email": {KindEmail, 0}, "url": {KindURL, 0},
}

const allTypes = "string(n) text(n) int float bool uuid time date bytes(n) json(n) decimal(p,s) email url, or {enum: [a, b]}"

// foreignTypes are words of other languages for what a model calls otherwise.
var foreignTypes = map[string]string{
	"integer": "int", "bigint": "int", "int64": "int", "int32": "int", "long": "int", "number": "int or decimal(p,s)", "double": "float",
	"real": "float", "boolean": "bool", "str": "string(n)", "varchar": "string(n)", "char": "string(n)", "timestamp": "time",
	"datetime": "time", "instant": "time", "blob": "bytes(n)", "binary": "bytes(n)", "object": "json(n)", "jsonb": "json(n)",
	"numeric": "decimal(p,s)", "money": "int in cents, or decimal(p,s)", "guid": "uuid", "uri": "url", "enum": "{enum: [a, b]}",
}

var typeSyntax = regexp.MustCompile(`^([A-Za-z_0-9]+)(?:\(\s*([^()]*?)\s*\))?(\?)?$`)

// Sizes that a field may have. An email address has at most 254 characters; a url that is longer
// than 2048 does not work everywhere.
const (
	maxString = 1000
	maxText   = 1 << 20
	emailSize = 254
	urlSize   = 2048
)

// typeText reads a type as it is written in one word.
func (c *complaints) typeText(n *node, what string) (Type, bool) {
	if n.kind != scalarNode || n.expr {
		c.refuse(n.spot, "%s has no type that can be read", what).fix("write one of %s", allTypes)
		return Type{}, false
	}
	m := typeSyntax.FindStringSubmatch(n.text)
	if m == nil {
		c.refuse(n.spot, "%s has the type %q, which is none", what, cut(n.text)).fix("write one of %s", allTypes)
		return Type{}, false
	}
	form, known := typeForms[m[1]]
	if !known {
		x := c.refuse(n.spot, "%s has the type %q, which is none", what, cut(n.text))
		if f, ok := foreignTypes[strings.ToLower(m[1])]; ok {
			x.fix("write %s", f)
		} else if l := likely(m[1], sortedKeys(typeForms)); l != "" {
			x.fix("did you mean %s?", l)
		} else {
			x.fix("write one of %s", allTypes)
		}
		return Type{}, false
	}
	t := Type{Kind: form.kind, Null: m[3] != ""}
	var args []string
	if m[2] != "" {
		args = strings.Split(m[2], ",")
	}
	if len(args) != form.args {
		c.typeArgs(n, what, m[1], form.args)
		return Type{}, false
	}
	switch form.kind {
	case KindDecimal:
		return c.decimal(n, what, t, args)
	case KindEmail:
		t.Size = emailSize
	case KindURL:
		t.Size = urlSize
	case KindString:
		return c.sized(n, what, t, args[0], maxString)
	case KindText, KindBytes, KindJSON:
		return c.sized(n, what, t, args[0], maxText)
	}
	return t, true
}

func (c *complaints) typeArgs(n *node, what, name string, args int) {
	x := c.refuse(n.spot, "%s has the type %q", what, cut(n.text))
	switch args {
	case 0:
		x.fix("%s takes no brackets", name)
	case 1:
		x.why("what has no bound cannot be planned for").fix("say how much it may hold at most: %s(200)", name)
	default:
		x.fix("say how many digits in all, and how many behind the point: %s(12,2)", name)
	}
}

func (c *complaints) sized(n *node, what string, t Type, arg string, most int) (Type, bool) {
	size := 0.0
	if m := sizeForm.FindStringSubmatch(strings.TrimSpace(arg)); m != nil {
		size = number(m[1]) * times[m[2]]
	}
	if size >= 1 && size <= float64(most) {
		t.Size = int(size)
		return t, true
	}
	x := c.refuse(n.spot, "%s has the type %q, whose size is not from 1 to %d", what, cut(n.text), most)
	if size < 1 {
		x.fix("write a number from 1 to %d, such as %s(40)", most, t.Kind)
	} else if t.Kind == KindString {
		x.why("a string can be a key, and keys must stay short").fix("write text(n) for what is longer")
	} else {
		x.why("a row must fit into one answer").fix("keep larger things in an object store, and their url here")
	}
	return t, false
}

func (c *complaints) decimal(n *node, what string, t Type, args []string) (Type, bool) {
	p, err1 := strconv.Atoi(strings.TrimSpace(args[0]))
	s, err2 := strconv.Atoi(strings.TrimSpace(args[1]))
	if err1 != nil || err2 != nil || p < 1 || p > 18 || s < 0 || s > p {
		c.refuse(n.spot, "%s has the type %q", what, cut(n.text)).
			why("a decimal keeps at most 18 digits, so that it stays exact in every store").
			fix("write decimal(p,s) with p from 1 to 18 and s from 0 to p, such as decimal(12,2)")
		return t, false
	}
	t.Precision, t.Scale = p, s
	return t, true
}

// enum reads the words of an enum.
func (c *complaints) enum(n *node, what string) ([]string, bool) {
	if n.kind != listNode {
		c.refuse(n.spot, "%s: an enum is a list of words", what).fix("write {enum: [a, b]}")
		return nil, false
	}
	var out []string
	ok := true
	for _, x := range c.names(n, what+": enum") {
		if x.text == "" || len(x.text) > longestName {
			c.refuse(x.spot, "%s: the enum has a value that is empty or longer than %d bytes", what, longestName).fix("use a short word")
			ok = false
		}
		out = append(out, x.text)
	}
	if len(out) == 0 {
		c.refuse(n.spot, "%s: the enum has no values", what).why("no value could ever stand there").fix("list at least one")
		ok = false
	}
	return out, ok
}

// field reads a field's type in its short or long form. Pos is set by whoever places it. false: its
// type is wrong.
func (c *complaints) field(p pair, what string) (*Field, bool) {
	f := &Field{Name: p.key}
	if p.value.bad() {
		return f, false
	}
	if p.value.kind != mapNode {
		var ok bool
		f.Type, ok = c.typeText(p.value, what)
		return f, ok
	}
	m, _ := c.mapping(p.value, what, "type enum enum? default min max pattern")
	if !c.longType(f, m) {
		return f, false
	}
	c.bounds(f, m)
	if !c.defaults(f, m) {
		f.Default = DefaultLiteral // there is one, although it is wrong
	}
	return f, true
}

func (c *complaints) longType(f *Field, m *members) (ok bool) {
	word := "enum"
	if m.has("enum?") {
		word = "enum?"
		f.Type.Null = true
	}
	switch t, e := m.get("type"), m.get(word); {
	case m.has("type") && m.has(word):
		c.refuse(m.at(word), "%s has both a type and an enum", m.what).fix("an enum is a type by itself: take `type` out")
		return false
	case m.has("enum") && m.has("enum?"):
		c.refuse(m.at("enum"), "%s has two enums", m.what).fix("keep enum?, which may be null, or enum, which may not")
		return false
	case e != nil:
		f.Type.Kind = KindEnum
		f.Type.Enum, ok = c.enum(e, m.what)
		return ok
	case t != nil && t.kind == mapNode:
		inner, isMap := c.mapping(t, m.what, "enum")
		if e := inner.get("enum"); isMap && e != nil {
			f.Type.Kind = KindEnum
			f.Type.Enum, ok = c.enum(e, m.what)
			return ok
		}
		return false
	case t != nil:
		f.Type, ok = c.typeText(t, m.what)
		return ok
	case m.missing("type") && !m.has(word):
		c.refuse(m.node.spot, "%s has no type", m.what).fix("add type: with one of %s", allTypes)
	}
	return false
}

// bounds reads min, max and pattern.
func (c *complaints) bounds(f *Field, m *members) {
	for key, bound := range map[string]*Value{"min": &f.Min, "max": &f.Max} {
		n := m.get(key)
		if n == nil {
			continue
		}
		switch f.Type.Kind {
		case KindInt, KindFloat, KindDecimal, KindTime, KindDate:
			*bound, _ = c.literal(&Field{Name: f.Name, Type: f.Type}, n, m.what+": "+key)
		default:
			c.refuse(m.at(key), "%s is %s, which has no %s", m.what, f.Type, key).fix("bounds are for numbers and times; the size of a text stands in its brackets")
		}
	}
	if !f.Min.IsNull() && !f.Max.IsNull() && Compare(f.Min, f.Max) > 0 {
		c.refuse(m.at("min"), "%s has a min above its max", m.what).why("no value could ever stand there").fix("swap the two")
		f.Min, f.Max = Null, Null
	}
	if n := m.get("pattern"); n != nil {
		c.pattern(f, n, m.what)
	}
}

func (c *complaints) pattern(f *Field, n *node, what string) {
	text, ok := c.scalar(n, what+": pattern")
	if !ok {
		return
	}
	switch f.Type.Kind {
	case KindString, KindText, KindEmail, KindURL:
	default:
		c.refuse(n.spot, "%s is %s, which has no pattern", what, f.Type).fix("patterns are for texts")
		return
	}
	re, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil || len(text) > 500 {
		c.refuse(n.spot, "%s has a pattern that is no regular expression", what).fix("use RE2 syntax, such as [A-Z]{3}[0-9]+; it must match the whole value")
		return
	}
	f.Pattern = re
}
