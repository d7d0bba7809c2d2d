package model

import (
	"slices"
	"strings"
)

// metrics reads the business figures.
func (k *compiler) metrics() {
	for _, p := range k.section("metrics", "metric") {
		what := quoted("metric", p.key)
		m, ok := k.mapping(p.value, what, "of count sum by")
		if !ok {
			continue
		}
		x := &Metric{ID: len(k.m.Metrics), Name: p.key}
		k.m.Metrics = append(k.m.Metrics, x)
		if m.has("count") == m.has("sum") {
			k.refuse(p.spot, "%s must have either `count` or `sum`", what).fix("write count: true, or sum: ENTITY.FIELD")
		}
		n := m.get("of")
		if n == nil {
			if m.missing("of") {
				k.refuse(p.spot, "%s does not say what it counts", what).fix("add of: WRITE")
			}
			continue
		}
		name, ok := k.scalar(n, what+": of")
		if !ok {
			continue
		}
		if x.Write = k.m.Write(name); x.Write == nil {
			if x.Read = k.m.Read(name); x.Read == nil {
				k.noPattern(n, what+" is of")
				continue
			}
		}
		if x.Write != nil && !k.writes[x.Write].ok || x.Read != nil && k.broken["read params "+name] {
			continue
		}
		k.metricValues(x, m, what)
	}
}

func (k *compiler) metricValues(x *Metric, m *members, what string) {
	var env *Env
	if x.Write != nil {
		w := k.writes[x.Write]
		env = w.env(len(w.steps), nil)
	} else {
		env = &Env{Params: x.Read.Params, Auth: true}
	}
	if n := m.get("count"); n != nil {
		if yes, ok := k.truth(n, what+": count"); ok && !yes {
			k.refuse(n.spot, "%s has count: false", what).fix("write count: true, or take the metric out")
		}
	}
	if n := m.get("sum"); n != nil && k.metricText(n, what+": sum") {
		if x.Read != nil {
			k.refuse(n.spot, "%s sums over a read", what).why("a cached answer has no row to look at").fix("count it, or sum over a write")
		} else {
			_, x.Sum = k.typed(n, env, what+": sum", "a number", []Type{{Kind: KindInt, Null: true}, {Kind: KindDecimal, Precision: 18, Scale: 9, Null: true}, {Kind: KindFloat, Null: true}})
		}
	}
	n := m.get("by")
	if n == nil {
		return
	}
	add := func(name string, value *node) {
		if !k.metricText(value, what+": by") {
			return
		}
		t, e := k.typed(value, env, what+": by", "a single value", valueTypes)
		if e != nil && k.label(x, value, t, env, what) {
			x.By = append(x.By, NamedExpr{Name: name, Expr: e})
		}
	}
	if n.kind == mapNode {
		for _, p := range k.entries(n, what+": by", "label") {
			add(p.key, p.value)
		}
		return
	}
	for _, v := range k.names(n, what+": by") {
		name := v.text[strings.LastIndexByte(v.text, '.')+1:]
		if !nameForm.MatchString(name) {
			k.refuse(v.spot, "%s is by %q, which has no name", what, cut(v.text)).fix("name it: by: {NAME: %s}", cut(v.text))
			continue
		}
		add(name, v)
	}
}

// longestLabel is the most characters of a text that is likely to be a code.
const longestLabel = 40

// label complains about a label whose values have no small bound: each would be a series of its own
// for ever. Short texts are let through, since many are codes; whoever keeps the series bounds them.
func (k *compiler) label(x *Metric, n *node, t Type, env *Env, what string) bool {
	tokens := scanExpr(n.text)
	path, f, length := pathAt(tokens, env)
	shown := t
	switch {
	case f == nil || length != len(tokens):
		if t.Kind == KindString || t.Kind == KindBool || t.Kind == KindInt || t.Kind == KindDate {
			return true // computed, as of an hour or a choice between words
		}
		path = cut(n.text)
	case f.Type.Kind == KindEnum || f.Type.Kind == KindBool:
		return true
	case f.Type.Kind == KindString && f.Type.Size <= longestLabel && !k.inKey(x, f):
		return true
	default:
		shown = f.Type
		shown.Null = false
	}
	k.refuse(n.spot, "%s is by %s, which is %s", what, path, shown).
		why("each value is a series of its own that is kept for ever").
		fix("name an enum, a bool or a string(%d) at most that is not in a key, or compute one of a few words, such as order.total > 100 ? 'large' : 'small'", longestLabel)
	return false
}

// inKey tells whether a field is the partition or part of the key of what a metric counts.
func (k *compiler) inKey(x *Metric, f *Field) bool {
	entities := []*Entity{}
	if x.Read != nil {
		entities = append(entities, x.Read.Of)
	} else {
		for _, s := range x.Write.Steps {
			entities = append(entities, s.Entity)
		}
	}
	for _, e := range entities {
		if f == e.Fields[0] || f == e.Family.By || slices.Contains(e.Key, f) {
			return true
		}
	}
	return false
}

func (k *compiler) metricText(n *node, what string) bool {
	if n.bad() {
		return false
	}
	if n.kind != scalarNode {
		k.refuse(n.spot, "%s must be one expression, not %s", what, n.shape()).fix("write ENTITY.FIELD, or an expression")
		return false
	}
	return true
}
