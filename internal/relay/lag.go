package relay

import (
	"context"
	"sync"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// lags knows up to which time the changes of each family were relayed. With an embedded store this
// node makes every change itself, so it is exact; with a store that others share it is as exact as
// the last look at all partitions.
type lags struct {
	remote bool
	kick   chan struct{} // asks for a look soon

	mu       sync.Mutex
	families map[*model.Family]*familyLag
	unknown  int           // cells (or families, of a remote store) of which nothing is known yet
	ready    chan struct{} // closed when unknown is 0 for the first time
}

type familyLag struct {
	family   *model.Family
	cells    [Shards]lagCell // of an embedded store
	observed time.Time       // every change from before it was relayed; of a remote store
	waiting  *sighting       // of a remote store
}

// lagCell is one shard of a family. Times of zero say that there is nothing.
type lagCell struct {
	known    bool
	pending  time.Time // of the oldest change since the last listing of what lags
	working  time.Time // of the oldest change that is being relayed
	stranded time.Time // of the oldest change that cannot be relayed
}

// sighting is what lagged at one time and has not been seen relayed since.
type sighting struct {
	at   time.Time
	left map[store.Partition]uint64 // versions then
}

func newLags(families []*model.Family, remote bool) *lags {
	l := &lags{remote: remote, kick: make(chan struct{}, 1), families: map[*model.Family]*familyLag{}, ready: make(chan struct{})}
	for _, f := range families {
		l.families[f] = &familyLag{family: f}
	}
	l.unknown = len(families)
	if !remote {
		l.unknown *= Shards
	}
	if l.unknown == 0 {
		close(l.ready)
	}
	return l
}

func (l *lags) follows(f *model.Family) bool { return l.families[f] != nil }

func oldest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// changed notes a change of this node. It counts from now, since it may have been accepted long
// before; a view's change bears the time of the changes that it comes from.
func (l *lags) changed(c *store.Change) {
	f := l.families[c.Partition.Family]
	if f == nil || l.remote {
		return
	}
	at := c.Time
	if c.Partition.Family.View == nil {
		at = time.Now()
	}
	cell := &f.cells[ShardOf(c.Partition.Family.Bucket(c.Partition.Value))]
	l.mu.Lock()
	cell.pending = oldest(cell.pending, at)
	l.mu.Unlock()
}

// cell runs do for one shard of an embedded store.
func (l *lags) cell(f *model.Family, shard int, do func(*lagCell)) {
	if l.remote {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	do(&l.families[f].cells[shard])
}

// take says that what lags is going to be listed.
func (l *lags) take(f *model.Family, shard int) {
	l.cell(f, shard, func(c *lagCell) { c.working, c.pending = oldest(c.working, c.pending), time.Time{} })
}

// found says that a change from this time is being relayed.
func (l *lags) found(f *model.Family, shard int, at time.Time) {
	l.cell(f, shard, func(c *lagCell) {
		if !c.known { // later ones were noted when they were made
			c.working = oldest(c.working, at)
		}
	})
}

// clean says that all that was listed was relayed, but for what is stopped.
func (l *lags) clean(f *model.Family, shard int, stopped map[store.Partition]stop) {
	var stranded time.Time
	for _, s := range stopped {
		stranded = oldest(stranded, s.since)
	}
	l.cell(f, shard, func(c *lagCell) {
		c.working, c.stranded = time.Time{}, stranded
		if !c.known {
			c.known = true
			l.learned()
		}
	})
}

// learned says that one more is known. The lock is held.
func (l *lags) learned() {
	if l.unknown--; l.unknown == 0 {
		select {
		case <-l.ready:
		default:
			close(l.ready)
		}
	}
}

// known tells whether something is known of each family.
func (l *lags) known() bool {
	select {
	case <-l.ready:
		return true
	default:
		return false
	}
}

// saw takes in what lagged in a whole family at a time.
func (l *lags) saw(f *model.Family, at time.Time, lagging []store.Lag, complete bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.families[f]
	if !complete {
		return // what is not listed may lag too
	}
	now := map[store.Partition]store.Lag{}
	for _, lag := range lagging {
		now[lag.Partition] = lag
	}
	before := x.observed
	if x.waiting != nil {
		for p, version := range x.waiting.left {
			if lag, ok := now[p]; !ok || lag.Relayed >= version {
				delete(x.waiting.left, p)
			}
		}
		if len(x.waiting.left) == 0 {
			x.observed, x.waiting = x.waiting.at, nil
		}
	}
	switch {
	case len(lagging) == 0:
		x.observed, x.waiting = at, nil
	case x.waiting == nil:
		x.waiting = &sighting{at, map[store.Partition]uint64{}}
		for _, lag := range lagging {
			x.waiting.left[lag.Partition] = lag.Version
		}
	}
	if before.IsZero() && !x.observed.IsZero() {
		l.learned()
	}
}

// asOf gives a time before which every change of the families was relayed.
func (l *lags) asOf(ctx context.Context, families []*model.Family) (time.Time, bool) {
	const patience = 250 * time.Millisecond
	if !l.known() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-l.ready:
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	now := time.Now()
	at := now
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range families {
		x := l.families[f]
		switch {
		case x == nil:
			return time.Time{}, false
		case l.remote && x.observed.IsZero():
			return time.Time{}, false
		case l.remote:
			at = oldest(at, x.observed)
			continue
		}
		for i := range x.cells {
			c := &x.cells[i]
			if !c.known {
				return time.Time{}, false
			}
			for _, t := range []time.Time{c.pending, c.working, c.stranded} {
				at = oldest(at, t)
			}
		}
	}
	if l.remote && now.Sub(at) > lookAgain {
		select {
		case l.kick <- struct{}{}:
		default:
		}
	}
	return at, true
}

// lookAgain is how old the last look at a shared store may be before a reader of a view asks for
// another one, and the least time between two.
const lookAgain = 100 * time.Millisecond

// look finds what lags without a hint, over all partitions, and wakes those who work on it.
func (r *Relay) look(ctx context.Context) {
	const most = 4096
	unknown := lookAgain // until the next look, as long as nothing is known and so no view can be read
	for {
		for _, f := range r.families {
			at := time.Now()
			known := r.marks.snapshot()
			lagging, err := r.config.Store.Lagging(ctx, f, 0, model.Buckets-1, most)
			if err != nil {
				break // the workers say so
			}
			full := len(lagging) == most
			lagging = overlay(lagging, known)
			if r.lag.remote {
				r.lag.saw(f, at, lagging, !full)
			}
			for _, lag := range lagging {
				r.shards[ShardOf(f.Bucket(lag.Partition.Value))].ask()
			}
		}
		gap := time.NewTimer(min(lookAgain, r.config.Tick))
		select {
		case <-ctx.Done():
			gap.Stop()
			return
		case <-gap.C:
		}
		wait := r.config.Tick
		if !r.lag.known() {
			wait, unknown = min(unknown, wait), 2*unknown
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-r.lag.kick:
			timer.Stop()
		}
	}
}
