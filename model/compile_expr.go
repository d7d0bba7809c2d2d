package model

import (
	"errors"
	"slices"
	"unicode/utf8"
)

// expr compiles the expression of a node. what begins the sentence of a complaint.
func (k *compiler) expr(n *node, env *Env, what string) *Expr {
	if n.bad() {
		return nil
	}
	if n.kind != scalarNode {
		k.refuse(n.spot, "%s must be an expression, not %s", what, n.shape()).fix("write it as text")
		return nil
	}
	x, err := k.tryExpr(n.text, env)
	if err != nil {
		k.refuseExpr(n, env, what, err)
		return nil
	}
	k.checkExpr(n, env, what)
	return x
}

func (k *compiler) tryExpr(text string, env *Env) (*Expr, *ExprError) {
	x, err := Compile(env, text)
	if err == nil {
		return x, nil
	}
	if e, ok := errors.AsType[*ExprError](err); ok {
		return nil, e
	}
	return nil, &ExprError{Message: err.Error()}
}

func (k *compiler) refuseExpr(n *node, env *Env, what string, err *ExprError) {
	if k.mentionsBroken(n.text, env) {
		return
	}
	x := k.refuse(n.within(err.Offset), "%s: %s", what, err.Message)
	if n.text == "" {
		x.fix("write a condition, or take the key out")
	}
}

// within gives the place of a byte of a scalar's text, or that of the scalar where the text does not
// stand in the file as it is.
func (n *node) within(offset int) spot {
	if !n.exact || offset < 0 || offset > len(n.text) {
		return n.spot
	}
	return spot{n.line, n.column + n.skip + utf8.RuneCountInString(n.text[:offset])}
}

// mentionsBroken tells whether an expression speaks of something that was complained about.
func (k *compiler) mentionsBroken(text string, env *Env) bool {
	roots := map[string]*Entity{"row": env.Row}
	for _, e := range env.Steps {
		roots[e.Name] = e
	}
	for _, l := range env.Loads {
		roots[l.Name] = l.Entity
	}
	tokens := scanExpr(text)
	for i, t := range tokens {
		if t.kind != wordToken {
			continue
		}
		if k.broken["load "+t.text] || k.broken["input "+t.text] {
			return true
		}
		if i >= 2 && tokens[i-1].text == "." {
			if e := roots[tokens[i-2].text]; e != nil && k.brokenField(e, t.text) {
				return true
			}
		}
	}
	return false
}

// value reads a literal, or an expression where the text begins with "= ". The field says the type.
func (k *compiler) value(n *node, f *Field, env *Env, what string) (Source, bool) {
	src := Source{Field: f}
	if n.bad() {
		return src, false
	}
	if n.kind == scalarNode && n.expr {
		if n.text == "null" && f.Type.Null {
			return src, true
		}
		want := *env
		want.Want = &f.Type
		src.Expr = k.expr(n, &want, what)
		return src, src.Expr != nil
	}
	var ok bool
	src.Literal, ok = k.literal(f, n, what)
	return src, ok
}

// conds reads a mapping of equalities: each a value, or a list of which any one is enough.
func (k *compiler) conds(e *Entity, n *node, what, doing string) (out []Cond, ok bool) {
	if !k.isMapping(n, what) {
		return nil, false
	}
	ok = true
	if len(n.pairs) == 0 {
		k.refuse(n.spot, "%s is empty", what).why("a condition must never vanish in silence").fix("name a field and its value, or take it out")
		return nil, false
	}
	for _, p := range n.pairs {
		f := k.fieldOf(e, p.spot, p.key, doing)
		if f == nil || p.value.bad() {
			ok = false
			continue
		}
		cond := Cond{Field: f}
		if p.value.kind == nullNode {
			k.nothing(p, what)
			ok = false
			continue
		}
		if f.Type.Kind == KindJSON || f.Type.Kind == KindFloat {
			k.refuse(p.spot, "%s compares %q, which is %s, for equality", what, f.Name, f.Type).
				why("equal values of this type may be written in different ways").fix("compare another field, or use an expression")
			ok = false
			continue
		}
		members := k.list(p.value, what)
		if len(members) == 0 && p.value.kind == listNode {
			k.refuse(p.value.spot, "%s wants %q to be one of nothing", what, f.Name).
				why("that is never true").fix("list at least one value")
			ok = false
		}
		for _, x := range members {
			if x.kind == scalarNode && x.expr {
				k.refuse(x.spot, "%s compares %q with an expression", what, f.Name).
					why("a mapping means equality with fixed values").fix("write the whole condition as one expression: row.%s == %s", f.Name, cut(x.text))
				ok = false
				continue
			}
			v, good := k.literal(f, x, what)
			if good && slices.Contains(cond.Values, v) {
				k.refuse(x.spot, "%s names %q twice", what, cut(x.text)).fix("keep one")
			}
			ok = ok && good
			cond.Values = append(cond.Values, v)
		}
		out = append(out, cond)
	}
	return out, ok
}
