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
	ok := true
	if n.kind == mapNode {
		for _, p := range k.entries(n, what+": data", "field") {
			if !p.value.bad() {
				list = append(list, member{p.key, p.value})
			}
		}
	} else {
		for _, x := range k.list(n, what+": data") {
			if x.kind == mapNode {
				k.refuse(x.spot, "%s: data is a list with a name of its own in it", what).
					fix("name all of them, without the list: data: {a: …, b: …}")
				ok = false
			} else if text, is := k.scalar(x, what+": data"); is {
				list = append(list, member{text[strings.LastIndexByte(text, '.')+1:], x})
			} else {
				ok = false
			}
		}
	}
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
