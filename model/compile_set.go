package model

import (
	"fmt"
	"slices"
	"strings"
)

// stepExprs compiles what speaks of inputs and earlier rows.
func (k *compiler) stepExprs(w *writing, s *stepping, place int) {
	env := w.env(place, s)
	before := *env
	before.Row = nil
	given := k.keyNodes(&writing{Write: w.Write}, s)
	for i := range s.Key {
		if n := given[s.Key[i].Field.Name]; n != nil {
			s.Key[i], _ = k.stepValue(w, n, s.Key[i].Field, &before, fmt.Sprintf("%s: %s", s.what, s.Key[i].Field.Name))
		}
	}
	if n := s.m.get("by"); n != nil && n.kind == mapNode {
		i := 0
		for _, p := range n.pairs {
			if i < len(s.By) && s.By[i].Field.Name == p.key {
				s.By[i], _ = k.stepValue(w, p.value, s.By[i].Field, &before, s.what+": "+p.key)
				i++
			}
		}
	}
	if n := s.m.get("if"); n != nil {
		s.If = k.condition(n, env, s.what+": if", w)
	}
	if n := s.m.get("when"); n != nil && s.Op != OpInsert {
		s.When = k.guard(w, s, n, env)
	}
	if n := s.m.get("set"); n != nil {
		k.stepSet(w, s, n, env)
	}
}

func (k *compiler) stepValue(w *writing, n *node, f *Field, env *Env, what string) (Source, bool) {
	if n.kind == scalarNode && n.expr {
		w.texts = append(w.texts, n.text)
	}
	return k.value(n, f, env, what)
}

func (k *compiler) guard(w *writing, s *stepping, n *node, env *Env) *Guard {
	if n.kind != mapNode {
		x := k.condition(n, env, s.what+": when", w)
		if x == nil {
			return nil
		}
		return &Guard{Expr: x, Text: n.text}
	}
	equal, ok := k.conds(s.Entity, n, s.what+": when", s.what+" looks at", true)
	if !ok {
		return nil
	}
	parts := make([]string, len(equal))
	for i, c := range equal {
		parts[i] = c.String()
	}
	return &Guard{Equal: equal, Text: strings.Join(parts, " and ")}
}

func (k *compiler) stepSet(w *writing, s *stepping, n *node, env *Env) {
	if !k.isMapping(n, s.what+": set") {
		return
	}
	for _, p := range n.pairs {
		if slices.ContainsFunc(s.Entity.Key, func(f *Field) bool { return f.Name == p.key }) {
			continue
		}
		f := k.fieldOf(s.Entity, p.spot, p.key, s.what+" sets")
		if f == nil || p.value.bad() {
			continue
		}
		what := fmt.Sprintf("%s: %s", s.what, p.key)
		if f.Pos == 0 {
			k.refuse(p.spot, "%s sets the partition %q", s.what, f.Name).
				why("a row never moves to another partition").fix("take it out; for another partition emit an event with `then`")
			if p.value.kind == scalarNode {
				w.texts = append(w.texts, p.value.text)
			}
			continue
		}
		if p.value.kind == nullNode {
			k.nothing(p, s.what+": set")
			continue
		}
		if f.Default == DefaultNext {
			k.refuse(p.spot, "%s sets %q, which is made by default: next", s.what, f.Name).
				why("numbers have no gaps and no doubles only if nobody else chooses them").fix("take it out")
			continue
		}
		if src, ok := k.stepValue(w, p.value, f, env, what); ok {
			s.Set = append(s.Set, src)
		}
	}
	s.Take = slices.DeleteFunc(s.Take, func(t Source) bool {
		return slices.ContainsFunc(s.Set, func(x Source) bool { return x.Field == t.Field })
	})
}

// stepComplete complains about a row that could never be complete, and a change that changes nothing.
func (k *compiler) stepComplete(w *writing, s *stepping) {
	at := s.m.at(opWord(s.Op))
	if w.ok && s.Op == OpUpdate && len(s.Take) == 0 && !s.m.has("set") {
		k.refuse(at, "%s updates nothing", s.what).fix("add `input` or `set`; to ask only that the row is there, use read")
		return
	}
	if s.Op != OpInsert && s.Op != OpUpsert {
		return
	}
	var missing []string
	set := s.m.get("set")
	for _, f := range s.Entity.Fields[1:] {
		if f.Type.Null || f.Default != NoDefault || slices.Contains(s.Entity.Key, f) || k.broken["field "+s.Entity.Name+"."+f.Name] {
			continue
		}
		if _, named := s.names[f.Name]; named {
			continue
		}
		if set != nil && slices.ContainsFunc(set.pairs, func(p pair) bool { return p.key == f.Name }) {
			continue
		}
		missing = append(missing, f.Name)
	}
	if len(missing) > 0 {
		k.refuse(at, "%s makes a row of %s without %s", s.what, s.Entity.Name, strings.Join(missing, ", ")).
			why("the field may not be null and has no default, so every insert would fail").
			fix("add it to `input` or `set`, or give it a default or a ? in the entity")
	}
}
