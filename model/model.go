// Package model turns a model file into a checked, immutable Model: typed access paths, the
// indexes derived from them, the cache tags that a change touches, the bucket of each partition.
//
// It is pure: nothing here reads a clock, a network or a file, the system's time zones aside. A *Model and everything it points
// to is safe for concurrent use, since nothing changes after Parse returns.
package model

import (
	"regexp"
	"strings"
	"time"
)

// Model is one whole, checked service.
type Model struct {
	Service  string
	Revision string // hash of the meaning of the file: comments and layout do not change it

	Families  []*Family // declared ones, then those that views imply
	Entities  []*Entity // declared ones, then the entities that views keep
	Reads     []*Read   // in the order of the file; Read.ID is the index
	Writes    []*Write  // likewise
	Views     []*View
	Events    []*Event
	Schedules []*Schedule
	Feeds     []*Feed
	Limits    []*Limit
	Metrics   []*Metric
	Access    *Access // nil: the model has none, and only loopback may be served

	tagged map[*Entity][]*Read // what Touches looks at, by entity; nil before prepareTags
}

// Family is one kind of partition, such as "customer".
type Family struct {
	ID     int
	Name   string
	By     *Field // the partition field; every entity of the family has it as its first field
	Expect float64
	View   *View // the view whose rows live here; nil for a declared family
}

// Buckets is the number of buckets that the partitions of a store are spread over.
const Buckets = 256

// Kind is the declared type of a field.
type Kind uint8

// The types of a field.
const (
	KindString Kind = iota + 1
	KindText
	KindInt
	KindFloat
	KindBool
	KindUUID
	KindTime
	KindDate
	KindBytes
	KindJSON
	KindDecimal
	KindEmail
	KindURL
	KindEnum
)

// Type is a field's type with its bounds.
type Type struct {
	Kind      Kind
	Size      int // most characters of a string or text, most bytes of bytes, json, email, url
	Precision int // digits of a decimal in all, at most 18
	Scale     int // digits of a decimal behind the point
	Enum      []string
	Null      bool // `?` behind the type: may be null
}

// DefaultKind tells where a value comes from when the caller gives none.
type DefaultKind uint8

// The defaults of a field.
const (
	NoDefault      DefaultKind = iota // null where the type allows it, otherwise required
	DefaultLiteral                    // Field.DefaultValue
	DefaultNew                        // a UUIDv7
	DefaultNext                       // 1, 2, 3 … per partition and entity, without gaps; never given by a caller
	DefaultRandom                     // unguessable; never given by a caller
	DefaultNow                        // the time of the write
)

// Field is one column of an entity, or one member of an input.
type Field struct {
	Name         string
	Type         Type
	Pos          int // index in Entity.Fields and Row.Values
	Default      DefaultKind
	DefaultValue Value
	Min, Max     Value // bounds, null where there is none
	Pattern      *regexp.Regexp
	Implied      bool // the partition field, or a source field that a view carries along
	// Addressed says that values stand in addresses, as those of partitions and keys do. Such a text may
	// not be empty, "." or "..": clients, and proxies, take these out of an address, however they are written.
	Addressed bool
}

// Entity is one table. Fields[0] is the partition field, then the key fields, then the others, each
// in the order of the file.
type Entity struct {
	ID      int
	Name    string
	Family  *Family
	Fields  []*Field
	Key     []*Field // without the partition field; empty: one row per partition
	Unique  [][]*Field
	Indexes []*Index // derived from the reads, not counting the primary key
	Expect  float64  // rows per partition; 0 where nothing was said
	Keep    *Keep
	View    *View // set where the rows are kept by a view
	// Internal marks what a model does not declare: rows that Partita keeps for itself, in the
	// store's model only.
	Internal bool
}

// Keep says when rows expire. Expiry is no deletion: views and folds keep what they counted.
type Keep struct {
	For  time.Duration
	From *Field // a time field
}

// Index is one secondary index: the partition field, then the equality fields, then the sort, then
// what is missing of the key.
type Index struct {
	Name   string
	Entity *Entity
	Equal  []*Field
	Order  []Order
}

// Order is one field of a sort.
type Order struct {
	Field *Field
	Desc  bool
}

// Row is one row as it is stored. Rows are never changed once handed out.
type Row struct {
	Version uint64  // the partition's version that last changed it; 0 for a row not yet committed
	Values  []Value // by Field.Pos
}

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

// View is kept up to date behind the change log.
type View struct {
	Name    string
	From    *Entity
	By      []Source // of length 1: the view's partition, from a field (Expr nil, Field the source's) or an expression
	ByField *Field   // the partition field of the view's rows
	Key     []*Field
	Fields  []*Field
	Where   []Cond
	Folds   []Fold  // empty: an index view
	Family  *Family // where its rows live
	Entity  *Entity // its rows
}

// Fold is one folded value of a view.
type Fold struct {
	Name string
	Op   string // count, sum, avg
	Of   *Field // nil for count
}

// Event is something that happened, for others to hear.
type Event struct {
	Name    string
	Family  *Family // of the writes that emit it
	Data    []EventField
	Deliver []string // webhook addresses
	Inputs  []*Input // what expressions see as `event`: the partition field of Family, then Data
	Then    *Then
	After   time.Duration
}

// EventField is one member of an event's data: a field of a step's row.
type EventField struct {
	Name  string // how it is named in the data
	Step  string // entity name of the step
	Field *Field
	Input *Input // set instead of Field where it comes from the input
}

// Then is a write in another partition that follows an event, once.
type Then struct {
	Write   *Write
	Each    *Read
	EachKey []NamedExpr // one for each of Each.Params
	Item    []*Input    // what expressions see as `item`: by place in Each.Fields; nil without Each
	With    []NamedExpr
	Done    *Write
	Refused *Write
}

// NamedExpr is one argument by name.
type NamedExpr struct {
	Name    string
	Expr    *Expr
	Literal Value
}

// Schedule emits an event at the times of a cron line.
type Schedule struct {
	Name  string
	Every string
	Zone  string
	Emit  *Event
}

// Feed shows the changes of a partition.
type Feed struct {
	Name  string
	Of    []*Entity
	Allow Allow
}

// Limit is a quota.
type Limit struct {
	Name   string
	Reads  []*Read
	Writes []*Write
	Per    []*Expr
	Rate   float64 // per second
	Burst  float64
}

// Metric is one business figure.
type Metric struct {
	ID    int
	Name  string
	Write *Write
	Read  *Read       // where it counts a read
	Sum   *Expr       // nil: count. In scope: rows of the write's steps by entity name, and input
	By    []NamedExpr // labels
}
