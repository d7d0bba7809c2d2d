package model

import (
	"fmt"
	"slices"
	"strings"
)

const (
	stepKeys   = "insert update upsert delete read input set when if key each by max"
	maxItems   = 1000  // of a list in the input
	maxDeletes = 10000 // rows that one step deletes
)

// step reads what a step does to which entity; the rest follows when all steps are known. nil: it is
// wrong.
func (k *compiler) step(w *writing, m *members, what string) *stepping {
	s := &stepping{Step: &Step{}, m: m, what: what, names: map[string]spot{}}
	var word string
	for _, p := range m.node.pairs {
		op, isOp := ops[p.key]
		switch {
		case !isOp:
		case word != "":
			k.refuse(p.spot, "%s has both %s and %s", what, word, p.key).fix("make each a step of its own: steps: [{%s: …}, {%s: …}]", word, p.key)
			return nil
		default:
			s.Op, word = op, p.key
		}
	}
	if word == "" {
		if !slices.ContainsFunc(m.node.pairs, func(p pair) bool { return likely(p.key, sortedKeys(ops)) != "" && !m.has(p.key) }) {
			k.refuse(m.node.spot, "%s does nothing", what).fix("say insert, update, upsert, delete or read, each with an entity")
		}
		return nil
	}
	n := m.get(word)
	if n == nil {
		return nil
	}
	s.Entity = k.entity(n, what)
	if s.Entity == nil || k.broken["fields "+s.Entity.Name] {
		return nil
	}
	s.Name = s.Entity.Name
	if s.Entity.View != nil {
		k.refuse(n.spot, "%s writes to the view %q", what, s.Entity.Name).
			why("a view follows its source by itself").fix("write to %s", s.Entity.View.From.Name)
		return nil
	}
	if w.Family != nil && w.Family != s.Entity.Family && w.Family != k.unknown && s.Entity.Family != k.unknown {
		k.refuse(n.spot, "%s needs partition %q, but the write is in %q", what, s.Entity.Family.Name, w.Family.Name).
			why("a write is one transaction in one partition; what crosses partitions happens afterwards").
			fix("let the write emit an event, and give the event `then: {write: …}` for the other partition")
		return nil
	}
	if w.Family == nil {
		w.Family = s.Entity.Family
		k.partitionInput(w, s.Entity.Fields[0])
	}
	w.steps = append(w.steps, s)
	w.Steps = append(w.Steps, s.Step)
	return s
}

// finishSteps finds out what the caller gives, and then compiles what speaks of it.
func (k *compiler) finishSteps(w *writing) {
	for _, s := range w.steps {
		k.stepShape(w, s)
	}
	if !w.Single {
		k.writeInputs(w)
	}
	for _, each := range []bool{false, true} { // what the body gives is known before what items give
		for _, s := range w.steps {
			if (s.list != nil) == each {
				k.stepKey(w, s)
				k.stepTake(w, s)
			}
		}
	}
	w.orderInputs()
	for i, s := range w.steps {
		k.stepExprs(w, s, i)
		k.stepComplete(w, s)
	}
}

// stepShape reads the step's input, and refuses what its kind does not have.
func (k *compiler) stepShape(w *writing, s *stepping) {
	word := opWord(s.Op)
	deny := func(key, why, fix string) {
		if s.m.has(key) {
			k.refuse(s.m.at(key), "%s is %s, which has no %q", s.what, word, key).why("%s", why).fix("%s", fix)
			w.ok = false
		}
	}
	if s.Op == OpDelete || s.Op == OpRead {
		deny("set", "it changes no field", "take it out, or use update")
	}
	if s.Op != OpDelete {
		deny("by", "one row is found by its key", "give the key, or read by another field through a view")
	} else if s.m.has("by") {
		deny("key", "`by` already says which rows", "keep one of the two")
		deny("each", "`by` already repeats", "keep one of the two")
	}
	if s.m.has("max") && !s.m.has("each") && !s.m.has("by") {
		k.refuse(s.m.at("max"), "%s has `max`, but nothing that repeats", s.what).fix("take it out")
	}
	if s.Op == OpInsert {
		if n := s.m.get("when"); n != nil {
			k.refuse(n.spot, "%s is insert, which has no \"when\"", s.what).why("there is no row before an insert").fix("use `if` to make the step conditional, or upsert")
			w.ok = false
		}
	}
	if s.m.get("each") != nil && s.Op != OpDelete || s.m.get("each") != nil && !s.m.has("by") {
		k.listInput(w, s)
	} else if s.m.has("each") {
		w.ok = false
	}
	n := s.m.get("input")
	if n == nil || len(w.steps) > 0 && w.steps[0].m != s.m && w.Single {
		return
	}
	names, typed := k.inputList(n, s.what)
	if s.list != nil {
		k.typedInputs(w, typed, s.list)
	} else {
		k.typedInputs(w, typed, nil)
	}
	for _, x := range names {
		k.giveName(w, s, x)
	}
}

func opWord(op Op) string {
	for word, o := range ops {
		if o == op {
			return word
		}
	}
	return ""
}

