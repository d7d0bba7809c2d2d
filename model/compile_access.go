package model

import (
	"slices"
	"strings"
)

// access reads the rules, the loads and the list that counts where a pattern has none of its own.
func (k *compiler) access() {
	n := k.root.get("access")
	if n == nil {
		if k.root.has("access") {
			k.m.Access = &Access{}
			k.broken["access"] = true
		}
		return
	}
	a := &Access{}
	k.m.Access = a
	m, ok := k.mapping(n, "access", "rules load allow")
	if !ok {
		k.broken["access"] = true
		return
	}
	if x := m.get("load"); x != nil {
		k.loads(a, x)
	}
	if x := m.get("rules"); x != nil {
		k.rules(a, x)
	} else if m.has("rules") {
		k.broken["access"] = true
	}
	if x := m.get("allow"); x != nil {
		names := k.allowNames(x, "access: allow")
		k.nodes["default allow"] = x
		a.Default = k.allowed(names, "access: allow")
	} else if m.has("allow") {
		k.broken["access"] = true
	}
}

// rules keeps the texts: they are compiled where they are used, against what a request carries there.
func (k *compiler) rules(a *Access, n *node) {
	if n.kind != mapNode {
		k.broken["access"] = true
	}
	for _, p := range n.pairs {
		k.broken["rule "+p.key] = true
	}
	for _, p := range n.pairs {
		if slices.Contains([]string{"anyone", "public", "none"}, p.key) {
			k.refuse(p.spot, "a rule may not be called %q", p.key).why("the word means something of its own in `allow`").fix("choose another name")
		}
	}
	for _, p := range k.entries(n, "access: rules", "rule") {
		what := quoted("rule", p.key)
		if p.value.bad() || slices.Contains([]string{"anyone", "public", "none"}, p.key) {
			continue
		}
		if p.value.kind != scalarNode || p.value.text == "" {
			k.refuse(p.value.spot, "%s must be an expression, not %s", what, p.value.shape()).fix("write it as text, such as auth.sub == customer_id")
			continue
		}
		if p.value.expr {
			k.refuse(p.value.spot, "%s begins with `= `", what).why("a rule is always an expression").fix("take the `= ` away")
			continue
		}
		if !k.canBeTrue(p.value, what) {
			continue
		}
		r := &Rule{Name: p.key, Text: p.value.text}
		delete(k.broken, "rule "+p.key)
		a.Rules = append(a.Rules, r)
		k.uses[r] = &ruleUse{node: p.value}
	}
}

// loads reads the rows that rules look at.
func (k *compiler) loads(a *Access, n *node) {
	if !k.isMapping(n, "access: load") {
		return
	}
	for _, p := range n.pairs {
		what := quoted("load", p.key)
		k.broken["load "+p.key] = true
		k.place["load "+p.key] = p.spot
		if p.key != "me" && !k.checkName(p.spot, "load", p.key) {
			continue
		}
		if p.value.bad() {
			continue
		}
		if p.value.kind != mapNode || len(p.value.pairs) != 1 {
			k.refuse(p.value.spot, "%s must name one entity and its key", what).fix("write %s: {ENTITY: {KEY_FIELD: = auth.sub}}", p.key)
			continue
		}
		of := p.value.pairs[0]
		e := k.entity(&node{spot: of.spot, kind: scalarNode, text: of.key}, what)
		if e == nil {
			continue
		}
		if e.View != nil {
			k.refuse(of.spot, "%s looks at the view %q", what, e.Name).
				why("a view may be late, and a rule must not decide by an old row").fix("look at an entity of the request's partition")
			continue
		}
		l := &Load{Name: p.key, Entity: e}
		if k.loadKey(l, of.value, what) {
			delete(k.broken, "load "+p.key)
			a.Loads = append(a.Loads, l)
		}
	}
	for _, l := range a.Loads {
		l.Read = &Read{Name: "load:" + l.Name, Of: l.Entity, Internal: true, Fields: l.Entity.Fields, Priority: Critical,
			Allow: Allow{None: true}, Params: getParams(l.Entity)}
	}
}

func (k *compiler) loadKey(l *Load, n *node, what string) bool {
	if !k.isMapping(n, what+": key") {
		return false
	}
	env := &Env{Params: []*Input{{Field: l.Entity.Fields[0]}}, Auth: true}
	ok := true
	given := map[string]*node{}
	for _, p := range n.pairs {
		f := k.fieldOf(l.Entity, p.spot, p.key, what+" is by")
		switch {
		case f == nil:
			ok = false
		case f.Pos == 0:
			k.refuse(p.spot, "%s gives the partition %q", what, p.key).
				why("a rule looks at rows of the request's own partition only").fix("take it out")
			ok = false
		case !slices.Contains(l.Entity.Key, f):
			k.refuse(p.spot, "%s is by %q, which is not in the key of %s", what, p.key, l.Entity.Name).
				why("a rule must cost one look-up by key").fix("give the key: %s", strings.Join(fieldNames(l.Entity.Key), ", "))
			ok = false
		default:
			given[p.key] = p.value
		}
	}
	for _, f := range l.Entity.Key {
		value := given[f.Name]
		if value == nil {
			if ok && !k.brokenField(l.Entity, f.Name) {
				k.refuse(n.spot, "%s does not give %q, which is in the key of %s", what, f.Name, l.Entity.Name).fix("add %s: = auth.…", f.Name)
			}
			ok = false
			continue
		}
		src, good := k.value(value, f, env, what+": "+f.Name)
		ok = ok && good
		l.Key = append(l.Key, src)
	}
	return ok
}

// allowNames reads a list of rules as it is written.
func (k *compiler) allowNames(n *node, what string) []*node {
	if n.kind == listNode && len(n.items) == 0 {
		k.refuse(n.spot, "%s lets nobody in", what).why("an empty list is easily overlooked").fix("write `none` if only the service itself may use it")
	}
	return k.names(n, what)
}

// allowed reads a list of rules without binding them.
func (k *compiler) allowed(names []*node, what string) (a Allow) {
	for _, x := range names {
		switch x.text {
		case "public":
			a.Public = true
		case "anyone":
			a.Anyone = true
		case "none":
			a.None = true
		default:
			if r := k.rule(x, what); r != nil {
				a.Rules = append(a.Rules, r)
			}
			continue
		}
		if len(names) > 1 {
			k.refuse(x.spot, "%s lists %q together with others", what, x.text).
				why("%s already says who may; the others would mean nothing", x.text).fix("write `%s` alone, or take it out", x.text)
		}
	}
	return a
}

func (k *compiler) rule(x *node, what string) *Rule {
	var names []string
	if k.m.Access != nil {
		for _, r := range k.m.Access.Rules {
			if r.Name == x.text {
				return r
			}
			names = append(names, r.Name)
		}
	}
	if k.broken["rule "+x.text] || k.broken["access"] {
		return nil
	}
	k.refuse(x.spot, "%s names the rule %q, which does not exist", what, cut(x.text)).
		fix("%s", orOneOf(x.text, append(names, "anyone", "public", "none")))
	return nil
}
