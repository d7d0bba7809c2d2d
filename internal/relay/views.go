package relay

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// ViewsConfig is what Views are made of. Books and Store are required.
type ViewsConfig struct {
	Books  *work.Books
	Store  store.Store
	Logger *slog.Logger // default slog.Default()
	// Chunk is the number of partitions of the source that are read at once while a view is built.
	// Default 100.
	Chunk int
}

// Views keeps the views of a model up to date: it is the Consumer of the entities that they are made
// from. It is safe for concurrent use.
type Views struct {
	config  ViewsConfig
	plans   []*plan
	by      map[*model.Family][]*plan // by the source's family
	since   *model.Read
	build   *model.Read
	places  buildPlaces
	builder chan struct{} // a place for each shard that may build at the same time

	mu        sync.Mutex
	states    map[*plan]*[Shards]buildState
	refreshed time.Time // when the states were last read

	superseded atomic.Bool
	sources    sourcesKnown
}

// NewViews makes Views. Prepare has to be called before they are used.
func NewViews(c ViewsConfig) *Views {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Chunk <= 0 {
		c.Chunk = 100
	}
	v := &Views{config: c, by: map[*model.Family][]*plan{}, states: map[*plan]*[Shards]buildState{},
		since: work.Row(c.Books.Since), build: work.Row(c.Books.Build), places: buildPlacesOf(c.Books.Build),
		builder: make(chan struct{}, 2)}
	of := map[*model.View]*plan{}
	for _, view := range c.Books.Store.Views {
		p := newPlan(c.Books, view)
		of[view] = p
		v.plans = append(v.plans, p)
		v.by[view.From.Family] = append(v.by[view.From.Family], p)
		v.states[p] = &[Shards]buildState{}
	}
	for _, p := range v.plans {
		for source := p.view.From.View; source != nil; source = source.From.View {
			p.parents = append(p.parents, of[source])
		}
	}
	return v
}

// Wants tells whether a view is made from entities of the family.
func (v *Views) Wants(f *model.Family) bool { return len(v.by[f]) > 0 }

// gathered is what the changes of a batch do to views.
type gathered struct {
	applications map[target]*application
	follows      map[store.Partition][]follow // by place in Views.by
}

type target struct {
	plan  *plan
	value model.Value
}

// follow says from where a view follows a source partition.
type follow struct {
	skip  bool   // it was not reached yet by the building of the view
	since uint64 // changes up to this version are in it
}

// Follow adds what a change does to views.
func (v *Views) Follow(ctx context.Context, c *store.Change, b *Batch) error {
	plans := v.by[c.Partition.Family]
	g := Keep(b, "views", func() *gathered {
		return &gathered{map[target]*application{}, map[store.Partition][]follow{}}
	})
	follows, ok := g.follows[c.Partition]
	if !ok {
		var err error
		if follows, err = v.follows(ctx, c.Partition, plans); err != nil {
			return err
		}
		g.follows[c.Partition] = follows
	}
	if c.Foreign {
		return &laterModel{version: c.Version, revision: c.Revision}
	}
	for i, p := range plans {
		if f := follows[i]; f.skip || c.Version <= f.since {
			continue
		}
		for j := range c.Rows {
			// Expiry is no deletion: views keep what they counted.
			if r := &c.Rows[j]; r.Entity == p.view.From && !r.Expired {
				v.change(g, b, p, c, r)
			}
		}
	}
	return nil
}

