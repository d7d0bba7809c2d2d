// Package model turns a model file into a checked, immutable Model: typed access paths, the
// indexes derived from them, the cache tags that a change touches, the bucket of each partition.
//
// It is pure: nothing here reads a clock, a network or a file, the system's time zones aside. A *Model and everything it points
// to is safe for concurrent use, since nothing changes after Parse returns.
package model

import (
	"regexp"
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
