package model

import (
	"strings"
	"time"
)

// Env says what an expression may speak of, and of what type its value must be.
type Env struct {
	Params []*Input  // by their own names: the partition's field, key fields, what a read is given
	Input  []*Input  // `input.name`; nil: no `input`
	Row    *Entity   // `row`; nil: none
	Steps  []*Entity // rows of earlier steps, each by its entity's name
	Loads  []*Load   // loaded rows, each by its load's name
	Event  []*Input  // `event.name`; nil: no `event`
	Item   []*Input  // `item.name`: the item of a list in the input, or the row of an `each`
	Want   *Type     // the type of the value; nil: a condition
	Auth   bool      // `auth` may be used
}

// Scope is what an expression is evaluated against; its parts match the Env it was compiled with.
// The zero Scope is valid for an expression that uses nothing.
type Scope struct {
	Now   time.Time
	Auth  *Claims // nil: no caller; every claim is missing
	Args  *Args   // for Env.Params and Env.Input alike
	Item  *Args
	Event *Args
	Row   *Row   // nil: null
	Steps []*Row // by place in Env.Steps
	Loads []*Row // by place in Env.Loads
}

// Claims are the verified claims of a caller. They are never changed once made.
type Claims struct {
	Subject string         // `sub`
	All     map[string]any // as decoded from the token
	Expires time.Time      // zero: never
	Key     string         // names the caller in idempotency scopes: issuer and subject
}

// Args are the values of a request, by Input.Index.
type Args struct {
	Values []Value
	Given  []bool   // whether the caller gave it; a given null is null
	Items  [][]Args // lists, by Input.Index; nil where the model has no list
}

// Expr is a compiled expression. It is safe for concurrent use.
type Expr struct {
	Source string
	// Uses lists the roots that the expression speaks of, such as "auth", "row", "me" or a field.
	Uses []string

	program *program
}

// ExprError is a complaint about an expression.
type ExprError struct {
	Offset  int // in bytes, from the start of the source
	Message string
}

func (e *ExprError) Error() string { return e.Message }

// Compile type-checks src, the text behind "= ", against env. The error is an *ExprError.
//
// The language is CEL, without protocol buffers, with these types: string, text, uuid, enum, email
// and url are strings; time is a timestamp; date, decimal and json are types of their own. A row or
// an argument that is not there is null. Beside CEL's own functions there are, always in UTC:
// date(time), and year, month (1–12), day (1–31), weekday (1 is Monday, 7 is Sunday) of a time or a
// date, hour, minute and second of a time; date(string) and decimal(string or int) make such values.
// Decimals can be added, subtracted, multiplied, also by an int, and compared, all exactly. What
// leaves 64 bits is an error.
//
// What an expression may cost is bounded when it is compiled, by the sizes that its fields declare,
// and again when it is evaluated if it goes through lists.
func Compile(env *Env, src string) (*Expr, error) {
	p, uses, err := compileExpr(env, src)
	if err != nil {
		return nil, err
	}
	return &Expr{Source: src, Uses: uses, program: p}, nil
}

// Constant gives the value of an expression that has the same one whatever it is evaluated against,
// such as `false && auth.sub == user_id`; ok is false for all others.
func (x *Expr) Constant() (v Value, ok bool) { return x.program.constant, x.program.fixed }

// Eval returns the value of x in the canonical form of its type; size, bounds and pattern are left
// to Field.Check. An error means that it has none: a claim is missing, a row is null, a number
// overflows. It is a *fault.Error of code InvalidInput, safe to show.
func (x *Expr) Eval(s *Scope) (Value, error) {
	if x.program.fixed {
		return x.program.constant, nil
	}
	return x.program.eval(s)
}

// True evaluates a condition; what has no value is false.
func (x *Expr) True(s *Scope) bool {
	if x.program.fixed {
		return x.program.constant.Bool()
	}
	v, err := x.program.eval(s)
	return err == nil && v.Bool()
}

// ReservedWords lists the words of CEL, which cannot name a field, a partition or a row in an
// expression.
func ReservedWords() []string {
	return strings.Fields("as break const continue else false for function if import in let loop " +
		"namespace null package return true var void while")
}
