package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// exprPlace says where an expression stands, for complaints about what it may not speak of.
type exprPlace uint8

const (
	elsewhere exprPlace = iota
	inRule
	inStep
	inEmit
	inThen
	inView
)

var (
	nameMissing = regexp.MustCompile(`^there is no (?:function )?(\w+)(?: to speak of)? here`)
	wantedOther = regexp.MustCompile(`^this gives (an? [^,]*), but `)
)

func placeOf(what string, env *Env) exprPlace {
	switch {
	case strings.HasPrefix(what, "rule "):
		return inRule
	case strings.HasPrefix(what, "view "):
		return inView
	case env.Event != nil:
		return inThen
	case strings.HasSuffix(what, ": emit if"):
		return inEmit
	case strings.HasPrefix(what, "write "):
		return inStep
	}
	return elsewhere
}

// refuseExpr complains about an expression that does not compile.
func (k *compiler) refuseExpr(n *node, env *Env, what string, err *ExprError) {
	if k.mentionsBroken(n.text, env) {
		return
	}
	if strings.TrimSpace(n.text) == "" {
		k.refuse(n.spot, "%s: the expression is empty", what).fix("write one, or take the key out")
		return
	}
	text, fix, _ := strings.Cut(err.Message, "; ")
	offset := err.Offset
	if strings.Contains(text, "cannot be read as an expression") {
		text, fix = "this cannot be read from here on", "put texts in quotes, and both sides to each operator"
		if offset >= len(strings.TrimRight(n.text, " \n")) || strings.Contains(err.Message, "<EOF>") {
			text, fix = "the expression ends too early", "write what is missing behind it"
			offset = len(strings.TrimRight(n.text, " \n"))
		} else if strings.HasPrefix(n.text[offset:], "=") {
			fix = "write == to compare"
		}
	}
	if name := quotedWord(fix); len(name) <= 4 && strings.Contains(text, "no function") {
		fix = "" // of words this short, anything is close
	}
	x := k.refuse(k.within(n, offset), "%s: %s", what, text)
	x.Fix = fix
	advise(x, text, n.text, env)
	if m := nameMissing.FindStringSubmatch(text); m != nil && !strings.Contains(text, "function") {
		k.explainMissing(x, what, m[1], env)
	}
}

// quotedWord gives the word that "did you mean WORD?" suggests.
func quotedWord(fix string) string {
	return strings.TrimSuffix(strings.TrimPrefix(fix, "did you mean "), "?")
}

// explainMissing says where a name may be spoken of that may not be here.
func (k *compiler) explainMissing(x *Complaint, what, name string, env *Env) {
	place := placeOf(what, env)
	entity := k.m.Entity(name)
	if entity != nil {
		x.Fix = "" // the name was meant
	}
	switch {
	case place == inRule && (name == "row" || name == "input" || entity != nil):
		x.why("answers are shared between callers, so a rule looks at auth, the partition, the key and loaded rows only").
			fix("compare auth with a field of the request, or load a row by its key: access: {load: {NAME: {ENTITY: {KEY: = auth.sub}}}}")
	case name == "item":
		x.fix("item is there only in a step with `each`, and in a `then` with `each`")
	case name == "event":
		x.fix("event is there only in the `then` of an event")
	case name == "input":
		x.fix("input is there only in the steps, events and metrics of a write")
	case name == "caller":
		x.fix("auth is there only where a caller asks: in rules, writes and limits")
	case name == "row" && place == inEmit && len(env.Steps) > 0:
		last := env.Steps[len(env.Steps)-1].Name
		x.fix("name the row of the step: %s instead of row", last)
	case name == "row" && place == inStep:
		x.why("there is no row before an insert").fix("use input, or the row of an earlier step by its entity's name")
	case name == "row":
		x.fix("row is there only in the steps of a write and in a view")
	case entity != nil && place == inStep && env.Row == entity:
		x.fix("use row: the row of %s is named %s only in later steps", name, name)
	case entity != nil && slices.ContainsFunc(env.Steps, func(e *Entity) bool { return e.Name == "" && e.Fields[0] == entity.Fields[0] }):
		x.why("its step has many rows").fix("speak of a row that there is one of")
	case entity != nil && place == inStep:
		x.why("the row of %s is there only after its step", name).fix("move the step on %s before this one, or add {read: %s}", name, name)
	case entity != nil && place == inThen:
		x.fix("carry what is needed in the event's data")
	case entity != nil && place == inView:
		x.fix("use row: it is the row of the source")
	case entity != nil:
		x.fix("name an entity that the write has a step on")
	}
	if x.Fix != "" && strings.HasPrefix(x.Fix, "there are ") {
		x.Fix = "in this place " + x.Fix
	}
}

// typed compiles an expression as the first type that fits. wanted says what it must be, such as "a
// number".
func (k *compiler) typed(n *node, env *Env, what, wanted string, types []Type) (Type, *Expr) {
	var first *ExprError
	for _, t := range types {
		e := *env
		e.Want = &t
		x, err := k.tryExpr(n.text, &e)
		if err == nil {
			k.checkExpr(n, &e, what)
			return t, x
		}
		if first == nil || err.Offset > first.Offset {
			first = err
		}
	}
	if m := wantedOther.FindStringSubmatch(first.Message); m != nil {
		first = &ExprError{Offset: first.Offset, Message: fmt.Sprintf("this gives %s, but %s is wanted", m[1], wanted)}
	}
	k.refuseExpr(n, env, what, first)
	return Type{}, nil
}

// neverFalse complains about a condition that says nothing.
func (k *compiler) neverFalse(n *node, x *Expr, what string) bool {
	var always bool
	if v, fixed := x.Constant(); fixed {
		always = v.Bool()
	} else {
		parts := conjuncts(scanExpr(n.text))
		always = !slices.ContainsFunc(parts, func(part []exprToken) bool {
			same, holds := sameSides(part)
			return !same || !holds
		})
	}
	if !always {
		return false
	}
	c := k.refuse(n.spot, "%s is always true", what)
	if strings.HasPrefix(what, "rule ") {
		c.why("it lets every caller in without saying so").fix("take it out, and write allow: anyone for any verified caller, or allow: public")
	} else {
		c.why("it guards nothing").fix("say when it is true, or take it out")
	}
	return true
}

// sameSides tells whether a part compares something with itself, and whether that holds.
func sameSides(part []exprToken) (same, holds bool) {
	at := slices.IndexFunc(part, func(t exprToken) bool {
		return t.kind == signToken && slices.Contains([]string{"==", "!=", "<", ">", "<=", ">="}, t.text)
	})
	if at < 1 || len(part) != 2*at+1 {
		return false, false
	}
	for i := range at {
		if l, r := part[i], part[at+1+i]; l.text != r.text || l.kind != r.kind {
			return false, false
		}
		if part[i].kind == signToken && part[i].text != "." {
			return false, false
		}
	}
	return true, slices.Contains([]string{"==", "<=", ">="}, part[at].text)
}
