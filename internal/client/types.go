package client

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
)

// goType gives the type of a field's values, null aside. of names what the field belongs to.
func (g *generator) goType(f *model.Field, of string) string {
	switch f.Type.Kind {
	case model.KindInt:
		return "int64"
	case model.KindFloat:
		return "float64"
	case model.KindBool:
		return "bool"
	case model.KindTime:
		g.time = true
		return "time.Time"
	case model.KindDate:
		return "Date"
	case model.KindDecimal:
		return "Decimal"
	case model.KindBytes:
		return "[]byte"
	case model.KindJSON:
		g.json = true
		return "json.RawMessage"
	case model.KindEnum:
		return g.enum(f, of)
	}
	return "string"
}

// enum gives the type of an enumeration. Fields of one name and the same values share one.
func (g *generator) enum(f *model.Field, of string) string {
	key := "enum " + f.Name + " " + strings.Join(f.Type.Enum, "\x00")
	_, known := g.types[key]
	name := g.name(key, camel(of)+camel(f.Name), "Value")
	if known {
		return name
	}
	values := f.Type.Enum
	g.later = append(g.later, func() {
		g.line("// %s is a value of %s.", name, f.Name)
		g.line("type %s string\n", name)
		g.line("// The values of %s.", f.Name)
		g.line("const (")
		for i, v := range values {
			g.line("%s %s = %q", g.name(fmt.Sprint(key, i), name+constant(v), "Value"), name, v)
		}
		g.line(")\n")
	})
	return name
}

// nullable gives the type of a value that may be null.
func nullable(f *model.Field, typ string) string {
	if f.Type.Null && !strings.HasPrefix(typ, "[]") && typ != "json.RawMessage" {
		return "*" + typ
	}
	return typ
}

// row writes the type of rows.
func (g *generator) row(name, what, of string, fields []*model.Field) {
	g.line("// %s %s", name, what)
	g.line("type %s struct {", name)
	members := newMembers()
	for _, f := range fields {
		g.line("%s %s `json:\"%s\"`%s", members.name(f.Name), nullable(f, g.goType(f, of)), f.Name, note(f))
	}
	g.line("}\n")
}

// note says of a field what its type does not.
func note(f *model.Field) string {
	if f.Type.Null {
		return " // may be null"
	}
	return ""
}

// input writes the type of a write's body, or of an item of a list in it.
func (g *generator) input(name, what, of string, inputs []*model.Input) {
	g.line("// %s %s Members of type Opt may be left out.", name, what)
	g.line("type %s struct {", name)
	members := newMembers()
	for _, in := range inputs {
		member := members.name(in.Name)
		switch {
		case in.Items != nil:
			item := g.name("item "+name+" "+in.Name, name+camel(in.Name), "Item")
			g.later = append(g.later, func() { g.input(item, "is one of "+in.Name+".", of, in.Items) })
			g.line("%s []%s `json:\"%s,omitzero\"`", member, item, in.Name)
		case in.Required:
			g.line("%s %s `json:\"%s\"`%s", member, nullable(in.Field, g.goType(in.Field, of)), in.Name, note(in.Field))
		default:
			g.line("%s Opt[%s] `json:\"%s,omitzero\"`%s", member, g.goType(in.Field, of), in.Name, note(in.Field))
		}
	}
	g.line("}\n")
}

// members gives the members of one struct names of their own.
type members map[string]bool

func newMembers() members { return members{} }

func (m members) name(field string) string {
	name := camel(field)
	for m[name] {
		name += "_"
	}
	m[name] = true
	return name
}
