package model

import (
	"net/url"
	"slices"
	"strings"
)

// declareEvents makes the events known, so that writes can name them.
func (k *compiler) declareEvents() {
	for _, p := range k.section("events", "event") {
		k.m.Events = append(k.m.Events, &Event{Name: p.key})
	}
}

func (k *compiler) event(n *node, doing string) *Event {
	name, ok := k.scalar(n, doing)
	if !ok {
		return nil
	}
	var names []string
	for _, e := range k.m.Events {
		if e.Name == name {
			return e
		}
		names = append(names, e.Name)
	}
	if !k.broken["event "+name] && (k.root.get("events") != nil || !k.root.has("events")) {
		x := k.refuse(n.spot, "%s %q, but there is no event of that name", doing, cut(name))
		if len(names) == 0 {
			x.fix("declare it: events: {%s: {data: […]}}", cut(name))
		} else {
			x.fix("%s", orOneOf(name, names))
		}
	}
	return nil
}

// events reads what events carry, and what follows them.
func (k *compiler) events() {
	for _, e := range k.m.Events {
		what := quoted("event", e.Name)
		m, ok := k.mapping(k.nodes["event "+e.Name], what, "data deliver then after")
		if !ok {
			k.broken["event "+e.Name] = true
			continue
		}
		good := k.eventFamily(e, what) && k.eventData(e, m, what)
		if n := m.get("deliver"); n != nil {
			k.deliver(e, n, what)
		}
		if n := m.get("after"); n != nil {
			var is bool
			if e.After, is = k.duration(n, what+": after"); is && e.After <= 0 {
				k.refuse(n.spot, "%s comes after no time at all", what).fix("write a duration above 0, or take `after` out")
			}
		}
		if n := m.get("then"); n != nil && good {
			k.then(e, n, what)
		}
	}
}

// eventFamily finds the partition whose writes emit an event. An event that only a schedule emits
// has none.
func (k *compiler) eventFamily(e *Event, what string) bool {
	var names []string
	for _, w := range k.emitters[e] {
		names = append(names, w.Name)
		if e.Family == nil {
			e.Family = w.Family
		} else if e.Family != w.Family {
			k.refuse(k.place["event "+e.Name], "%s is emitted from partition %q and from %q, by the writes %s",
				what, e.Family.Name, w.Family.Name, strings.Join(names, " and ")).
				why("what follows an event must know its partition").fix("make an event for each")
			return false
		}
	}
	if e.Family != nil || k.anyBroken("write ") || k.scheduled(e) {
		return e.Family != nil || k.scheduled(e)
	}
	k.refuse(k.place["event "+e.Name], "%s is emitted by nothing", what).
		why("it would never happen").fix("name it in the `emit` of a write or of a schedule, or take it out")
	return false
}

func (k *compiler) anyBroken(kind string) bool {
	for name := range k.broken {
		if strings.HasPrefix(name, kind) {
			return true
		}
	}
	for _, w := range k.writes {
		if kind == "write " && !w.ok {
			return true
		}
	}
	return false
}

func (k *compiler) scheduled(e *Event) bool {
	n := k.root.get("schedules")
	if n == nil {
		return false
	}
	for _, p := range n.pairs {
		for _, q := range p.value.pairs {
			if q.key == "emit" && q.value.text == e.Name {
				return true
			}
		}
	}
	return false
}

