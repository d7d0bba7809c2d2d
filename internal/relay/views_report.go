package relay

import (
	"context"
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// ViewStatus is how a view is.
type ViewStatus struct {
	View  string  `json:"view"`
	From  string  `json:"from"`
	State string  `json:"state"` // ready, building or clearing; new where no service has begun with it
	Built float64 `json:"built"` // share of the sources that were read; 1 for one that is ready
	// Lag is how long ago the oldest change was made that is not in the view yet, in seconds; 0 where
	// there is none.
	Lag float64 `json:"lag"`
}

// Status tells how every view is, from what this node knows.
func (v *Views) Status(ctx context.Context, r *Relay) []ViewStatus {
	out := make([]ViewStatus, len(v.plans))
	for i, p := range v.plans {
		share, _ := v.share(ctx, p)
		out[i] = ViewStatus{View: p.view.Name, From: p.view.From.Name, State: v.word(p), Built: share}
		if at, ok := r.AsOf(ctx, p.chain...); ok {
			out[i].Lag = max(0, time.Since(at).Seconds())
		}
	}
	return out
}

// word sums up the states of a view's shards.
func (v *Views) word(p *plan) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	word := "ready"
	for _, s := range v.states[p] {
		switch {
		case s.definition != p.definition:
			return "new"
		case s.state == work.Clearing || s.state == work.Cleared:
			word = "clearing"
		case s.state == work.Building && word == "ready":
			word = "building"
		}
	}
	return word
}

// ViewReport is what Inspect finds of a view.
type ViewReport struct {
	ViewStatus
	Rows    int `json:"rows"`
	Lagging int `json:"lagging"` // partitions with changes that are not in it yet, up to 1000

	// The rest is of a comparison.
	Compared    bool     `json:"compared"`
	Partly      bool     `json:"partly,omitempty"` // of the rows in Aged not all can be compared
	Aged        int      `json:"aged,omitempty"`   // rows of a fold that count rows of the source which have expired since
	Why         string   `json:"why,omitempty"`    // it was not compared
	Kept        int      `json:"kept,omitempty"`
	Differences int      `json:"differences"`
	Examples    []string `json:"examples,omitempty"` // of differences, at most ten
}

// Inspect tells how the views of a store are that no service uses, and how many rows they have. With
// compare, each is made anew from its source, in memory or row by row, and compared. progress may be
// nil; it is called with the number of rows that were looked at.
func (v *Views) Inspect(ctx context.Context, compare bool, progress func(view string, rows int)) ([]ViewReport, error) {
	if err := v.refresh(ctx); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string, int) {}
	}
	var out []ViewReport
	for _, p := range v.plans {
		share, whole := v.built(p)
		r := ViewReport{ViewStatus: ViewStatus{View: p.view.Name, From: p.view.From.Name, State: v.word(p), Built: share}}
		var err error
		if r.Lagging, r.Lag, err = v.behind(ctx, p); err != nil {
			return nil, err
		}
		err = v.scan(ctx, p.rows, func([]*model.Row) error { return nil }, func(n int) { r.Rows += n; progress(p.view.Name, r.Rows) })
		if err != nil {
			return nil, err
		}
		switch {
		case !compare:
		case r.State == "new":
			r.Why = "no service has begun with it: serve the model"
		case !whole:
			r.Why = "it is not built yet: serve the model until it is"
		case r.Lagging > 0:
			r.Why = "changes are not in it yet: serve the model until they are"
		default:
			c := &comparison{views: v, plan: p, report: &r, progress: progress}
			if err := c.run(ctx); err != nil {
				return nil, err
			}
			r.Compared = true
		}
		out = append(out, r)
	}
	return out, nil
}

// behind counts the partitions, of all that a view is made from, that lag, and tells for how long.
func (v *Views) behind(ctx context.Context, p *plan) (n int, lag float64, err error) {
	const most, looked = 1000, 100
	var first time.Time
	for _, f := range p.chain {
		lagging, err := v.config.Store.Lagging(ctx, f, 0, model.Buckets-1, most)
		if err != nil {
			return 0, 0, err
		}
		n += len(lagging)
		for _, l := range lagging[:min(looked, len(lagging))] {
			changes, err := v.config.Store.Changes(ctx, l.Partition, l.Relayed, 1)
			if err != nil {
				return 0, 0, err
			}
			for _, c := range changes {
				first = oldest(first, c.Time)
			}
		}
	}
	if !first.IsZero() {
		lag = max(0, time.Since(first).Seconds())
	}
	return min(n, most), lag, nil
}

// scan goes through all rows of an entity, page by page.
func (v *Views) scan(ctx context.Context, e *model.Entity, do func([]*model.Row) error, count func(int)) error {
	const page = 1000
	for after := []model.Value(nil); ; {
		rows, err := v.config.Store.Scan(ctx, e, after, page)
		if err != nil {
			return err
		}
		if err := do(rows); err != nil {
			return err
		}
		count(len(rows))
		if len(rows) < page {
			return nil
		}
		last := rows[len(rows)-1]
		after = append([]model.Value{last.Values[0]}, e.KeyOf(last)...)
	}
}

// Alone keeps services away from the change log of a shared store for as long as a comparison takes. ok
// is false where one is running. Call leave at the end.
func Alone(ctx context.Context, s store.Store, holder string) (leave func(), ok bool, err error) {
	const lease = 10 * time.Second
	held, err := s.Lease(ctx, holder, lease, leaseNames()...)
	if err != nil {
		return nil, false, err
	}
	keep, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		every := time.NewTicker(lease / 3)
		defer every.Stop()
		for {
			select {
			case <-keep.Done():
				return
			case <-every.C:
				s.Lease(keep, holder, lease, leaseNames()...) //nolint:errcheck // one that fails is not needed: the next is in time
			}
		}
	})
	leave = func() {
		stop()
		wg.Wait()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		s.Unlease(last, holder, leaseNames()...) //nolint:errcheck // what is not given back ends by itself
	}
	if len(held) < Shards {
		leave()
		return nil, false, nil
	}
	return leave, true, nil
}
