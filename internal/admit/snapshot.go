package admit

import (
	"time"

	"github.com/partita-dev/partita/model"
)

// Figures are what a gate does: a Gate before the store, or the Door.
type Figures struct {
	Limit      int64     `json:"limit"`      // how much is let in at once, now
	Inside     int64     `json:"inside"`     // how much is
	Waiting    int64     `json:"waiting"`    // how many wait
	Overloaded bool      `json:"overloaded"` // more comes than can be done
	Service    float64   `json:"service"`    // seconds that one takes, lately; 0 for the Door
	Classes    []Class   `json:"classes"`    // by priority, critical ones first
	Refusals   []Refusal `json:"refusals"`   // where there were any
}

// Class is what a gate did with those of one priority, since the start.
type Class struct {
	Priority string  `json:"priority"`
	Waited   uint64  `json:"waited"` // had to wait
	Wait     float64 `json:"wait"`   // seconds that those waited who were let in, in all
	Refused  uint64  `json:"refused"`
	Shed     uint64  `json:"shed"` // were let in for an old answer only
}

// Refusal counts those who were not let in.
type Refusal struct {
	Priority string `json:"priority"`
	Reason   string `json:"reason"` // full or late
	Count    uint64 `json:"count"`
}

// DoorFigures are what the Door does.
type DoorFigures struct {
	Figures
	Requests    uint64 `json:"requests"`    // that came to it, since the start
	Connections int64  `json:"connections"` // open
}

// PriorityName names a priority as models do.
func PriorityName(p model.Priority) string { return [...]string{"bulk", "normal", "critical"}[p] }

// Figures gives what the Gate does. A nil Gate does nothing.
func (g *Gate) Figures() Figures {
	if g == nil {
		return Figures{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	f := Figures{Limit: g.limit.Load(), Inside: g.inside.Load(), Waiting: g.waiting.Load(), Overloaded: g.standing(time.Now()),
		Service: time.Duration(g.service.Load()).Seconds()}
	f.add(&g.counts)
	return f
}

// Figures gives what the Door does. A nil Door does nothing.
func (d *Door) Figures() DoorFigures {
	if d == nil {
		return DoorFigures{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := DoorFigures{Requests: d.passed.Load(), Connections: d.open.Load(), Figures: Figures{Limit: int64(d.config.Inside), Inside: d.inside.Load(),
		Waiting: d.held.Load(), Overloaded: d.standingFrom(0, time.Now())}}
	f.add(&d.counts)
	return f
}

// counts are what both kinds of gates count.
type counts struct {
	waited  [priorities]uint64
	wait    [priorities]time.Duration // of those who were let in, in all
	refused [priorities][reasons]uint64
	shed    [priorities]uint64
}

func (f *Figures) add(c *counts) {
	for p := model.Critical; ; p-- {
		one := Class{Priority: PriorityName(p), Waited: c.waited[p], Wait: c.wait[p].Seconds(), Shed: c.shed[p]}
		for r, n := range c.refused[p] {
			one.Refused += n
			if n > 0 {
				f.Refusals = append(f.Refusals, Refusal{PriorityName(p), Reason(r).String(), n})
			}
		}
		f.Classes = append(f.Classes, one)
		if p == model.Bulk {
			return
		}
	}
}
