package model

import (
	"slices"
	"strings"
)

func (k *compiler) writeNamed(n *node, doing string) *Write {
	name, ok := k.scalar(n, doing)
	if !ok {
		return nil
	}
	if w := k.m.Write(name); w != nil {
		if !k.writes[w].ok {
			return nil
		}
		return w
	}
	if !k.broken["write "+name] {
		var names []string
		for _, w := range k.m.Writes {
			names = append(names, w.Name)
		}
		k.refuse(n.spot, "%s %q, but there is no write of that name", doing, cut(name)).fix("%s", orOneOf(name, names))
	}
	return nil
}

// then reads the write in another partition that follows an event.
func (k *compiler) then(e *Event, n *node, what string) {
	what += ": then"
	m, ok := k.mapping(n, what, "write with each done refused")
	if !ok {
		return
	}
	t := &Then{}
	e.Then = t
	if x := m.get("write"); x != nil {
		t.Write = k.writeNamed(x, what+" writes")
	} else if m.missing("write") {
		k.refuse(n.spot, "%s does not name a write", what).fix("add write: NAME")
	}
	env := &Env{Event: e.Inputs}
	if x := m.get("each"); x != nil {
		ok = k.thenEach(e, t, x, what)
		env.Item = t.Item
	} else {
		ok = !m.has("each")
	}
	if t.Write != nil && ok {
		t.With = k.arguments(m.get("with"), n.spot, t.Write.Inputs, env, what, quoted("write", t.Write.Name))
	}
	for key, to := range map[string]**Write{"done": &t.Done, "refused": &t.Refused} {
		if x := m.get(key); x != nil {
			if *to = k.writeNamed(x, what+": "+key+" names"); *to != nil {
				k.answerWrite(e, *to, x, what+": "+key)
			}
		}
	}
}

// thenEach reads the list that a following write is repeated for.
func (k *compiler) thenEach(e *Event, t *Then, n *node, what string) bool {
	if n.kind != mapNode || len(n.pairs) != 1 {
		k.refuse(n.spot, "%s: each must name one list read and what it is given", what).fix("write each: {READ: {PARTITION_FIELD: = event.…}}")
		return false
	}
	p := n.pairs[0]
	r := k.readNamed(p.key, p.spot, what+" repeats for")
	if r == nil {
		return false
	}
	if !r.List {
		k.refuse(p.spot, "%s repeats for %q, which gets one row", what, p.key).fix("name a read with `list`; for one row no each is needed")
		return false
	}
	t.Each = r
	t.EachKey = k.arguments(p.value, p.spot, r.Params, &Env{Event: e.Inputs}, what+": each", quoted("read", r.Name))
	t.Item = make([]*Input, len(r.Fields))
	for i, f := range r.Fields {
		t.Item[i] = &Input{Field: f, Index: i, Required: true}
	}
	return true
}

func (k *compiler) readNamed(name string, at spot, doing string) *Read {
	if r := k.m.Read(name); r != nil {
		if k.broken["read params "+name] {
			return nil
		}
		return r
	}
	if !k.broken["read "+name] {
		var names []string
		for _, r := range k.m.Reads {
			names = append(names, r.Name)
		}
		k.refuse(at, "%s %q, but there is no read of that name", doing, cut(name)).fix("%s", orOneOf(name, names))
	}
	return nil
}

// arguments reads values by name for a read or a write.
func (k *compiler) arguments(n *node, at spot, inputs []*Input, env *Env, what, of string) (out []NamedExpr) {
	given := map[string]bool{}
	if n != nil {
		if !k.isMapping(n, what+": with") {
			return nil
		}
		at = n.spot
		for _, p := range n.pairs {
			given[p.key] = true
			i := slices.IndexFunc(inputs, func(in *Input) bool { return in.Name == p.key })
			if i < 0 {
				k.refuse(p.spot, "%s gives %q, which %s does not take", what, cut(p.key), of).fix("%s", orOneOf(p.key, inputNames(inputs)))
				continue
			}
			if inputs[i].Items != nil {
				k.refuse(p.spot, "%s gives %q, which is a list", what, p.key).
					why("one event makes one row at a time").fix("use `each` with a list read, and a write of a single row")
				continue
			}
			if p.value.kind == nullNode {
				k.nothing(p, what)
				continue
			}
			if k.broken["input "+p.key] {
				continue
			}
			if src, ok := k.value(p.value, inputs[i].Field, env, what+": "+p.key); ok {
				out = append(out, NamedExpr{Name: p.key, Expr: src.Expr, Literal: src.Literal})
			}
		}
	}
	var missing []string
	for _, in := range inputs {
		if in.Required && !given[in.Name] {
			missing = append(missing, in.Name)
		}
	}
	if len(missing) > 0 {
		k.refuse(at, "%s does not give %s, which %s needs", what, strings.Join(missing, ", "), of).
			why("every one of them would be refused").fix("add %s: = event.…", missing[0])
	}
	return out
}

// answerWrite checks a write that settles or undoes: it is in the source's partition and gets the
// event's data by name.
func (k *compiler) answerWrite(e *Event, w *Write, n *node, what string) {
	if e.Family != nil && w.Family != e.Family {
		k.refuse(n.spot, "%s names %q, which is in partition %q, but the event is of %q", what, w.Name, w.Family.Name, e.Family.Name).
			why("it settles what was begun in the event's own partition").fix("name a write of %s", e.Family.Name)
		return
	}
	var missing []string
	for _, in := range w.Inputs {
		i := slices.IndexFunc(e.Inputs, func(d *Input) bool { return d.Name == in.Name })
		switch {
		case i < 0 && in.Required:
			missing = append(missing, in.Name)
		case i >= 0 && (in.Items != nil || !sameType(in.Type, e.Inputs[i].Type)):
			k.refuse(n.spot, "%s gives %q of the event to %q, which takes another type", what, in.Name, w.Name).
				why("it gets the event's data by name").fix("carry it under another name: data: {NAME: …}")
		}
	}
	if len(missing) > 0 {
		k.refuse(n.spot, "%s names %q, which needs %s, but the event does not carry that", what, w.Name, strings.Join(missing, ", ")).
			why("it gets the event's data by name").fix("add it to the event's `data`")
	}
}
