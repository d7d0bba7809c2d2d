package model

// onlyReads complains about a write that changes nothing and emits nothing.
func (k *compiler) onlyReads(w *writing) {
	for _, s := range w.steps {
		if s.Op != OpRead {
			return
		}
	}
	if w.m.has("emit") || !w.ok {
		return
	}
	k.refuse(w.at, "%s changes nothing: it only reads", w.what).
		why("a write takes the partition's turn, and a read does not").fix("declare a read, or add a step that changes something")
}

// emits reads the events that a write emits.
func (k *compiler) emits(w *writing) {
	n := w.m.get("emit")
	if n == nil {
		return
	}
	seen := map[*Event]bool{}
	for _, x := range k.list(n, w.what+": emit") {
		emit := Emit{}
		name := x
		var cond *node
		if x.kind == mapNode {
			m, _ := k.mapping(x, w.what+": emit", "event if")
			if name = m.get("event"); name == nil {
				if m.missing("event") {
					k.refuse(x.spot, "%s emits something without a name", w.what).fix("write {event: NAME, if: CONDITION}")
				}
				continue
			}
			cond = m.get("if")
		}
		if emit.Event = k.event(name, w.what+" emits"); emit.Event == nil {
			continue
		}
		if seen[emit.Event] {
			k.refuse(name.spot, "%s emits %q twice", w.what, name.text).fix("keep one; its `if` may have several conditions with ||")
			continue
		}
		seen[emit.Event] = true
		if cond != nil {
			emit.If = k.condition(cond, w.env(len(w.steps), nil), w.what+": emit if", w)
		}
		w.Emit = append(w.Emit, emit)
		k.emitters[emit.Event] = append(k.emitters[emit.Event], w)
	}
}

// emitsLoose looks at the events' names where the write itself is wrong.
func (k *compiler) emitsLoose(w *writing) {
	n := w.m.get("emit")
	for _, x := range k.list(n, "") {
		for _, p := range x.pairs {
			if p.key == "event" {
				x = p.value
			}
		}
		if x.kind == scalarNode {
			k.event(x, w.what+" emits")
		}
	}
}

// unusedInputs complains about declared inputs that nothing looks at.
func (k *compiler) unusedInputs(w *writing) {
	used := map[string]bool{}
	add := func(text string) {
		tokens := scanExpr(text)
		for i := 2; i < len(tokens); i++ {
			if tokens[i-1].text == "." && (tokens[i-2].text == "input" || tokens[i-2].text == "item") {
				used[tokens[i-2].text+"."+tokens[i].text] = true
			}
		}
	}
	for _, text := range w.texts {
		add(text)
	}
	for _, text := range k.foreignTexts() {
		add(text)
	}
	for _, s := range w.steps {
		root := "input"
		if s.list != nil {
			root = "item"
		}
		for _, src := range s.Set {
			at, named := s.names[src.Field.Name]
			if named && !used[root+"."+src.Field.Name] {
				k.refuse(at, "%s takes %q from the caller, but sets it as well", s.what, src.Field.Name).
					why("`set` comes last, so the caller would give it in vain").fix("take it out of `input` or of `set`")
			}
		}
	}
	for _, t := range w.typed {
		root := "input"
		if t.scope != nil {
			root = "item"
		}
		if used[root+"."+t.name] || k.broken["input "+t.name] {
			continue
		}
		x := k.refuse(t.at, "%s has the input %q, which nothing uses", w.what, t.name).
			why("a caller would give it in vain")
		for _, s := range w.steps {
			if s.Entity.Field(t.name) != nil && s.list == t.scope {
				x.fix("to take the field %s of %s, list its name without a type; otherwise use it as %s.%s, or take it out", t.name, s.Entity.Name, root, t.name)
				break
			}
		}
		if x.Fix == "" {
			x.fix("use it as %s.%s, or take it out", root, t.name)
		}
	}
}

// foreignTexts are the expressions outside of writes that may speak of its input: rules, event data
// and metrics.
func (k *compiler) foreignTexts() (out []string) {
	var walk func(n *node)
	walk = func(n *node) {
		if n.bad() {
			return
		}
		if n.kind == scalarNode {
			out = append(out, n.text)
		}
		for _, p := range n.pairs {
			walk(p.value)
		}
		for _, x := range n.items {
			walk(x)
		}
	}
	for _, part := range []string{"access", "events", "metrics"} {
		walk(k.root.get(part))
	}
	return out
}
