// Package quota keeps the `limits` of a model: how often each caller, or each partition, may do what. A
// limit is a bucket that fills at its rate and holds its burst; what finds it empty is refused.
//
// Nodes count what they let through themselves at once, and hear of each other ten times a second. So over
// several nodes a limit can be overshot, by a bounded amount; docs/model.md says by how much.
package quota

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Limits are the limits of a model. They are safe for concurrent use. A nil *Limits limits nothing.
type Limits struct {
	all    []*limit
	reads  map[*model.Read][]*limit
	writes map[*model.Write][]*limit
}

// State is how much of a limit is left to a caller after its request was counted.
type State struct {
	Policy    *Policy
	Remaining int           // requests that would pass now
	Full      time.Duration // until the bucket is full again
}

// Policy is a limit as callers are told of it.
type Policy struct {
	Name   string
	Burst  int           // requests that pass at once
	Window time.Duration // in which an empty bucket fills
}

// New gives the limits of a model; nil where it has none.
func New(m *model.Model) *Limits {
	if len(m.Limits) == 0 {
		return nil
	}
	l := &Limits{reads: map[*model.Read][]*limit{}, writes: map[*model.Write][]*limit{}}
	for _, of := range m.Limits {
		one := newLimit(of)
		l.all = append(l.all, one)
		for _, r := range of.Reads {
			l.reads[r] = append(l.reads[r], one)
		}
		for _, w := range of.Writes {
			l.writes[w] = append(l.writes[w], one)
		}
	}
	return l
}

// Counts tells whether a read or a write is in any limit.
func (l *Limits) Counts(r *model.Read, w *model.Write) bool {
	return l != nil && (len(l.reads[r]) > 0 || len(l.writes[w]) > 0)
}

// Read counts a read, and gives what is left. scope has the caller, and the partition as the first
// argument. The error is an *Exceeded.
func (l *Limits) Read(r *model.Read, scope *model.Scope) ([]State, error) {
	if l == nil || len(l.reads[r]) == 0 {
		return nil, nil
	}
	return count(l.reads[r], scope)
}

// Write counts a write, as Read counts a read.
func (l *Limits) Write(w *model.Write, scope *model.Scope) ([]State, error) {
	if l == nil || len(l.writes[w]) == 0 {
		return nil, nil
	}
	return count(l.writes[w], scope)
}

// count takes a request out of each bucket, or out of none.
func count(limits []*limit, scope *model.Scope) ([]State, error) {
	now := time.Now()
	states := make([]State, 0, len(limits))
	buckets := make([]*bucket, 0, len(limits))
	for _, one := range limits {
		b := one.bucket(scope, now)
		wait, ok := one.take(b, now)
		states = append(states, one.state(b, now))
		if !ok {
			for i, taken := range buckets {
				limits[i].giveBack(taken)
			}
			return nil, one.exceeded(states, wait)
		}
		buckets = append(buckets, b)
	}
	return states, nil
}

// Exceeded is the refusal of a request whose caller has used up a limit.
type Exceeded struct {
	Fault    *fault.Error
	Violated string  // the limit
	States   []State // of that limit, the last, and of those that were looked at before it
}

// Error implements error.
func (e *Exceeded) Error() string { return e.Fault.Error() }

// Unwrap gives the fault.
func (e *Exceeded) Unwrap() error { return e.Fault }

// exceeded makes the refusal. Callers who were refused at the same time are told different times to
// come again.
func (l *limit) exceeded(states []State, wait time.Duration) error {
	l.refused.Add(1)
	wait += time.Duration(rand.Float64() * float64(min(wait, 10*time.Second)))
	return &Exceeded{Violated: l.of.Name, States: states, Fault: &fault.Error{Code: fault.QuotaExceeded,
		Message:    "The quota " + l.of.Name + " is used up; nothing was changed. RateLimit says how much of it there is, Retry-After when to come again.",
		RetryAfter: max(time.Second, time.Duration(math.Ceil(wait.Seconds()))*time.Second)}}
}

// Figures are what a limit has done on this node.
type Figures struct {
	Name    string `json:"name"`
	Callers int    `json:"callers"` // who have used some of it lately, on any node
	Refused uint64 `json:"refused"` // since the start, by this node
}

// Figures gives figures of each limit.
func (l *Limits) Figures() []Figures {
	if l == nil {
		return nil
	}
	var list []Figures
	for _, one := range l.all {
		list = append(list, Figures{Name: one.of.Name, Callers: one.size(), Refused: one.refused.Load()})
	}
	return list
}
