package observe

import (
	"context"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/model"
)

// AcceptedFigures are figures of writes that are accepted first and carried out later: what this node
// did of them, and what waits for all nodes.
type AcceptedFigures struct {
	Accepted uint64  `json:"accepted"` // by this node, in the window
	Rate     float64 `json:"rate"`     // of it, per second
	Settled  uint64  `json:"settled"`  // carried out by this node, or failed for good, in the window
	Failed   uint64  `json:"failed"`   // of these, failed
	Latency          // from acceptance until it is settled
	Waiting  uint64  `json:"waiting"`       // groups of accepted writes on the bus
	Bytes    uint64  `json:"waiting_bytes"` // of them
	Bound    int64   `json:"waiting_bound"` // of Bytes; 0 where it is not known
	Age      float64 `json:"waiting_age"`   // of the oldest, in seconds
	Known    bool    `json:"waiting_known"` // whether the bus could tell the last three
	Shards   int     `json:"shards"`        // that this node carries out
	Aside    uint64  `json:"aside"`         // dead letters that this node made of them since start
	// Stuck are the shards of this node that do not get on.
	Stuck []accept.Stuck `json:"stuck,omitempty"`
}

// Counters of accepted writes, in the place of cache outcomes.
const (
	acceptedTaken = iota
	acceptedSettled
	acceptedFailed
)

// Accepted counts a write that was accepted to be carried out later.
func (r *Recorder) Accepted(*model.Write) {
	c := r.cells(r.accepted)
	c[cellOutcome+acceptedTaken].Add(1)
	c[sumStore].Add(1) // so that every sample shows in a sum
}

// Carried counts an accepted write that is settled, with the time since it was accepted.
func (r *Recorder) Carried(_ *model.Write, took time.Duration, code fault.Code) {
	c := r.cells(r.accepted)
	c[cellOutcome+acceptedSettled].Add(1)
	if code != "" {
		c[cellOutcome+acceptedFailed].Add(1)
	}
	c.add(latencies, cellLatency, sumLatency, took)
}

// Accepts tells where to ask for what waits: without it there are no figures of accepted writes.
func (r *Recorder) Accepts(stats func(context.Context) accept.Stats) { r.accepts.Store(&stats) }

// acceptedFigures gives the figures of a window; nil where no write is accepted for later.
func (r *Recorder) acceptedFigures(ctx context.Context, w Window) *AcceptedFigures {
	stats := r.accepts.Load()
	if stats == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	now := (*stats)(ctx)
	f := &AcceptedFigures{Waiting: now.Messages, Bytes: now.Bytes, Bound: now.Bound, Age: now.Age.Seconds(), Known: now.Known, Shards: now.Shards, Aside: now.Aside, Stuck: now.Stuck}
	r.mu.Lock()
	defer r.mu.Unlock()
	seconds := r.uptime()
	if n, _ := w.seconds(); n > 0 {
		var spans []span
		spans, seconds = r.window(n)
		clear(r.scratch)
		for _, s := range spans {
			unpack(r.scratch, r.accepted.past.slots[s.tier][s.slot])
		}
		r.addOpen(r.accepted)
	} else {
		r.accepted.sum(r.scratch)
	}
	o := r.scratch[cellOutcome:]
	f.Accepted, f.Settled, f.Failed = o[acceptedTaken], o[acceptedSettled], o[acceptedFailed]
	f.Rate = per(float64(f.Accepted), seconds)
	f.Latency = latencyOf(latencies, r.scratch[cellLatency:])
	return f
}
