package relay

import (
	"cmp"
	"slices"
	"time"
)

// EndpointFigures is how an endpoint is, by what this node knows.
type EndpointFigures struct {
	Target             string
	Pending, Dead      int           // in the shards that this node holds; of very many not all are counted
	Oldest             time.Duration // since the oldest pending event happened; 0: there is none
	Attempts, Failures uint64        // by this node
	Failed             string        // why the last attempt of this node failed; "" where it did not
}

// Figures gives the figures of all endpoints, and of the relay's own jobs where there are any.
func (e *Events) Figures() []EndpointFigures {
	counts := map[string]Count{}
	e.mu.Lock()
	desks := e.desks
	e.mu.Unlock()
	for _, d := range desks {
		if d == nil || !d.held() {
			continue
		}
		d.mu.Lock()
		for lane, n := range d.counts {
			c := counts[lane]
			c.Pending, c.Dead = c.Pending+n.Pending, c.Dead+n.Dead
			if c.Oldest.IsZero() || !n.Oldest.IsZero() && n.Oldest.Before(c.Oldest) {
				c.Oldest = n.Oldest
			}
			counts[lane] = c
		}
		d.mu.Unlock()
	}
	var out []EndpointFigures
	for _, x := range e.config.Endpoints {
		f := e.figures(x.Target, counts[x.Lane])
		f.Attempts, f.Failures = x.attempts.Load(), x.failures.Load()
		if failed := x.failed.Load(); failed != nil {
			f.Failed = *failed
		}
		out = append(out, f)
		delete(counts, x.Lane)
	}
	for lane, c := range counts {
		if c.Pending+c.Dead > 0 {
			out = append(out, e.figures(lane, c))
		}
	}
	slices.SortStableFunc(out, func(a, b EndpointFigures) int { return cmp.Compare(a.Target, b.Target) })
	return out
}

func (e *Events) figures(target string, c Count) EndpointFigures {
	f := EndpointFigures{Target: target, Pending: c.Pending, Dead: c.Dead}
	if !c.Oldest.IsZero() {
		f.Oldest = max(e.now().Sub(c.Oldest), 0)
	}
	return f
}
