package drill

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/stage"
)

// watching is what the nodes said of themselves while a scene went on.
type watching struct {
	mu    sync.Mutex
	seen  []sighting
	ready []readiness
}

// sighting is one look at the status of a node.
type sighting struct {
	at    time.Time
	node  string
	alive bool
	parts []stage.Component // that are not well
}

// readiness is one look at a node's /readyz.
type readiness struct {
	at    time.Time
	node  string
	ready bool
}

const lookEvery = 100 * time.Millisecond

// run looks until ctx ends.
func (w *watching) run(ctx context.Context, s *stage.Stage) {
	var looking sync.WaitGroup
	for _, n := range s.Nodes {
		looking.Go(func() {
			again := time.NewTicker(lookEvery)
			defer again.Stop()
			for {
				w.look(ctx, n)
				select {
				case <-again.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	looking.Wait()
}

func (w *watching) look(ctx context.Context, n *stage.Node) {
	doc, err := n.Status(ctx)
	seen := sighting{at: time.Now(), node: n.Name, alive: err == nil}
	for _, c := range doc.Components {
		if c.State != "ok" {
			seen.parts = append(seen.parts, c)
		}
	}
	ready := n.Ready(ctx)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, seen)
	w.ready = append(w.ready, readiness{time.Now(), n.Name, ready})
}

// until waits until the nodes say that all is well, or that time has come.
func (w *watching) until(ctx context.Context, last time.Time) {
	for time.Now().Before(last) && !w.now() && sleepUntil(ctx, time.Now().Add(lookEvery)) {
	}
}

// now tells whether every node was well when it was looked at last.
func (w *watching) now() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	latest := map[string]bool{}
	for _, seen := range w.seen {
		latest[seen.node] = seen.alive && len(seen.parts) == 0
	}
	for _, well := range latest {
		if !well {
			return false
		}
	}
	return true
}

// spans gives the times in which parts were not well.
func (w *watching) spans(began time.Time, length time.Duration) (list []Span) {
	open := map[string]int{} // by node and part: place in list, plus 1
	for _, seen := range w.seen {
		at := min(max(0, seen.at.UTC().Sub(began)), length).Seconds()
		parts := seen.parts
		if !seen.alive {
			parts = []stage.Component{{Name: "node", State: "down", Cause: "it does not answer"}}
		}
		now := map[string]bool{}
		for _, c := range parts {
			key := seen.node + "/" + c.Name
			now[key] = true
			if i := open[key]; i > 0 && list[i-1].State == c.State {
				list[i-1].To, list[i-1].Cause = at, c.Cause
				continue
			}
			list = append(list, Span{Node: seen.node, Part: c.Name, State: c.State, Cause: c.Cause, From: at, To: at})
			open[key] = len(list)
		}
		for key, i := range open {
			if i > 0 && list[i-1].Node == seen.node && !now[key] {
				list[i-1].To = at
				open[key] = 0
			}
		}
	}
	return list
}

// said tells when, after a moment, a node first said that one of the parts is not well.
func (w *watching) said(after time.Time, parts ...string) (time.Duration, string, bool) {
	for _, seen := range w.seen {
		if seen.at.Before(after) {
			continue
		}
		for _, c := range seen.parts {
			if slices.Contains(parts, c.Name) {
				return seen.at.Sub(after), c.Name + ": " + c.Cause, true
			}
		}
	}
	return 0, "", false
}

// well tells when, after a moment, every node was well for good, as far as the parts go that were well
// before. still lists what is not.
func (w *watching) well(after time.Time, before map[string]bool) (took time.Duration, still []string) {
	last := time.Time{}
	bad := map[string][]string{} // by node
	for _, seen := range w.seen {
		bad[seen.node] = nil
		if !seen.alive {
			bad[seen.node] = []string{seen.node + " does not answer"}
		}
		for _, c := range seen.parts {
			if !before[c.Name] {
				bad[seen.node] = append(bad[seen.node], seen.node+": "+c.Name+": "+c.Cause)
			}
		}
		if bad[seen.node] != nil {
			last = seen.at
		}
	}
	for _, list := range bad {
		still = append(still, list...)
	}
	return max(0, last.Sub(after)), still
}

// unwell lists the parts that were not well at some time before a moment.
func (w *watching) unwell(until time.Time) map[string]bool {
	set := map[string]bool{}
	for _, seen := range w.seen {
		if seen.at.Before(until) {
			for _, c := range seen.parts {
				set[c.Name] = true
			}
		}
	}
	return set
}

// unready counts looks between two moments at which no node wanted requests.
func (w *watching) unready(from, to time.Time) (none, all int) {
	for _, r := range w.ready {
		if r.at.Before(from) || r.at.After(to) {
			continue
		}
		all++
		if !r.ready {
			none++
		}
	}
	return none, all
}
