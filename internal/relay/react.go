package relay

import (
	"context"
	"time"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store"
)

// reaction is what a list of events leads to.
type reaction struct {
	jobs []*Job // to be kept: those for endpoints, those that are due later, dead letters
	held map[store.Partition]hold
	done []*occurrence // that need not come again
}

// react carries out the writes that follow events, and says what else has to happen. Events of one
// partition must come in their order.
func (e *Events) react(ctx context.Context, list []*occurrence) *reaction {
	r := &reaction{held: map[store.Partition]hold{}}
	var now []*occurrence
	for _, o := range list {
		if o.declared.Then != nil && (o.declared.After == 0 || o.job != nil) {
			now = append(now, o)
		}
	}
	if len(now) > 0 {
		f := &following{events: e, ctx: ctx, held: r.held, last: map[pair]*store.Write{}, state: map[*occurrence]*progress{}}
		r.jobs = f.all(now)
	}
	for _, o := range list {
		if h, ok := r.held[o.source]; ok && o.Version >= h.version {
			continue
		}
		r.done = append(r.done, o)
		switch {
		case o.onlyThen:
		case o.declared.After > 0 && o.job == nil:
			r.jobs = append(r.jobs, &Job{Event: o.Event, Lane: laneLater, Target: "later", State: work.Pending,
				Due: o.Time.Add(o.declared.After)})
		default:
			r.jobs = append(r.jobs, e.deliveries(o)...)
		}
	}
	return r
}

// overdue makes an occurrence of a job of the relay's own.
func (e *Events) overdue(j *Job) (*occurrence, bool) {
	f, declared := e.families[j.Family], e.events[j.Name]
	if f == nil || declared == nil {
		return nil, false
	}
	v, err := f.By.Parse(j.Partition)
	if err != nil {
		return nil, false
	}
	return &occurrence{Event: j.Event, declared: declared, source: store.Partition{Family: f, Value: v},
		index: indexOf(j.ID), job: j, onlyThen: j.Lane == laneThen}, true
}

// letter makes the dead letter of a write that follows an event.
func (o *occurrence) letter(reason string, now time.Time) *Job {
	return &Job{Event: o.Event, Lane: laneThen, Target: "then " + o.declared.Then.Write.Name, State: work.Dead,
		Due: now, Attempts: 1, Error: short(reason)}
}
