// Package accessplan tells in words and figures how a model is accessed: which index serves each
// read, what changes its answer, who may ask for it, and what a call costs. It is what
// `partita check` prints. It is pure: everything comes from the Model.
//
// Each function returns a struct for `--json`; its Text method renders the same for people, in at
// most 100 columns.
package accessplan

// Plan is the plan of access of one model: a line for each pattern.
type Plan struct {
	Service    string      `json:"service"`
	Revision   string      `json:"revision"`
	Partitions []Partition `json:"partitions"`
	Reads      []Read      `json:"reads"`
	Writes     []Write     `json:"writes"`
	Views      []View      `json:"views,omitempty"`
	Events     []Event     `json:"events,omitempty"`
	Schedules  []Schedule  `json:"schedules,omitempty"`
	Feeds      []Feed      `json:"feeds,omitempty"`
	Limits     []Limit     `json:"limits,omitempty"`
	Metrics    []Metric    `json:"metrics,omitempty"`
}

// Partition is one family of partitions.
type Partition struct {
	Name     string   `json:"name"`
	By       string   `json:"by"`
	Type     string   `json:"type"`
	Expect   float64  `json:"expect,omitempty"` // how many
	Rows     float64  `json:"rows,omitempty"`   // expected in one of them
	Bytes    float64  `json:"bytes,omitempty"`  // estimated in one of them
	Entities []string `json:"entities"`
	View     string   `json:"view,omitempty"` // the view whose rows live here
}

// Read is one read.
type Read struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"` // get, list
	Entity    string    `json:"entity"`
	Partition string    `json:"partition"`
	Page      int       `json:"page,omitempty"`
	Served    []Served  `json:"served_by"`
	Fresh     string    `json:"fresh,omitempty"` // "": the store's latest, never from a cache
	Stale     string    `json:"stale,omitempty"` // "": never
	Priority  string    `json:"priority"`
	Expect    float64   `json:"expect,omitempty"` // calls per second
	Changed   ChangedBy `json:"changed_by"`
}

// Served is the index behind one combination of filters.
type Served struct {
	Given  []string `json:"given,omitempty"` // the filters that are given
	Index  string   `json:"index"`           // "primary key", or its name
	Fields []string `json:"fields"`          // a leading - means descending
}

// ChangedBy is all that alters an answer.
type ChangedBy struct {
	Writes []string `json:"writes"`
	View   string   `json:"view,omitempty"`   // the writes come by way of this view
	Expiry string   `json:"expiry,omitempty"` // rows go after this time
}

// Write is one write.
type Write struct {
	Name      string   `json:"name"`
	Partition string   `json:"partition"`
	Steps     []Step   `json:"steps,omitempty"`
	Code      bool     `json:"code,omitempty"`
	Emits     []string `json:"emits,omitempty"`
	Async     string   `json:"async,omitempty"` // offered, always
	Priority  string   `json:"priority"`
	Expect    float64  `json:"expect,omitempty"` // calls per second
	Changes   []string `json:"changes"`          // reads whose answers it may alter
	Views     []string `json:"views,omitempty"`  // views that follow it
}

// Step is one step of a write.
type Step struct {
	Op     string   `json:"op"`
	Entity string   `json:"entity"`
	Each   string   `json:"each,omitempty"`
	By     []string `json:"by,omitempty"`
	Max    int      `json:"max,omitempty"`
	When   string   `json:"when,omitempty"`
	If     string   `json:"if,omitempty"`
}

// View is one view.
type View struct {
	Name      string   `json:"name"`
	From      string   `json:"from"`
	Partition string   `json:"partition"` // its field
	Folds     []string `json:"folds,omitempty"`
	Fields    []string `json:"fields,omitempty"`
	Follows   []string `json:"follows"` // the writes that alter it
	Reads     []string `json:"reads"`
}

// Event is one event.
type Event struct {
	Name    string   `json:"name"`
	Emitted []string `json:"emitted_by"`
	Data    []string `json:"data"`
	Hosts   []string `json:"hosts,omitempty"` // that it is delivered to; whole addresses may hold secrets
	After   string   `json:"after,omitempty"`
	Then    string   `json:"then,omitempty"` // the write that follows
	Each    string   `json:"each,omitempty"` // the list that it pages through
	Done    string   `json:"done,omitempty"`
	Refused string   `json:"refused,omitempty"`
}

// Schedule is one schedule.
type Schedule struct {
	Name  string `json:"name"`
	Every string `json:"every"`
	Zone  string `json:"zone"`
	Emits string `json:"emits"`
}

// Feed is one feed.
type Feed struct {
	Name string   `json:"name"`
	Of   []string `json:"of"`
}

// Limit is one quota.
type Limit struct {
	Name  string   `json:"name"`
	Of    []string `json:"of"`
	Per   []string `json:"per"`
	Rate  float64  `json:"rate"` // per second
	Burst float64  `json:"burst"`
}

// Metric is one business figure.
type Metric struct {
	Name string   `json:"name"`
	Of   string   `json:"of"`
	Sum  string   `json:"sum,omitempty"` // "": a count
	By   []string `json:"by,omitempty"`
}
