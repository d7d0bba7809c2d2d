package model

import "slices"

// inputList reads an `input`: names of fields, and new inputs with types.
func (k *compiler) inputList(n *node, what string) (names []*node, typed []pair) {
	if n.kind == mapNode {
		return nil, n.pairs
	}
	seen := map[string]bool{}
	for _, x := range k.list(n, what+": input") {
		if x.kind == mapNode {
			typed = append(typed, x.pairs...)
			continue
		}
		name, ok := k.scalar(x, what+": input")
		switch {
		case !ok:
		case seen[name]:
			k.refuse(x.spot, "%s lists the input %q twice", what, cut(name)).fix("keep one")
		default:
			seen[name] = true
			names = append(names, x)
		}
	}
	return names, typed
}

// typedInputs adds new inputs to the body, or to the items of a list.
func (k *compiler) typedInputs(w *writing, typed []pair, list *Input) {
	for _, p := range typed {
		what := w.what + ": " + quoted("input", p.key)
		if !k.checkName(p.spot, "input", p.key) {
			w.ok = false
		}
		if p.key == w.Family.By.Name {
			k.refuse(p.spot, "%s declares the input %q, which is the partition", w.what, p.key).
				why("every request gives its partition").fix("take it out; use it by its name")
			w.ok = false
			continue
		}
		if p.value.kind == nullNode {
			k.refuse(p.spot, "%s has the input %q without a type", w.what, p.key).
				fix("write %s: TYPE for a new input; to take a field of the entity, list its name: input: [%s]", p.key, p.key)
			k.broken["input "+p.key] = true
			w.ok = false
			continue
		}
		f, ok := k.field(p, what)
		if ok && f.Default != NoDefault {
			k.refuse(p.value.spot, "%s has a default", what).
				why("what a caller leaves out is null in expressions").fix("write its type with ?, and the default in the expression: input.%s == null ? … : input.%s", p.key, p.key)
			ok = false
		}
		if !ok {
			k.broken["input "+p.key] = true
			w.ok = false
			continue
		}
		in := k.takeInput(w, list, f, !f.Type.Null, p.spot)
		if in == nil {
			w.ok = false
			continue
		}
		w.typed = append(w.typed, typedInput{p.spot, p.key, list})
	}
}

// takeInput finds or adds a member of the body, or of a list's items. Steps that take one name share
// the input, if they mean one type.
func (k *compiler) takeInput(w *writing, list *Input, f *Field, required bool, at spot) *Input {
	members := &w.Inputs
	if list != nil {
		members = &list.Items
	}
	i := slices.IndexFunc(*members, func(in *Input) bool { return in.Name == f.Name })
	if i < 0 {
		in := &Input{Field: f, Index: len(*members), Required: required}
		*members = append(*members, in)
		return in
	}
	in := (*members)[i]
	if in.Items != nil || !sameType(in.Type, f.Type) {
		had := "a list"
		if in.Items == nil {
			had = in.Type.String()
		}
		for _, t := range w.typed {
			if t.name == f.Name && t.scope == list {
				at = t.at // the one that is easily renamed
			}
		}
		k.refuse(at, "%s takes the input %q as %s and as %s", w.what, f.Name, had, f.Type).
			why("a caller gives one value under one name").
			fix("declare a new input with a type for one of them, and assign it with `set` or `key`")
		return nil
	}
	in.Required = in.Required || required
	if in.Type.Null && !f.Type.Null {
		both := *in.Field
		both.Type.Null = false
		in.Field = &both
	}
	return in
}

// sameType tells whether two types have the same values, null aside.
func sameType(a, b Type) bool {
	return a.Kind == b.Kind && a.Size == b.Size && a.Precision == b.Precision && a.Scale == b.Scale && slices.Equal(a.Enum, b.Enum)
}

// listInput finds or adds the list that a step repeats for.
func (k *compiler) listInput(w *writing, s *stepping) {
	n := s.m.get("each")
	name, ok := k.scalar(n, s.what+": each")
	if !ok || !k.checkName(n.spot, "input", name) {
		w.ok = false
		return
	}
	most := k.most(w, s, maxItems, "each")
	i := slices.IndexFunc(w.Inputs, func(in *Input) bool { return in.Name == name })
	if i < 0 {
		s.list = &Input{Field: &Field{Name: name}, Index: len(w.Inputs), Required: true, Items: []*Input{}, Max: most}
		w.Inputs = append(w.Inputs, s.list)
	} else if s.list = w.Inputs[i]; s.list.Items == nil {
		k.refuse(n.spot, "%s repeats for %q, which is an input of its own", s.what, name).fix("give the list another name")
		s.list = nil
		w.ok = false
		return
	} else {
		s.list.Max = min(s.list.Max, most)
	}
	s.Each = s.list
}

// most reads `max`, which everything that repeats must have.
func (k *compiler) most(w *writing, s *stepping, high int, key string) int {
	n := s.m.get("max")
	if n == nil {
		if !s.m.has("max") {
			k.refuse(s.m.at(key), "%s has %q without `max`", s.what, key).
				why("a list without end takes time and memory without end").fix("add max: with a number from 1 to %d", high)
		}
		w.ok = false
		return high
	}
	v, ok := k.whole(n, s.what+": max", 1, high)
	if !ok {
		w.ok = false
		return high
	}
	return v
}

// orderInputs puts the partition and the key first, and the lists last. It comes before anything is
// compiled that goes by an input's place.
func (w *writing) orderInputs() {
	rank := func(in *Input) int {
		switch {
		case slices.Contains(w.params, in):
			return 0
		case in.Items == nil:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(w.Inputs, func(a, b *Input) int { return rank(a) - rank(b) })
	for i, in := range w.Inputs {
		in.Index = i
	}
}
