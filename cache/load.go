package cache

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Load answers after a look-up that did not. One load serves all who ask for the same answer at the
// same time, as far as its snapshot is right for them: a reader with t.Fresh 0 gets one that began
// after it arrived. Without others, such a reader's load runs in its own goroutine and under its own
// ctx; every other load has a context of its own and goes on when ctx ends.
//
// When loading fails in a way that may pass (fault.Transient), or ctx ends first, the answer at hand
// serves within t.Stale and t.Min, with the outcome Stale. Otherwise the error is the loader's, or
// fault.Deadline when ctx ends, or fault.Behind when the store itself has not reached t.Min, or fault.Overloaded where t.Joins
// is set and nobody loads what would do.
func (c *Cache) Load(ctx context.Context, partition, answer string, tag model.Tag, t Terms, l Loader) (*Answer, Outcome, error) {
	r := reader{c: c, s: c.shardOf(c.hashPartition(partition)), key: flightKey{partition, answer}, terms: t, direct: t.Fresh <= 0}
	r.s.mu.Lock()
	if a := r.atHand(); a != nil { // it landed since the look-up
		r.s.mu.Unlock()
		return a, Hit, nil
	}
	r.arrive(tag)
	for {
		if c.closed.Load() {
			r.s.mu.Unlock()
			return nil, r.outcome(true), fault.New(fault.Unavailable, "The service is stopping. Please try again shortly.")
		}
		f, mine, start := r.board(ctx, tag, l)
		r.s.mu.Unlock()
		if f == nil {
			return r.fallBack(r.outcome(true), notBegun(), nil)
		}
		if start && t.Fresh <= 0 {
			c.loadInline(ctx, f)
		} else if start {
			c.fly(f)
		}
		if err := r.wait(ctx, f); err != nil {
			return r.fallBack(r.outcome(mine), err, nil)
		}
		switch {
		case f.abandoned && !mine:
		case f.err != nil:
			return r.fallBack(r.outcome(mine), f.err, f.rescue)
		case f.sees(r.arrival, r.known, t):
			if !mine {
				c.counts.joins.Add(1)
			}
			if mine && f.offered {
				return f.answer, Shared, nil
			}
			return f.answer, r.outcome(mine), nil
		case f.offered: // good enough for others
			r.direct = true
		case f.start > r.arrival: // nothing newer is to be had, and it is not new enough
			return r.fallBack(r.outcome(mine), behind(), nil)
		}
		r.s.mu.Lock()
	}
}

// Refresh loads an answer again in the background, unless it is gone or being loaded already. It
// returns at once.
func (c *Cache) Refresh(partition, answer string, tag model.Tag, l Loader) {
	k := flightKey{partition, answer}
	s := c.shardOf(c.hashPartition(partition))
	s.mu.Lock()
	e := s.entry(k)
	if e == nil || s.flights[k] != nil || c.closed.Load() {
		s.mu.Unlock()
		return
	}
	f := newFlight(context.Background(), k, tag, l)
	f.useful, f.refresh = e.keep, true
	s.launch(f)
	s.mu.Unlock()
	c.counts.refreshes.Add(1)
	c.fly(f)
}

func (c *Cache) hashPartition(partition string) uint64 { return maphash.String(c.seed, partition) }

// A reader is one call of Load.
type reader struct {
	c       *Cache
	s       *shard
	key     flightKey
	terms   Terms
	arrival uint64 // in shard.order
	known   uint64 // an answer from this version on has every change that was known on arrival
	direct  bool   // only an answer from the store will do
}

// arrive notes what the reader may expect. The shard's lock is held.
func (r *reader) arrive(tag model.Tag) {
	r.s.order++
	r.arrival = r.s.order
	if rec := r.s.records[r.key.partition]; rec != nil {
		r.known = rec.needs(tag)
	}
}

// atHand returns the cached answer if it meets the terms. The shard's lock is held.
func (r *reader) atHand() *Answer {
	if r.terms.Fresh <= 0 {
		return nil
	}
	e := r.s.entry(r.key)
	if e == nil {
		return nil
	}
	a, left := e.meets(r.terms)
	if a != nil {
		e.touch()
		r.c.counts.hit(left)
	}
	return a
}

// board finds the flight that may serve the reader, or makes it. mine: the reader made it.
// start: the reader has to carry it out. There is none where the reader only joins others. The shard's lock is held.
func (r *reader) board(ctx context.Context, tag model.Tag, l Loader) (f *flight, mine, start bool) {
	useful := max(r.terms.Fresh, r.terms.Stale, 0)
	running := r.s.flights[r.key]
	switch {
	case r.terms.Joins && (running == nil || running.next == nil && !r.joins(running)):
		return nil, false, false
	case running == nil:
		f, mine, start = newFlight(ctx, r.key, tag, l), true, true
		f.useful, f.direct = useful, r.direct
		r.s.launch(f)
	case r.joins(running):
		f = running
	default:
		if running.next == nil {
			mine = true
			running.next = newFlight(ctx, r.key, tag, l)
		}
		f = running.next
		f.direct = f.direct || r.direct
		f.waiters++
	}
	f.useful = max(f.useful, useful)
	f.least = max(f.least, r.terms.Min)
	if fresh := r.terms.Fresh; fresh > 0 && (f.fresh <= 0 || fresh < f.fresh) {
		f.fresh = fresh
	}
	if mine {
		r.count()
	}
	return f, mine, start
}

// joins tells whether the reader may wait for a flight that is under way. The shard's lock is held.
func (r *reader) joins(f *flight) bool {
	return (f.start > r.arrival || r.terms.Fresh > 0 && f.tells()) && !(r.direct && f.shared)
}

func (r *reader) count() {
	if r.terms.Fresh > 0 {
		r.c.counts.misses.Add(1)
	} else {
		r.c.counts.bypasses.Add(1)
	}
}

func (r *reader) outcome(mine bool) Outcome {
	switch {
	case !mine:
		return Joined
	case r.terms.Fresh > 0:
		return Miss
	}
	return Bypass
}

// wait returns nil when f is done, an error when ctx ends first: the flight goes on without it.
func (r *reader) wait(ctx context.Context, f *flight) error {
	select {
	case <-f.done:
		return nil
	default:
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		r.s.mu.Lock()
		f.waiters--
		r.s.mu.Unlock()
		return deadline(ctx.Err())
	}
}

// fallBack answers when loading failed: with what is at hand if it will do, or with what the second
// tier had, if any; else with the error.
func (r *reader) fallBack(o Outcome, err error, rescue *Answer) (*Answer, Outcome, error) {
	if !fault.Transient(err) || errors.Is(err, context.Canceled) {
		return nil, o, err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if a := r.atHand(); a != nil {
		return a, Hit, nil
	}
	if e := r.s.entry(r.key); e != nil {
		if a := e.helps(r.terms); a != nil {
			e.touch()
			r.c.counts.stales.Add(1)
			return a, Stale, nil
		}
	}
	if rescue != nil && time.Since(rescue.Time) <= r.terms.Stale && rescue.Version >= r.terms.Min {
		r.c.counts.stales.Add(1)
		return rescue, Stale, nil
	}
	return nil, o, err
}

func notBegun() error {
	return fault.New(fault.Overloaded, "Nothing is loaded for this just now. Please try again shortly.")
}

func behind() error {
	err := fault.New(fault.Behind, "The version that Partita-Min-Version asks for is not here yet. Please try again shortly.")
	err.RetryAfter = time.Second
	return err
}
