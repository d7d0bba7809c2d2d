package model

import (
	"fmt"
	"slices"
)

const writeTerms = " emit async priority expect objective allow"

var ops = map[string]Op{"insert": OpInsert, "update": OpUpdate, "upsert": OpUpsert, "delete": OpDelete, "read": OpRead}

// writing is a write while it is compiled.
type writing struct {
	*Write
	m      *members
	at     spot
	what   string
	steps  []*stepping
	params []*Input // partition and key: what rules may speak of by name
	typed  []typedInput
	texts  []string // expressions, to see which inputs are used
	ok     bool     // inputs and steps are what the file says, so that others may judge by them
}

// typedInput is an input that the write declares itself.
type typedInput struct {
	at    spot
	name  string
	scope *Input // the list it is an item's member of; nil: of the body
}

// stepping is a step while it is compiled.
type stepping struct {
	*Step
	m     *members
	what  string
	names map[string]spot // fields that the caller may give
	list  *Input
}

// writesSection reads the writes.
func (k *compiler) writesSection() {
	for _, p := range k.section("writes", "write") {
		w := &writing{Write: &Write{ID: len(k.m.Writes), Name: p.key, Priority: Normal}, at: p.spot, what: quoted("write", p.key), ok: true}
		if !k.write(w, p.value) {
			k.broken["write "+p.key] = true
			continue
		}
		k.m.Writes = append(k.m.Writes, w.Write)
		k.writes[w.Write] = w
	}
}

func (k *compiler) write(w *writing, n *node) bool {
	if !k.isMapping(n, w.what) {
		return false
	}
	var ok bool
	switch keys := pairKeys(n); {
	case keys["code"]:
		ok = k.codeWrite(w, n)
	case keys["steps"]:
		ok = k.stepsWrite(w, n)
	default:
		ok = k.singleWrite(w, n)
	}
	if w.m == nil {
		return false
	}
	k.terms(w.m, &w.Priority, &w.Expect, &w.Objective)
	if x := w.m.get("async"); x != nil {
		if i, ok := k.choice(x, w.what+": async", "offered", "always"); ok {
			w.Async = [...]AsyncMode{AsyncOffered, AsyncAlways}[i]
		}
	}
	if !ok || !w.ok {
		k.allowLoose(w.m)
	}
	if !ok {
		k.emitsLoose(w)
		return false
	}
	k.emits(w)
	if w.ok {
		k.unusedInputs(w)
		if !w.Code {
			k.onlyReads(w)
		}
		w.Allow = k.allow(w.m.get("allow"), w.m.has("allow"), w.at, w.what, w.Family, &Env{Params: w.params, Input: w.Inputs})
	}
	return true
}

func (k *compiler) singleWrite(w *writing, n *node) bool {
	var ok bool
	if w.m, ok = k.mapping(n, w.what, stepKeys+" steps code in returns"+writeTerms); !ok {
		return false
	}
	for _, key := range []string{"in", "returns"} {
		if w.m.has(key) {
			k.refuse(w.m.at(key), "%s has %q, which is for writes with code: true", w.what, key).fix("take it out")
		}
	}
	w.Single = true
	s := k.step(w, w.m, w.what)
	if s == nil {
		return false
	}
	k.finishSteps(w)
	return true
}

func (k *compiler) stepsWrite(w *writing, n *node) bool {
	var ok bool
	if w.m, ok = k.mapping(n, w.what, stepKeys+" steps"+writeTerms); !ok {
		return false
	}
	for _, p := range n.pairs {
		if _, isOp := ops[p.key]; isOp || slices.Contains([]string{"set", "when", "if", "key", "each", "by", "max"}, p.key) {
			k.refuse(p.spot, "%s has both steps and %q", w.what, p.key).why("it would not be clear which step is meant").fix("move %s into a step", p.key)
			w.ok = false
		}
	}
	list := w.m.get("steps")
	if list == nil {
		return false
	}
	if list.kind != listNode || len(list.items) == 0 {
		k.refuse(list.spot, "%s: steps must be a list of at least one step", w.what).fix("write steps: [{insert: ENTITY, …}, …]")
		return false
	}
	for i, x := range list.items {
		what := fmt.Sprintf("%s, step %d", w.what, i+1)
		m, ok := k.mapping(x, what, stepKeys)
		if !ok || k.step(w, m, what) == nil {
			if x.kind == nullNode {
				k.refuse(list.spot, "%s is empty", what).fix("take it out")
			}
			w.ok = false
		}
	}
	if w.Family == nil {
		return false
	}
	k.finishSteps(w)
	return true
}

