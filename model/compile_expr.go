package model

import (
	"errors"
	"slices"
	"strings"
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

// within gives the place of a byte of a scalar's text, or that of the scalar where the text does not
// stand in the file as it is.
func (c *complaints) within(n *node, offset int) spot {
	if n.block > 0 {
		return c.inBlock(n, offset)
	}
	if !n.exact || offset < 0 || offset > len(n.text) {
		return n.spot
	}
	return spot{n.line, n.column + n.skip + utf8.RuneCountInString(n.text[:offset])}
}

// mentionsBroken tells whether an expression speaks of something that was complained about.
func (k *compiler) mentionsBroken(text string, env *Env) bool {
	roots := map[string]*Entity{"row": env.Row}
	for _, e := range env.Steps {
		roots[e.Name] = e // a nameless one is never spoken of
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

// inBlock gives the place of a byte of a block scalar, whose lines stand indented below it.
func (c *complaints) inBlock(n *node, offset int) spot {
	indent, pos := -1, 0
	for i := n.block - 1; i < len(c.lines) && pos <= offset; i++ {
		line := c.lines[i]
		if indent < 0 {
			indent = len(line) - len(strings.TrimLeft(line, " "))
		}
		content := line[min(indent, len(line)):]
		if !strings.HasPrefix(n.text[min(pos, len(n.text)):], content) {
			break
		}
		if offset <= pos+len(content) {
			return spot{i + 1, indent + 1 + utf8.RuneCountInString(content[:offset-pos])}
		}
		pos += len(content) + 1
	}
	return n.spot
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
//
// Where a whole expression may stand instead, guard is set.
func (k *compiler) conds(e *Entity, n *node, what, doing string, guard bool) (out []Cond, ok bool) {
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
				why("equal values of this type may be written in different ways").fix("compare another field%s", map[bool]string{true: ", or use an expression"}[guard])
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
			if x.kind == scalarNode && x.expr && x.text != "null" {
				y := k.refuse(x.spot, "%s compares %q with an expression", what, f.Name).why("a mapping means equality with fixed values")
				if guard {
					y.fix("write the whole condition as one expression: row.%s == %s", f.Name, cut(x.text))
				} else {
					y.fix("write a fixed value, or = null; take what varies as `by`, `filter` or `range` of a read")
				}
				ok = false
				continue
			}
			v, good := k.fixed(f, x, what)
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

// fixed reads one value of a condition: a literal, or null.
func (k *compiler) fixed(f *Field, n *node, what string) (Value, bool) {
	if n.kind != scalarNode || !n.expr {
		return k.literal(f, n, what+": "+f.Name)
	}
	if !f.Type.Null {
		k.refuse(n.spot, "%s wants %q to be null, which it never is", what, f.Name).
			why("a condition that decides nothing is a mistake").fix("take it out, or write ? behind the type of %s", f.Name)
		return Null, false
	}
	return Null, true
}