// eventData reads what an event carries: fields of the rows of the writes that emit it, and of their
// input.
func (k *compiler) eventData(e *Event, m *members, what string) bool {
	if e.Family != nil {
		e.Inputs = []*Input{{Field: e.Family.By, Required: true}}
	}
	n := m.get("data")
	if n == nil {
		return !m.has("data")
	}
	type member struct {
		name string
		node *node
	}
	var list []member
	if n.kind == mapNode {
		for _, p := range k.entries(n, what+": data", "field") {
			if !p.value.bad() {
				list = append(list, member{p.key, p.value})
			}
		}
	} else {
		for _, x := range k.list(n, what+": data") {
			if text, ok := k.scalar(x, what+": data"); ok {
				list = append(list, member{text[strings.LastIndexByte(text, '.')+1:], x})
			}
		}
	}
	ok := true
	for _, d := range list {
		text, is := k.scalar(d.node, what+": data")
		if !is {
			ok = false
			continue
		}
		field, good := k.eventField(e, d.name, text, d.node, what)
		if !good {
			ok = false
			continue
		}
		if e.Family != nil && d.name == e.Family.By.Name {
			continue // every event carries its partition
		}
		if slices.ContainsFunc(e.Data, func(x EventField) bool { return x.Name == d.name }) {
			k.refuse(d.node.spot, "%s carries two fields called %q", what, d.name).
				why("whoever hears it could not tell them apart").fix("name them: data: {a: %s, b: …}", cut(text))
			ok = false
			continue
		}
		e.Data = append(e.Data, field)
		f := field.Field
		if field.Input != nil {
			f = field.Input.Field
		}
		named := *f
		named.Name = d.name
		e.Inputs = append(e.Inputs, &Input{Field: &named, Index: len(e.Inputs)})
	}
	return ok
}

func (k *compiler) eventField(e *Event, name, text string, n *node, what string) (EventField, bool) {
	out := EventField{Name: name}
	root, field, dotted := strings.Cut(text, ".")
	if !dotted || strings.Contains(field, ".") || !nameForm.MatchString(field) {
		k.refuse(n.spot, "%s carries %q, which names no field of a row", what, cut(text)).fix("write ENTITY.FIELD, or input.FIELD")
		return out, false
	}
	if len(k.emitters[e]) == 0 {
		k.refuse(n.spot, "%s carries %q, but no write emits it", what, cut(text)).
			why("a schedule has no row to take it from").fix("take it out")
		return out, false
	}
	for _, w := range k.emitters[e] {
		if root == "input" {
			i := slices.IndexFunc(w.Inputs, func(in *Input) bool { return in.Name == field && in.Items == nil })
			if i < 0 {
				if !k.broken["input "+field] {
					k.refuse(n.spot, "%s carries %q, but %s, which emits it, has no such input", what, text, w.what).fix("%s", orOneOf(field, inputNames(w.Inputs)))
				}
				return out, false
			}
			if out.Input != nil && out.Input != w.Inputs[i] {
				k.refuse(n.spot, "%s carries %q, but more than one write emits it", what, text).
					why("each has an input of its own").fix("carry a field of the row, or make an event for each write")
				return out, false
			}
			out.Input = w.Inputs[i]
			continue
		}
		var step *stepping
		var names []string
		for _, s := range w.steps {
			names = append(names, s.Name)
			if s.Name == root {
				step = s
			}
		}
		if step == nil {
			k.refuse(n.spot, "%s carries %q, but %s, which emits it, has no step on %s", what, text, w.what, cut(root)).
				fix("%s", orOneOf(root, append(names, "input")))
			return out, false
		}
		if step.list != nil || len(step.By) > 0 {
			k.refuse(n.spot, "%s carries %q, but %s has many of them", what, text, w.what).
				why("an event carries one value under one name").fix("carry a field of a row that there is one of, and read the list by it")
			return out, false
		}
		f := k.fieldOf(step.Entity, k.within(n, len(root)+1), field, what+" carries")
		if f == nil {
			return out, false
		}
		out.Step, out.Field = root, f
	}
	return out, true
}

// deliver reads webhook addresses; an empty one means nobody.
func (k *compiler) deliver(e *Event, n *node, what string) {
	for _, x := range k.list(n, what+": deliver") {
		text, ok := k.scalar(x, what+": deliver")
		if !ok || text == "" {
			continue
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			k.refuse(x.spot, "%s is delivered to something that is no web address", what).fix("write https://HOST/PATH, or ${NAME:-} to take it from the environment")
		case u.User != nil:
			k.refuse(x.spot, "%s is delivered to an address with a password in it", what).
				why("addresses show up in logs and on the page").fix("take it out: deliveries are signed")
		case slices.Contains(e.Deliver, text):
			k.refuse(x.spot, "%s is delivered to the same address twice", what).fix("keep one")
		default:
			e.Deliver = append(e.Deliver, text)
		}
	}
}

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