// codeWrite reads a write whose work is a Go function.
func (k *compiler) codeWrite(w *writing, n *node) bool {
	var ok bool
	if w.m, ok = k.mapping(n, w.what, stepKeys+" steps code in returns"+writeTerms); !ok {
		return false
	}
	for _, p := range n.pairs {
		if key := p.key; key == "steps" || key != "input" && words(stepKeys)[key] {
			k.refuse(p.spot, "%s has both code: true and %q", w.what, key).why("the Go function does the work").fix("take one of the two out")
			w.ok = false
		}
	}
	if x := w.m.get("code"); x != nil {
		if yes, ok := k.truth(x, w.what+": code"); ok && !yes {
			k.refuse(x.spot, "%s has code: false", w.what).fix("take it out, and say what the write does; or write code: true")
			return false
		}
	}
	x := w.m.get("in")
	if x == nil {
		if w.m.missing("in") {
			k.refuse(w.at, "%s does not say which partition it is in", w.what).
				why("its function runs inside one partition's transaction").fix("add `in: PARTITION`")
		}
		return false
	}
	if w.Family = k.family(x, w.what); w.Family == nil {
		return false
	}
	w.Code = true
	k.partitionInput(w, w.Family.By)
	if x := w.m.get("input"); x != nil {
		names, typed := k.inputList(x, w.what)
		for _, name := range names {
			k.refuse(name.spot, "%s lists the input %q without a type", w.what, cut(name.text)).
				why("a write with code has no entity that would tell the type").fix("write input: {%s: TYPE}", cut(name.text))
			w.ok = false
		}
		k.typedInputs(w, typed, nil)
		w.typed = nil // the function may use them as it likes
	}
	if x := w.m.get("returns"); x != nil {
		for _, p := range k.entries(x, w.what+": returns", "field") {
			f, ok := k.field(p, quoted("field", p.key))
			if ok && f.Default != NoDefault {
				k.refuse(p.value.spot, "%s returns %q with a default", w.what, p.key).why("the function returns it").fix("take the default out")
			}
			f.Pos = len(w.Returns)
			w.Returns = append(w.Returns, f)
		}
	}
	return true
}

func (k *compiler) partitionInput(w *writing, by *Field) {
	in := &Input{Field: by, Required: true}
	w.Inputs = []*Input{in}
	w.params = []*Input{in}
}

// env is what an expression of a write sees before its step of that place.
func (w *writing) env(before int, s *stepping) *Env {
	env := &Env{Params: w.params, Input: w.Inputs, Auth: true}
	last := map[string]int{}
	for i, t := range w.steps[:min(before, len(w.steps))] {
		e := t.Entity
		if j, twice := last[e.Name]; twice { // the name means the last one
			env.Steps[j] = nameless(e)
		}
		last[e.Name] = i
		if t.list != nil || t.m.has("by") { // many rows have no one to speak of
			e = nameless(e)
		}
		env.Steps = append(env.Steps, e)
	}
	if s != nil {
		if s.Op != OpInsert {
			env.Row = s.Entity
		}
		if s.list != nil {
			env.Item = s.list.Items
		}
	}
	return env
}

// nameless keeps the place of a row that no expression may speak of.
func nameless(e *Entity) *Entity {
	hidden := *e
	hidden.Name = ""
	return &hidden
}

// condition reads an expression that is true or false, such as `when`.
func (k *compiler) condition(n *node, env *Env, what string, w *writing) *Expr {
	if n.kind == scalarNode && n.expr {
		k.refuse(n.spot, "%s begins with `= `", what).why("a condition is always an expression").fix("take the `= ` away")
		return nil
	}
	if n.kind == mapNode || n.kind == listNode {
		k.refuse(n.spot, "%s must be an expression, not %s", what, n.shape()).fix("write it as text, such as row.status == 'new'")
		return nil
	}
	if w != nil && n.kind == scalarNode {
		w.texts = append(w.texts, n.text)
	}
	if !k.canBeTrue(n, what) {
		return nil
	}
	x := k.expr(n, env, what)
	if x == nil || k.neverFalse(n, x, what) {
		return nil
	}
	if v, fixed := x.Constant(); fixed && !v.Bool() {
		k.refuseNever(n.spot, what, n.text)
		return nil
	}
	return x
}
