package model

import "time"

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
