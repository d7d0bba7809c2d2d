// Package advise tells what to change in a model, from what a running service measured: which reads a
// cache would help most, which `fresh` is needlessly short or long, which index nobody uses, which
// partition is hot and why, and which write contends. Each piece of advice has its evidence, and the
// line of the model to change. It is pure: everything comes from Figures.
package advise

import (
	"cmp"
	"slices"
	"time"

	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Figures are what advice is made from. Now and Model are required.
type Figures struct {
	Now     observe.Snapshot // since the start, of all nodes, with its Study
	Model   *model.Model
	Indexes []store.IndexUse // nil: the store does not count
	File    string           // name of the model file, for people
	Text    []byte           // of it; nil: advice comes without lines
}

// Report is all the advice there is.
type Report struct {
	Service  string    `json:"service"`
	Time     time.Time `json:"time"`
	Seconds  float64   `json:"seconds"` // since the start of the node that has run the longest
	Nodes    int       `json:"nodes"`   // whose figures are in it
	Requests uint64    `json:"requests"`
	Advice   []Advice  `json:"advice"`     // what helps most comes first, within its kind
	Unseen   []Unseen  `json:"not_enough"` // of what not enough was seen yet to say anything
	Notes    []string  `json:"notes,omitempty"`
}

// Kind is what advice is about.
type Kind string

// The kinds, in the order of a Report.
const (
	Cached   Kind = "cache"       // a read that asks the store each time, and need not
	Short    Kind = "fresh_short" // a `fresh` that ends good answers
	Long     Kind = "fresh_long"  // a `fresh` that outlives its answers
	Hot      Kind = "hot"         // a partition
	Contends Kind = "contention"  // a write
	Unused   Kind = "index"
)

var order = []Kind{Cached, Short, Hot, Contends, Unused, Long}

// Advice is one thing to change.
type Advice struct {
	Kind     Kind     `json:"kind"`
	Of       string   `json:"of"`   // the read, write, index or partition
	Says     string   `json:"says"` // in one sentence
	Evidence []string `json:"evidence"`
	// Gain orders advice of one kind: for reads the store's time that is saved, in seconds per second.
	Gain   float64 `json:"gain"`
	Change *Change `json:"change,omitempty"` // nil: the model file is not at hand
	Think  string  `json:"think,omitempty"`  // of this before
}

// Unseen is something of which not enough was seen yet.
type Unseen struct {
	Of    string `json:"of"`
	What  string `json:"what"` // is counted
	Seen  uint64 `json:"seen"`
	Needs uint64 `json:"needs"`
}

// What must have been seen before anything is said.
const (
	LeastReads    = 200  // requests of a read that were looked at
	LeastChanges  = 50   // changes of answers, for how long they last
	LeastIndex    = 500  // requests that read or wrote the rows of an index
	LeastWrites   = 100  // of a write
	LeastRequests = 2000 // in the partitions of a family, lately
	LeastInOne    = 20   // of those looked at, in one partition
)

// adviser makes a Report.
type adviser struct {
	Figures
	file  file
	out   *Report
	reads float64 // seconds per second that reads wait for the store
}

// Make gives the advice.
func Make(f Figures) *Report {
	a := &adviser{Figures: f, file: newFile(f.File, f.Text), out: &Report{Service: f.Model.Service, Time: f.Now.Time, Seconds: f.Now.Covered,
		Nodes: f.Now.Merged, Requests: f.Now.Total.Requests, Advice: []Advice{}, Unseen: []Unseen{}}}
	for i := range f.Now.Reads {
		a.reads += a.waits(&f.Now.Reads[i])
	}
	if f.Now.Study != nil {
		own := *f.Now.Study
		own.Seconds = min(own.Seconds, f.Now.Covered)
		a.Now.Study = &own
		a.cache()
		a.indexes()
		a.hot()
		a.contention()
	}
	for _, n := range f.Now.Nodes {
		if !n.Gone && !n.Left && n.Total == nil {
			a.note("the figures of the node " + n.Name + " are not in it: it did not send any in time, or counts differently")
		}
	}
	slices.SortStableFunc(a.out.Advice, func(x, y Advice) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.Kind), slices.Index(order, y.Kind)), cmp.Compare(y.Gain, x.Gain))
	})
	return a.out
}

// waits gives the seconds per second for which a pattern waits for the store.
func (a *adviser) waits(p *observe.Pattern) float64 {
	if a.Now.Covered <= 0 {
		return 0
	}
	return float64(p.Stored.Requests) * p.Stored.Mean / a.Now.Covered
}

func (a *adviser) say(x Advice) { a.out.Advice = append(a.out.Advice, x) }

func (a *adviser) note(text string) { a.out.Notes = append(a.out.Notes, text) }

// seen tells whether enough was, and notes it where not.
func (a *adviser) seen(of, what string, n, needs uint64) bool {
	if n < needs {
		a.out.Unseen = append(a.out.Unseen, Unseen{of, what, n, needs})
	}
	return n >= needs
}

func pattern(list []observe.Pattern, name string) *observe.Pattern {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return &observe.Pattern{Name: name}
}

// studied gives the study of a read; nil where there is none.
func (a *adviser) studied(name string) *study.Read {
	for i := range a.Now.Study.Reads {
		if a.Now.Study.Reads[i].Name == name {
			return &a.Now.Study.Reads[i]
		}
	}
	return nil
}
