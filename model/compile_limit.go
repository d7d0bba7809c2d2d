package model

import "strings"

// feeds reads the feeds.
func (k *compiler) feeds() {
	for _, p := range k.section("feeds", "feed") {
		what := quoted("feed", p.key)
		m, ok := k.mapping(p.value, what, "of allow")
		if !ok {
			continue
		}
		f := &Feed{Name: p.key}
		good := true
		if n := m.get("of"); n != nil {
			for _, x := range k.names(n, what+": of") {
				e := k.entity(x, what)
				if e == nil {
					good = false
					continue
				}
				if len(f.Of) > 0 && f.Of[0].Family != e.Family && f.Of[0].Family != k.unknown && e.Family != k.unknown {
					k.refuse(x.spot, "%s shows %q of partition %q, but also %q of %q", what, e.Name, e.Family.Name, f.Of[0].Name, f.Of[0].Family.Name).
						why("a feed is the changes of one partition, in order").fix("make a feed for each partition")
					good = false
					continue
				}
				f.Of = append(f.Of, e)
			}
			if n.kind == listNode && len(n.items) == 0 {
				k.refuse(n.spot, "%s shows nothing", what).fix("name at least one entity")
			}
		} else if m.missing("of") {
			k.refuse(p.spot, "%s does not say what it shows", what).fix("add of: [ENTITY]")
		}
		if good && len(f.Of) > 0 {
			family := f.Of[0].Family
			f.Allow = k.allow(m.get("allow"), m.has("allow"), p.spot, what, family, &Env{Params: []*Input{{Field: family.By, Required: true}}})
		}
		k.m.Feeds = append(k.m.Feeds, f)
	}
}

// limits reads the quotas.
func (k *compiler) limits() {
	for _, p := range k.section("limits", "limit") {
		what := quoted("limit", p.key)
		m, ok := k.mapping(p.value, what, "of per rate burst")
		if !ok {
			continue
		}
		l := &Limit{Name: p.key}
		for _, key := range []string{"of", "rate"} {
			if m.missing(key) {
				k.refuse(p.spot, "%s has no `%s`", what, key).fix("write {of: [PATTERN], per: [auth.sub], rate: 5/s, burst: 20}")
			}
		}
		known := true
		if n := m.get("of"); n != nil {
			for _, x := range k.names(n, what+": of") {
				known = k.limited(l, x, what) && known
			}
			if len(l.Reads)+len(l.Writes) == 0 && known {
				k.refuse(n.spot, "%s limits nothing", what).fix("name at least one read or write")
			}
		}
		if n := m.get("rate"); n != nil {
			l.Rate = k.rate(n, what+": rate")
		}
		l.Burst = max(l.Rate, 1)
		if n := m.get("burst"); n != nil {
			if v, ok := k.count(n, what+": burst"); ok && v < 1 {
				k.refuse(n.spot, "%s: burst is below 1", what).why("no request would ever pass").fix("write 1 or more")
			} else if ok {
				l.Burst = v
			}
		}
		if n := m.get("per"); n != nil {
			env := l.env()
			if n.kind == listNode && len(n.items) == 0 {
				k.refuse(n.spot, "%s: per names nothing", what).fix("name what each has a quota of its own by, such as [auth.sub], or take `per` out: then all share one")
			}
			for _, x := range k.list(n, what+": per") {
				if x.kind == scalarNode && x.expr {
					k.refuse(x.spot, "%s: per begins with `= `", what).why("it is always an expression").fix("take the `= ` away")
					continue
				}
				if x.kind != scalarNode {
					k.refuse(x.spot, "%s: per must be an expression as text, not %s", what, x.shape()).fix("write per: [auth.sub]")
					continue
				}
				if !known && !strings.HasPrefix(x.text, "auth.") {
					continue
				}
				_, e := k.typed(x, env, what+": per", "a single value", valueTypes)
				if e != nil {
					l.Per = append(l.Per, e)
				}
			}
		}
		k.m.Limits = append(k.m.Limits, l)
	}
}

// valueTypes are tried in turn for an expression that may have any type.
var valueTypes = []Type{
	{Kind: KindString, Size: maxString, Null: true}, {Kind: KindInt, Null: true}, {Kind: KindBool, Null: true}, {Kind: KindDate, Null: true},
	{Kind: KindTime, Null: true}, {Kind: KindDecimal, Precision: 18, Scale: 9, Null: true}, {Kind: KindFloat, Null: true},
}

func (k *compiler) limited(l *Limit, x *node, what string) bool {
	r, w := k.m.Read(x.text), k.m.Write(x.text)
	if r != nil {
		l.Reads = append(l.Reads, r)
	}
	if w != nil {
		l.Writes = append(l.Writes, w)
	}
	if r == nil && w == nil {
		k.noPattern(x, what+" is of")
		return false
	}
	return true
}

func (k *compiler) noPattern(x *node, doing string) {
	if k.broken["read "+x.text] || k.broken["write "+x.text] {
		return
	}
	var names []string
	for _, r := range k.m.Reads {
		names = append(names, r.Name)
	}
	for _, w := range k.m.Writes {
		names = append(names, w.Name)
	}
	k.refuse(x.spot, "%s %q, but there is no read or write of that name", doing, cut(x.text)).fix("%s", orOneOf(x.text, names))
}

// env is what an expression of a write sees before its step of that place.
func (l *Limit) env() *Env {
	env := &Env{Auth: true}
	var family *Family
	same := true
	see := func(f *Family) {
		same = same && (family == nil || family == f)
		family = f
	}
	for _, r := range l.Reads {
		see(r.Of.Family)
	}
	for _, w := range l.Writes {
		see(w.Family)
	}
	if same && family != nil {
		env.Params = []*Input{{Field: family.By, Required: true}}
	}
	return env
}
