package model

import "slices"

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
			k.refuse(n.spot, "%s is insert, which has no \"when\"", s.what).why("there is no row before an insert").fix("use `if` to make the step conditional, upsert, or a step before it that looks at another row: {read: ENTITY, when: …}")
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
