// Package bench finds out what a service can take: the rate at which answers in time stop following
// what is asked, and how long answers take below it. Its Report is stored as JSON, for people and for
// the planner.
package bench

import (
	"time"

	"github.com/partita-dev/partita/internal/load"
)

// Format is the version of the Report's JSON: another one means something else.
const Format = 1

// Report is what was measured, and all that says under what circumstances.
type Report struct {
	Format  int       `json:"format"`
	Made    time.Time `json:"made"`
	Partita string    `json:"partita"` // version

	Service  string  `json:"service"`
	Revision string  `json:"model_revision"` // hash of the model's meaning
	Store    string  `json:"store"`          // with its version
	Nodes    int     `json:"nodes"`
	Machine  Machine `json:"machine"`
	URL      string  `json:"url,omitempty"` // of the service that was measured; "": a throw-away copy

	Seed       uint64  `json:"seed"`
	Partitions int     `json:"partitions"` // of each family, at most
	Zipf       float64 `json:"zipf"`       // exponent of the popularity of partitions
	Hottest    float64 `json:"hottest"`    // share of all requests that goes to one partition
	Within     Millis  `json:"within_ms"`  // what counts as in time where the model declares no objective

	Entities []Entity     `json:"entities"`
	Patterns []Proportion `json:"mix"`
	Knee     Knee         `json:"knee"`
	Steps    []Step       `json:"steps"`  // of the search for the knee
	Levels   []Level      `json:"levels"` // at shares of the knee
	Alone    []Cost       `json:"alone"`  // each pattern by itself
	Left     []Left       `json:"left_out,omitempty"`
	Notes    []string     `json:"notes,omitempty"`
}

// Machine is where it was measured: the load ran there too.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	System    string `json:"system"`
	Go        string `json:"go"`
}

// Millis is a duration in milliseconds.
type Millis float64

func millis(d time.Duration) Millis { return Millis(float64(d.Microseconds()) / 1000) }

// Entity is what the rows of an entity take in the store, as an import puts them in: the row, its
// indexes, its part of the change log and of the partition's head.
type Entity struct {
	Name        string  `json:"entity"`
	Rows        int     `json:"rows"`
	BytesPerRow float64 `json:"bytes_per_row"`
}

// Proportion is one pattern's part of what is asked.
type Proportion struct {
	Pattern  string  `json:"pattern"`
	Share    float64 `json:"share"`
	Declared bool    `json:"declared"` // by the model's expect; otherwise assumed
	Priority string  `json:"priority"`
}

// Knee is the highest rate that was followed.
type Knee struct {
	Rate    float64 `json:"rate"`    // asked per second
	Goodput float64 `json:"goodput"` // answered in time per second
	Peak    float64 `json:"peak"`    // the highest goodput of any step
	Broke   string  `json:"broke"`   // what broke at the next rate
	Reached bool    `json:"reached"` // false: the load could not ask for more
}

// Step is one rate that was tried.
type Step struct {
	Rate     float64 `json:"rate"`
	Offered  float64 `json:"offered"` // that really arrived, per second
	Goodput  float64 `json:"goodput"`
	P99      Millis  `json:"p99_ms"`
	InFlight float64 `json:"in_flight"` // requests under way, on average
	Followed bool    `json:"followed"`
	CPU      Shares  `json:"cpu"`

	late bool // the generator did not keep up
}

// Shares are parts of the machine's processor time.
type Shares struct {
	Service float64 `json:"service"`
	Load    float64 `json:"load"`
}

// Level is a share of the knee, held for a while.
type Level struct {
	Of       float64  `json:"of_knee"`
	Rate     float64  `json:"rate"`
	Goodput  float64  `json:"goodput"`
	Patterns []Figure `json:"patterns"`
	CPU      Shares   `json:"cpu"`
	Behind   Millis   `json:"generator_behind_ms"`
}

// Figure is how one pattern fared.
type Figure struct {
	Pattern string            `json:"pattern"`
	Rate    float64           `json:"rate"`
	P50     Millis            `json:"p50_ms"`
	P95     Millis            `json:"p95_ms"`
	P99     Millis            `json:"p99_ms"`
	Max     Millis            `json:"max_ms"`
	Classes map[string]uint64 `json:"answers"` // by what became of them
}

// Cost is what one request of a pattern costs the service's processes.
type Cost struct {
	Pattern string  `json:"pattern"`
	Rate    float64 `json:"rate"`
	P50     Millis  `json:"p50_ms"`
	P99     Millis  `json:"p99_ms"`
	CPU     Millis  `json:"cpu_ms"`
	Bytes   float64 `json:"store_bytes,omitempty"` // a write's, on average
}

// Left is a pattern that was not asked for, and why.
type Left struct {
	Pattern string `json:"pattern"`
	Status  int    `json:"status,omitempty"`
	Why     string `json:"why"`
}

// figures makes the figures of a stream's patterns.
func figures(r *load.StreamResult, seconds float64) []Figure {
	var list []Figure
	for i := range r.Patterns {
		p := &r.Patterns[i]
		f := Figure{Pattern: p.Name, Rate: float64(p.Counts.All()) / seconds, Classes: map[string]uint64{},
			P50: millis(p.Latency.Quantile(0.5)), P95: millis(p.Latency.Quantile(0.95)), P99: millis(p.Latency.Quantile(0.99)), Max: millis(p.Latency.Max)}
		for c, n := range p.Counts {
			if n > 0 {
				f.Classes[load.Class(c).String()] = n
			}
		}
		list = append(list, f)
	}
	return list
}
