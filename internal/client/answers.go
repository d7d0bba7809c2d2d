package client

import (
	"fmt"
	"slices"

	"github.com/partita-dev/partita/model"
)

// answer gives the type of what a write answers with; struct{} for nothing. It follows the form that
// the service documents: the row of a single step, or an object by entity.
func (g *generator) answer(w *model.Write) string {
	name := camel(w.Name) + "Result"
	if w.Code {
		if w.Returns == nil {
			return "struct{}"
		}
		name = g.name("answer "+w.Name, name, "Of")
		g.later = append(g.later, func() { g.row(name, "is what "+w.Name+" answers with.", w.Name, w.Returns) })
		return name
	}
	if !slices.ContainsFunc(w.Steps, func(s *model.Step) bool { return s.Op != model.OpDelete && s.Op != model.OpRead }) {
		return "struct{}"
	}
	if first := w.Steps[0]; w.Single && first.Each == nil {
		return g.types["row "+first.Entity.Name]
	}
	name = g.name("answer "+w.Name, name, "Of")
	g.later = append(g.later, func() { g.result(name, w) })
	return name
}

// result writes the type of an answer by entity.
func (g *generator) result(name string, w *model.Write) {
	g.line("// %s is what %s answers with: the rows as committed. A step that was skipped leaves its row out.", name, w.Name)
	g.line("type %s struct {", name)
	fields := members{}
	for i, s := range w.Steps {
		if s.Op == model.OpDelete {
			continue
		}
		same := func(o *model.Step) bool { return o.Entity == s.Entity && o.Op != model.OpDelete }
		if slices.ContainsFunc(w.Steps[:i], same) {
			continue // shown with the first of its entity
		}
		typ := g.types["row "+s.Entity.Name]
		switch {
		case s.Each != nil || slices.ContainsFunc(w.Steps[i+1:], same):
			typ = "[]" + typ
		case s.If != nil:
			typ = "*" + typ
		}
		g.line("%s %s `json:\"%s\"`", fields.name(s.Name), typ, s.Name)
	}
	g.line("}\n")
}

// owner gives the entity that a write is about, to name enumerations of its input by.
func owner(w *model.Write) string {
	if len(w.Steps) > 0 {
		return w.Steps[0].Entity.Name
	}
	return w.Name
}

// freshness says how old a read's answer may be.
func freshness(r *model.Read) string {
	text := "Always the store's latest."
	if r.Fresh > 0 {
		text = "Never older than " + model.DurationText(r.Fresh) + " in health."
	}
	if r.Stale > 0 {
		text += " In trouble it may be " + model.DurationText(r.Stale) + " old."
	}
	return text
}

// pathOf gives the expression of an address.
func pathOf(base string, segments []*model.Input) string {
	expression := fmt.Sprintf("%q", base+"/")
	for i, in := range segments {
		if i > 0 {
			expression += `+"/"`
		}
		expression += fmt.Sprintf("+url.PathEscape(text(%s))", variable(in.Name))
	}
	return expression
}
