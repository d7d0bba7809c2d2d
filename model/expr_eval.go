package model

import (
	"errors"
	"maps"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/partita-dev/partita/fault"
)

// program is what an expression was compiled to.
type program struct {
	run      cel.Program
	roots    []root // those that it uses
	want     *Type  // nil: a condition
	constant Value  // where fixed is set
	fixed    bool
}

// Why an expression has no value. These texts are shown to users.
const (
	reasonNoRow      = "a row that it needs is not there"
	reasonNotGiven   = "a value that it needs was not given"
	reasonNoClaim    = "a claim that it needs is missing from the token"
	reasonTooLarge   = "a number leaves the range of 64 bits"
	reasonDivision   = "a number is divided by zero"
	reasonNull       = "a value that it needs is null"
	reasonNotDate    = "a text is no date"
	reasonNotDecimal = "a text is no decimal number"
	reasonCost       = "it would take too many steps"
	reasonOther      = "a claim or value is not of the kind that it needs"
)

// noValue says that an expression has no value.
func noValue(reason string, cause error) error {
	return fault.Wrap(fault.InvalidInput, cause, "The request does not determine a value that the service works out from it: %s.", reason)
}

// reasonOf gives the reason out of an error that noValue made.
func reasonOf(err error) string {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return reasonOther
	}
	_, reason, _ := strings.Cut(e.Message, ": ")
	return strings.TrimSuffix(reason, ".")
}

func (p *program) eval(s *Scope) (Value, error) {
	a := activations.Get().(*activation)
	a.scope, a.roots = s, p.roots
	out, _, err := p.run.Eval(a)
	a.scope, a.roots = nil, nil
	activations.Put(a)
	if err != nil {
		return Null, noValue(reasonFor(err.Error()), err)
	}
	v, ok := fromCEL(out)
	if !ok {
		return Null, noValue(reasonOther, nil)
	}
	if p.want == nil {
		if v.kind != BoolValue {
			return Null, noValue(reasonOther, nil)
		}
		return v, nil
	}
	v, reason := convert(v, p.want)
	if reason != "" {
		return Null, noValue(reason, nil)
	}
	return v, nil
}

// reasonFor puts an error of CEL into words that show nothing of the inside.
func reasonFor(text string) string {
	for _, known := range []struct{ part, reason string }{
		{reasonNoRow, reasonNoRow},
		{reasonNotGiven, reasonNotGiven},
		{reasonTooLarge, reasonTooLarge},
		{reasonNotDate, reasonNotDate},
		{reasonNotDecimal, reasonNotDecimal},
		{"no such key", reasonNoClaim},
		{"overflow", reasonTooLarge},
		{"range", reasonTooLarge},
		{"by zero", reasonDivision},
		{"cost", reasonCost},
	} {
		if strings.Contains(text, known.part) {
			return known.reason
		}
	}
	return reasonOther
}

var activations = sync.Pool{New: func() any { return new(activation) }}

// activation finds the values of roots in a scope. It is used for one evaluation at a time.
type activation struct {
	scope *Scope
	roots []root
}

// Parent implements interpreter.Activation.
func (a *activation) Parent() interpreter.Activation { return nil }

// ResolveName implements interpreter.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	for i := range a.roots {
		if a.roots[i].name == name {
			return a.resolve(&a.roots[i]), true
		}
	}
	return nil, false
}

// resolve gives a row or an argument list as it is, so that only the member that is looked at is
// made a value of CEL.
func (a *activation) resolve(r *root) any {
	s := a.scope
	switch r.kind {
	case rootParam:
		return toCEL(s.Args.value(r.index))
	case rootInput:
		return argsOrNull(s.Args)
	case rootItem:
		return argsOrNull(s.Item)
	case rootEvent:
		return argsOrNull(s.Event)
	case rootRow:
		return rowOrNull(s.Row)
	case rootStep:
		return rowOrNull(rowAt(s.Steps, r.index))
	case rootLoad:
		return rowOrNull(rowAt(s.Loads, r.index))
	case rootNow:
		return types.Timestamp{Time: s.Now.UTC()}
	}
	return s.Auth.claims()
}

func rowAt(rows []*Row, i int) *Row {
	if i < len(rows) {
		return rows[i]
	}
	return nil
}

func rowOrNull(r *Row) any {
	if r == nil {
		return types.NullValue
	}
	return r
}

func argsOrNull(a *Args) any {
	if a == nil {
		return types.NullValue
	}
	return a
}

// claims gives the claims by name, with the subject also where they were made without All.
func (c *Claims) claims() map[string]any {
	if c == nil {
		return nil
	}
	if _, ok := c.All["sub"]; ok || c.Subject == "" {
		return c.All
	}
	all := make(map[string]any, len(c.All)+1)
	maps.Copy(all, c.All)
	all["sub"] = c.Subject
	return all
}