// change adds what the change of one row does to one view: where it was and where it is now. A row
// that moves is two applications that know nothing of each other.
func (v *Views) change(g *gathered, b *Batch, p *plan, c *store.Change, r *model.RowChange) {
	from, was := p.placeOf(r.Before)
	to, is := p.placeOf(r.After)
	stays := was && is && from.same(to)
	if p.folded == nil {
		if was && !stays {
			v.step(g, b, p, c, from.target, viewStep{key: from.key})
		}
		if is {
			values := p.shown(to, r.After)
			if !stays || !slices.Equal(values, p.shown(from, r.Before)) {
				v.step(g, b, p, c, to.target, viewStep{key: to.key, values: values})
			}
		}
		return
	}
	if stays {
		d := p.newDelta()
		p.count(d, r.Before, -1)
		p.count(d, r.After, 1)
		if !d.none() {
			v.step(g, b, p, c, to.target, viewStep{key: to.key, delta: d})
		}
		return
	}
	if was {
		d := p.newDelta()
		p.count(d, r.Before, -1)
		v.step(g, b, p, c, from.target, viewStep{key: from.key, delta: d})
	}
	if is {
		d := p.newDelta()
		p.count(d, r.After, 1)
		v.step(g, b, p, c, to.target, viewStep{key: to.key, delta: d})
	}
}

func (v *Views) step(g *gathered, b *Batch, p *plan, c *store.Change, value model.Value, s viewStep) {
	a := g.applications[target{p, value}]
	if a == nil {
		a = newApplication(p, value, v.config.Books.Store.Revision)
		g.applications[target{p, value}] = a
		b.Add(a.write)
	}
	s.version = c.Version
	a.add(a.of(c.Partition, c.Time), s)
}

// Settle holds the partitions back whose applications failed.
func (v *Views) Settle(_ context.Context, b *Batch) error {
	g := Kept[*gathered](b, "views")
	if g == nil {
		return nil
	}
	for _, a := range g.applications {
		if err := a.write.Result.Err; err != nil {
			for _, c := range a.order {
				b.Hold(c.source, fmt.Errorf("the view %s cannot take it: %w", a.plan.view.Name, err))
			}
		}
	}
	return nil
}

// Turn goes on building views in a shard.
func (v *Views) Turn(ctx context.Context, s Shard) (time.Duration, error) {
	next := time.Hour
	if v.config.Store.Info().Remote && v.due() { // another node may have begun something
		if err := v.refresh(ctx); err != nil {
			return 0, err
		}
	}
	for _, p := range v.plans {
		switch state := v.state(p, s.Index); state.state {
		case work.Settled:
			continue
		case work.Built:
			again, err := v.settle(ctx, p, s)
			if err != nil {
				return 0, err
			}
			next = min(next, again)
			continue
		}
		select {
		case v.builder <- struct{}{}:
		default:
			next = min(next, 20*time.Millisecond)
			continue
		}
		again, err := v.advance(ctx, p, s)
		<-v.builder
		if err != nil {
			return 0, err
		}
		next = min(next, again)
	}
	return next, nil
}

// AsOf gives a point in time before which every change of its sources is in a view, as far as relay
// knows. The error, fault.Unavailable, says that it cannot be told.
func (v *Views) AsOf(ctx context.Context, relay *Relay, view *model.View) (time.Time, error) {
	p := v.planOf(view)
	if p == nil {
		return time.Time{}, fault.New(fault.Internal, "There is no view %s.", view.Name)
	}
	for _, x := range append([]*plan{p}, p.parents...) {
		if share, whole := v.share(ctx, x); !whole {
			err := fault.New(fault.Unavailable, "The view %s is being built from rows that were there before it, and is done by %d %%. "+
				"Please try again later.", x.view.Name, int(100*share))
			err.RetryAfter = 5 * time.Second
			return time.Time{}, err
		}
	}
	at, ok := relay.AsOf(ctx, p.chain...)
	if !ok {
		err := fault.New(fault.Unavailable, "The view %s is catching up with changes that were made while nobody followed them. "+
			"Please try again shortly.", view.Name)
		err.RetryAfter = time.Second
		return time.Time{}, err
	}
	return at, nil
}

func (v *Views) planOf(view *model.View) *plan {
	for _, p := range v.plans {
		if p.view == view {
			return p
		}
	}
	return nil
}

// commit carries out writes, in pieces, and gives the first error.
func (v *Views) commit(ctx context.Context, ws ...*store.Write) error {
	const piece = 128
	for some := range slices.Chunk(ws, piece) {
		v.config.Store.Commit(ctx, some...)
		for _, w := range some {
			if w.Result.Err != nil {
				return w.Result.Err
			}
		}
	}
	return nil
}