// giveName notes that the caller may give a field.
func (k *compiler) giveName(w *writing, s *stepping, x *node) {
	f := k.fieldOf(s.Entity, x.spot, x.text, s.what+" takes")
	switch {
	case f == nil:
		w.ok = false
	case f.Pos == 0:
		k.refuse(x.spot, "%s lists the partition %q as an input", s.what, f.Name).why("every request gives its partition").fix("take it out")
		w.ok = false
	case f.Default == DefaultNext || f.Default == DefaultRandom:
		k.refuse(x.spot, "%s takes %q from the caller, but it is made by default: %s", s.what, f.Name, defaultWord(f.Default)).
			why("%s", map[DefaultKind]string{DefaultNext: "numbers have no gaps and no doubles only if nobody else chooses them",
				DefaultRandom: "it is unguessable only if nobody chooses it"}[f.Default]).fix("take it out of `input`, or the default out of the field")
		w.ok = false
	case (s.Op == OpDelete || s.Op == OpRead) && !slices.Contains(s.Entity.Key, f):
		k.refuse(x.spot, "%s is %s, which changes no field, but takes %q", s.what, opWord(s.Op), f.Name).
			fix("take it out; to use it in an expression, declare a new input with a type")
		w.ok = false
	default:
		s.names[f.Name] = x.spot
	}
}

func defaultWord(d DefaultKind) string {
	return [...]string{"", "a literal", "new", "next", "random", "now"}[d]
}

// writeInputs reads the input of a write with steps: a name belongs to the step that has the field.
func (k *compiler) writeInputs(w *writing) {
	n := w.m.get("input")
	if n == nil {
		return
	}
	names, typed := k.inputList(n, w.what)
	k.typedInputs(w, typed, nil)
	for _, x := range names {
		var takers []*stepping
		all := map[string]bool{}
		for _, s := range w.steps {
			for _, f := range s.Entity.Fields[1:] {
				all[f.Name] = true
			}
			if s.list == nil && s.Entity.Field(x.text) != nil && (s.Op != OpDelete && s.Op != OpRead || slices.ContainsFunc(s.Entity.Key, func(f *Field) bool { return f.Name == x.text })) {
				takers = append(takers, s)
			}
		}
		changing := slices.DeleteFunc(slices.Clone(takers), func(s *stepping) bool {
			return slices.ContainsFunc(s.Entity.Key, func(f *Field) bool { return f.Name == x.text })
		})
		switch {
		case len(changing) > 1:
			k.refuse(x.spot, "%s lists the input %q, which more than one step could take", w.what, cut(x.text)).
				why("it would not be clear which row gets it").fix("move it to the `input` of the step that is meant")
			w.ok = false
		case len(takers) == 0:
			if !slices.ContainsFunc(w.steps, func(s *stepping) bool { return k.brokenField(s.Entity, x.text) }) {
				k.refuse(x.spot, "%s lists the input %q, which none of its steps can take", w.what, cut(x.text)).
					fix("%s", orOneOf(x.text, sortedKeys(all))+"; a new input needs a type: input: {"+cut(x.text)+": TYPE}")
			}
			w.ok = false
		default:
			for _, s := range takers {
				k.giveName(w, s, x)
			}
		}
	}
}

// stepKey finds where the key, or the condition of a delete of many, comes from.
func (k *compiler) stepKey(w *writing, s *stepping) {
	if s.Op == OpDelete && s.m.has("by") {
		k.stepBy(w, s)
		return
	}
	given := k.keyNodes(w, s)
	for _, f := range s.Entity.Key {
		src := Source{Field: f}
		switch {
		case given[f.Name] != nil:
			// compiled by stepExprs, when all inputs are known
		case s.m.has("key") && s.m.get("key") == nil:
		case (f.Default == DefaultNext || f.Default == DefaultRandom) && s.Op == OpInsert:
			src.None = true
		case (f.Default == DefaultNext || f.Default == DefaultRandom) && s.Op == OpUpsert:
			k.refuse(s.m.at("upsert"), "%s is upsert, but the key %q of %s is made by default: %s", s.what, f.Name, s.Entity.Name, defaultWord(f.Default)).
				why("a caller could choose a key that nobody but the store may choose").fix("use insert for new rows, and update for those that are there")
			w.ok = false
		default:
			k.keyInput(w, s, f, &src)
		}
		s.Key = append(s.Key, src)
	}
}

// keyInput lets the caller give a key field: in the body, or, for a repeated step, in the item
// unless the body has it already.
func (k *compiler) keyInput(w *writing, s *stepping, f *Field, src *Source) {
	required := s.Op != OpInsert && s.Op != OpUpsert || f.Default == NoDefault && s.If == nil && !(s.Op == OpInsert && s.m.has("if"))
	at, named := s.names[f.Name]
	if !named {
		at = s.m.at(opWord(s.Op))
	}
	list := s.list
	if list != nil && !named && slices.ContainsFunc(w.params, func(in *Input) bool { return in.Name == f.Name && sameType(in.Type, f.Type) }) {
		list = nil
	}
	in := k.takeInput(w, list, f, required, at)
	if in == nil {
		w.ok = false
		return
	}
	src.Input, src.Item = in, list != nil
	if list == nil && !slices.Contains(w.params, in) {
		w.params = append(w.params, in)
	}
}

