// Package drill breaks a throw-away copy of a service on purpose, under load that is made from its own
// model, and holds what happens against what is promised: no answer older than the model allows, no
// acknowledged write lost or done twice, no caller left waiting, neighbours unharmed, back by itself.
package drill

import (
	"fmt"
	"time"
)

// Report is what all drills came to.
type Report struct {
	Made     time.Time `json:"made"`
	Partita  string    `json:"partita"`
	Service  string    `json:"service"`
	Revision string    `json:"model_revision"`
	Store    string    `json:"store"`
	Nodes    int       `json:"nodes"`
	Cores    int       `json:"cores"`
	Seed     uint64    `json:"seed"`
	Knee     float64   `json:"knee"` // requests per second, from which the drills' loads are made
	Drills   []Outcome `json:"drills"`
	Left     []string  `json:"left_out,omitempty"` // patterns that were not asked for, and why
}

// Kept tells whether no drill that ran broke a promise, and each could be judged. What cannot be tried here
// at all does not count.
func (r *Report) Kept() bool {
	for _, o := range r.Drills {
		if v := o.Verdict(); v == Broken || v == NotRun && o.Timeline != nil {
			return false
		}
	}
	return true
}

// Verdict is what a drill or a promise came to.
type Verdict string

// The verdicts.
const (
	Kept   Verdict = "kept"
	Broken Verdict = "broken"
	// NotRun is no verdict on the service: what was asked could not be tried, or there was nothing to
	// judge by. It does not count as kept.
	NotRun Verdict = "not run"
)

// Outcome is one drill.
type Outcome struct {
	Name     string    `json:"drill"`
	What     string    `json:"what"`              // is done to the service
	How      string    `json:"how"`               // it is done: from outside, or by a hook within
	Why      string    `json:"why,omitempty"`     // it was not run, or could not be judged in full
	Seed     uint64    `json:"seed,omitempty"`    // of its load
	Earlier  []string  `json:"earlier,omitempty"` // why it was carried out again: one for each time
	Promises []Promise `json:"promises,omitempty"`
	Timeline *Timeline `json:"timeline,omitempty"`
}

// Verdict sums the promises up.
func (o *Outcome) Verdict() Verdict {
	for _, p := range o.Promises {
		if p.Verdict == Broken {
			return Broken
		}
	}
	if o.Why != "" {
		return NotRun
	}
	return Kept
}

// unsure tells why a drill is worth another try: nothing is broken but what hangs on the machine's speed, or
// the calm before was none. "": another try would only hide what this one found.
func (o *Outcome) unsure() string {
	why := o.Why
	for _, p := range o.Promises {
		switch {
		case p.Verdict != Broken:
		case !p.Timed:
			return ""
		case why == "":
			why = p.Name + ": " + p.Figure
		}
	}
	return why
}

// Promise is one thing that the service promises, and whether it held.
type Promise struct {
	Name    string   `json:"promise"`
	Bound   string   `json:"bound"`  // what is promised
	Figure  string   `json:"figure"` // what was measured
	Verdict Verdict  `json:"verdict"`
	Timed   bool     `json:"timed,omitempty"`   // other work of the machine may break it: a second try is fair
	Details []string `json:"details,omitempty"` // the first cases in which it did not hold
}

// Timeline is what happened, in steps.
type Timeline struct {
	Step   float64 `json:"step"`   // seconds
	Begin  float64 `json:"begin"`  // of the trouble, in seconds
	End    float64 `json:"end"`    // likewise
	Points []Point `json:"points"` //
	States []Span  `json:"states"` // what the service said of itself
}

// Point is one step of a timeline, in requests per second but for the last two.
type Point struct {
	Asked    float64 `json:"asked"`
	Answered float64 `json:"answered"` // in time, or refused by the model
	Stale    float64 `json:"stale"`    // of the answered
	Shed     float64 `json:"shed"`     // refused, because it is too much
	Away     float64 `json:"away"`     // refused, because something is not there
	Lost     float64 `json:"lost"`     // late, failed, or never answered
	P99      float64 `json:"p99_ms"`   // of the answered, of requests that began then
	Worst    float64 `json:"worst_ms"`
}

// Span is a time in which a part of a node was not well.
type Span struct {
	Node  string  `json:"node"`
	Part  string  `json:"part"`
	State string  `json:"state"`
	Cause string  `json:"cause"`
	From  float64 `json:"from"` // seconds
	To    float64 `json:"to"`
}

func kept(name, bound string, ok bool, figure string, args ...any) Promise {
	v := Kept
	if !ok {
		v = Broken
	}
	return Promise{Name: name, Bound: bound, Figure: fmt.Sprintf(figure, args...), Verdict: v}
}

func unjudged(name, bound, why string) Promise {
	return Promise{Name: name, Bound: bound, Figure: why, Verdict: NotRun}
}
