package cluster

import (
	"context"
	"iter"
	"sync/atomic"
	"time"
)

/*
Heads repairs what lost messages leave behind. A gap shows with the next message of the partition,
but a lost last message shows nothing, and neither do the commits of a node that died before it told
of them. So each node walks over the partitions that it has answers of and asks the store for their
heads, one look-up by primary key each, at a pace that no store notices. What is behind is marked.

Digests of versions in the gossip were the other way. They cost the store nothing, but grow with
the writes of all nodes, say nothing of a node that is gone, and are lost with the messages that they
are to make up for. Here the cost is bounded by a constant, and the store is always right.
*/
type Heads struct {
	config   HeadsConfig
	hurry    chan struct{}
	asked    atomic.Uint64
	repaired atomic.Uint64
}

// HeadsConfig says what to compare. All functions are required.
type HeadsConfig struct {
	Partitions iter.Seq[string] // the resident ones, by any name
	// Head asks the store. Reached takes in what it said, and gives whether messages were missing.
	Head    func(ctx context.Context, partition string) (uint64, error)
	Reached func(partition string, version uint64) (lost bool)
	// Pace is how many heads are asked for in a second; default 25. Once after the bus was away, a
	// whole walk is done at Hurry; default 500.
	Pace, Hurry int
}

// slices of a second in which the walk takes its steps
const stepsPerSecond = 20

// NewHeads makes Heads; Run walks.
func NewHeads(c HeadsConfig) *Heads {
	if c.Pace <= 0 {
		c.Pace = 25
	}
	if c.Hurry <= 0 {
		c.Hurry = 500
	}
	return &Heads{config: c, hurry: make(chan struct{}, 1)}
}

// Hurry asks for one quick walk, since messages are known to have been lost. It never waits.
func (h *Heads) Hurry() {
	select {
	case h.hurry <- struct{}{}:
	default:
	}
}

// Asked gives the number of heads that were asked for, and Repaired of how many messages were missing.
func (h *Heads) Asked() uint64 { return h.asked.Load() }

// Repaired gives the number of partitions that had missed messages.
func (h *Heads) Repaired() uint64 { return h.repaired.Load() }

// Run walks until ctx ends.
func (h *Heads) Run(ctx context.Context) {
	step := time.NewTicker(time.Second / stepsPerSecond)
	defer step.Stop()
	for ctx.Err() == nil {
		quick := h.hurried()
		again := false // a hurry that came in the middle: the walk that follows is quick
		budget := 0.0
		for p := range h.config.Partitions {
			for budget < 1 {
				select {
				case <-ctx.Done():
					return
				case <-step.C:
				}
				if !quick && h.hurried() {
					quick, again = true, true
				}
				pace := h.config.Pace
				if quick {
					pace = h.config.Hurry
				}
				budget = min(budget, 1) + float64(pace)/stepsPerSecond
			}
			budget--
			if h.ask(ctx, p) != nil {
				budget = -float64(h.config.Pace) // the store has other worries: about a second's rest
			}
		}
		if again {
			h.Hurry()
		}
		select { // at least one step between two walks, however little there is to walk over
		case <-ctx.Done():
		case <-step.C:
		}
	}
}

func (h *Heads) hurried() bool {
	select {
	case <-h.hurry:
		return true
	default:
		return false
	}
}

func (h *Heads) ask(ctx context.Context, p string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	h.asked.Add(1)
	version, err := h.config.Head(ctx, p)
	if err == nil && h.config.Reached(p, version) {
		h.repaired.Add(1)
	}
	return err
}