// keyNodes gives the values that the model itself gives for the key: `key`, and for an insert `set`.
func (k *compiler) keyNodes(w *writing, s *stepping) map[string]*node {
	out := map[string]*node{}
	isKey := func(name string) bool {
		return slices.ContainsFunc(s.Entity.Key, func(f *Field) bool { return f.Name == name })
	}
	if n := s.m.get("key"); n != nil {
		if n.kind != mapNode {
			k.refuse(n.spot, "%s: key must be a mapping, not %s", s.what, n.shape()).
				why("it gives values where the caller does not").fix("write key: {FIELD: = expression}, or take it out: then the caller gives the key")
			w.ok = false
			return out
		}
		for _, p := range n.pairs {
			switch {
			case p.key == s.Entity.Fields[0].Name:
				k.refuse(p.spot, "%s gives the partition %q as a key", s.what, p.key).
					why("all steps of a write are in the partition of the request").fix("take it out; for another partition emit an event with `then`")
				w.ok = false
			case !isKey(p.key):
				x := k.refuse(p.spot, "%s gives %q as a key, which is not in the key of %s", s.what, cut(p.key), s.Entity.Name)
				if len(s.Entity.Key) == 0 {
					x.fix("take `key` out: there is one %s per partition", s.Entity.Name)
				} else {
					x.why("rows are found by their key alone").fix("%s", orOneOf(p.key, fieldNames(s.Entity.Key)))
				}
				w.ok = false
			case p.value.bad():
				w.ok = false
			default:
				out[p.key] = p.value
			}
		}
	}
	set := s.m.get("set")
	if set == nil || set.kind != mapNode {
		return out
	}
	for _, p := range set.pairs {
		if !isKey(p.key) {
			continue
		}
		switch {
		case s.Op != OpInsert:
			k.refuse(p.spot, "%s sets %q, which is in the key of %s", s.what, p.key, s.Entity.Name).
				why("a row's key never changes").fix("to say which row is meant, use key: {%s: …}; to move it, delete and insert", p.key)
			w.ok = false
		case out[p.key] != nil:
			k.refuse(p.spot, "%s gives %q in `key` and in `set`", s.what, p.key).fix("keep one")
			w.ok = false
		case p.value.bad():
			w.ok = false
		default:
			out[p.key] = p.value
		}
	}
	return out
}

// stepBy reads the fields by which many rows are deleted.
func (k *compiler) stepBy(w *writing, s *stepping) {
	n := s.m.get("by")
	s.Max = k.most(w, s, maxDeletes, "by")
	if n == nil {
		w.ok = false
		return
	}
	var fields []*Field
	if n.kind == mapNode {
		for _, p := range n.pairs {
			if f := k.fieldOf(s.Entity, p.spot, p.key, s.what+" deletes by"); f != nil {
				fields = append(fields, f)
				s.By = append(s.By, Source{Field: f})
			} else {
				w.ok = false
			}
		}
	} else {
		var ok bool
		if fields, ok = k.fieldsOf(s.Entity, n, s.what+" deletes by"); !ok {
			w.ok = false
		}
		for _, f := range fields {
			if f.Pos == 0 {
				continue
			}
			in := k.takeInput(w, nil, f, true, n.spot)
			if in == nil {
				w.ok = false
				continue
			}
			if !slices.Contains(w.params, in) {
				w.params = append(w.params, in)
			}
			s.By = append(s.By, Source{Field: f, Input: in})
		}
	}
	if len(fields) == 0 && w.ok || slices.ContainsFunc(fields, func(f *Field) bool { return f.Pos == 0 }) {
		k.refuse(n.spot, "%s does not say by which fields it deletes", s.what).
			why("it would delete every row of the partition").fix("name fields of %s, without the partition", s.Entity.Name)
		w.ok = false
	}
	for _, f := range fields {
		if f.Pos != 0 && !k.comparable(f, n.spot, s.what+" deletes by") {
			w.ok = false
		}
	}
}

// stepTake makes inputs of the fields that the caller may give.
func (k *compiler) stepTake(w *writing, s *stepping) {
	for _, f := range s.Entity.Fields[1:] {
		at, ok := s.names[f.Name]
		if !ok || slices.Contains(s.Entity.Key, f) {
			continue
		}
		required := s.Op == OpInsert && !f.Type.Null && f.Default == NoDefault && !s.m.has("if")
		in := k.takeInput(w, s.list, f, required, at)
		if in == nil {
			w.ok = false
			continue
		}
		s.Take = append(s.Take, Source{Field: f, Input: in, Item: s.list != nil})
	}
}

// stepExprs compiles what speaks of inputs and earlier rows.
func (k *compiler) stepExprs(w *writing, s *stepping, place int) {
	env := w.env(k, place, s)
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
		values := make([]string, len(c.Values))
		for j, v := range c.Values {
			values[j] = string(AppendText(nil, v))
		}
		parts[i] = c.Field.Name + " is " + strings.Join(values, " or ")
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
