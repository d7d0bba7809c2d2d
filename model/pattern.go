package model

import (
	"strings"
	"time"
)

// Priority orders patterns when there is not enough for all.
type Priority uint8

// The priorities, least important first.
const (
	Bulk Priority = iota
	Normal
	Critical
)

// Objective is what a pattern's users were told to expect.
type Objective struct {
	Quantile float64 // 0.99 for `p99`; 0: no latency objective
	Latency  time.Duration
	Success  float64 // 0.999 for `success: 99.9%`; 0: none
}

// Read is one named read.
type Read struct {
	ID        int
	Name      string
	Of        *Entity
	List      bool     // many rows; otherwise a get by the full key
	Params    []*Input // what a request gives: the partition field, then a get's key or a list's By, then Filter (not Required)
	By        []*Field
	Filter    []*Field
	Where     []Cond
	Range     *Field   // nil: none
	Sort      []Order  // complete: the key is its last part; empty for a get
	Page      int      // rows of a page
	Fields    []*Field // what the answer shows, in order; with the partition field and the key always
	Fresh     time.Duration
	Stale     time.Duration
	Priority  Priority
	Expect    float64 // per second
	Objective Objective
	Allow     Allow
	Internal  bool     // a load of access
	Hash      string   // of the answer's encoding: part of ETags, cursors and cache keys
	IndexOf   []*Index // by mask of the filters given (bit i: Filter[i]); nil entry: the primary key
	tagClass  uint64
	dependent []bool // by Field.Pos: a list's answer depends on this field
}

// Cond is a fixed condition: the field equals one of Values, of which Null may be one.
type Cond struct {
	Field  *Field
	Values []Value
}

// String says the condition in words, as in "status is new or null".
func (c Cond) String() string {
	words := make([]string, len(c.Values))
	for i, v := range c.Values {
		words[i] = "null"
		if !v.IsNull() {
			words[i] = string(AppendText(nil, v))
		}
	}
	return c.Field.Name + " is " + strings.Join(words, " or ")
}

// Op is what a step does.
type Op uint8

// The steps.
const (
	OpInsert Op = iota + 1
	OpUpdate
	OpUpsert
	OpDelete
	OpRead // the row must exist, or `if` says when
)

// AsyncMode tells whether a write may or must be accepted with 202.
type AsyncMode uint8

// The modes of `async`.
const (
	Sync AsyncMode = iota
	AsyncOffered
	AsyncAlways
)

// Write is one named write: one transaction in one partition.
type Write struct {
	ID        int
	Name      string
	Family    *Family
	Steps     []*Step
	Single    bool     // declared without `steps`: the answer is the row itself, not {"entity": …}
	Inputs    []*Input // every member that the body may have, the partition field first
	Emit      []Emit
	Async     AsyncMode
	Priority  Priority
	Expect    float64
	Objective Objective
	Allow     Allow
	Code      bool     // the work is a Go function
	Returns   []*Field // of a `code` write: what it returns; nil: nothing
}

// Input is one member of a write's body.
type Input struct {
	*Field
	Index    int      // place in Write.Inputs, and in Args.Values
	Required bool     // must be present
	Items    []*Input // for a step's `each`: what each item of the list may have; nil for a scalar
	Max      int      // for a list: most items
}

// Step is one step of a write.
type Step struct {
	Op     Op
	Entity *Entity
	Name   string   // the entity's name: how the row is named in the answer and in later steps
	Key    []Source // where the key comes from, in the order of Entity.Key; a missing one takes its default
	Take   []Source // fields that come from the caller, where present
	Set    []Source // assignments, after Take
	When   *Guard
	If     *Expr
	Each   *Input   // repeat for each item of this list
	By     []Source // delete many: equality on these fields, at most Max rows
	Max    int
}

// Source says where the value of a field comes from. Exactly one of Input, Expr and Literal is used:
// Input if it is set, otherwise Expr if it is set, otherwise Literal.
type Source struct {
	Field   *Field
	Input   *Input // of the body, or, where Item is true, of the list's item
	Item    bool
	Expr    *Expr
	Literal Value
	None    bool // nothing is given: the field's default counts
}

// Guard is a `when`: a mapping of equalities, or an expression.
type Guard struct {
	Equal []Cond
	Expr  *Expr
	Text  string // as written, for messages
}

// Emit is one event that a write emits.
type Emit struct {
	Event *Event
	If    *Expr
}

// Access says who may do what. What no rule allows is refused.
type Access struct {
	Rules   []*Rule // as declared; the bound ones are in each pattern's Allow
	Loads   []*Load
	Default Allow // the list that counts where a pattern has none of its own
}

// Rule is a named expression over auth, the request's fields and loaded rows, bound to one pattern:
// its Expr reads the request by that pattern's Params or Inputs.
type Rule struct {
	Name  string
	Text  string // as written
	Expr  *Expr
	Loads []*Load // the loaded rows that it looks at, in the order of Scope.Loads
}

// Load is a row that rules look at: by key, in the request's partition.
type Load struct {
	Name   string
	Entity *Entity
	Key    []Source // expressions or literals, in the order of Entity.Key
	Read   *Read    // an internal get of the entity
}

// Allow is the list of rules of which any one is enough.
type Allow struct {
	Public bool // no token needed
	Anyone bool // any verified caller
	None   bool // only the service itself
	Rules  []*Rule
}
