package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// flightKey names an answer.
type flightKey struct{ partition, answer string }

// A flight is one load and those who wait for it. While it runs, those whom its result cannot serve
// gather for the next one.
type flight struct {
	key    flightKey
	tag    model.Tag
	loader Loader
	values context.Context // what the load's context carries: that of the first who asked

	// Under the shard's lock.
	start   uint64        // in shard.order; 0: not started, its snapshot is still to come
	useful  time.Duration // how long the result can be of use to those who asked; 0: it is not kept
	fresh   time.Duration // the least that those who asked want; 0: nobody asked yet
	least   uint64        // the greatest minimum version of those who asked
	direct  bool          // somebody asked who must be answered from the store
	shared  bool          // it may be answered from the second tier; set at the start
	refresh bool          // it was started for an answer that is good still
	waiters int
	next    *flight
	rec     *record // pinned if useful
	cell    *cell
	expired bool // the cache was cleared since the start

	done      chan struct{} // closed when what follows is set
	answer    *Answer
	offered   bool    // the answer is the second tier's: its snapshot may be from before the start
	rescue    *Answer // serves as stale, when loading failed
	err       error
	upTo      uint64 // the answer meets every minimum version up to this
	inline    bool   // set by the one who carries it out
	abandoned bool   // it ended with its only reader, and says nothing about the store
}

func newFlight(values context.Context, k flightKey, tag model.Tag, l Loader) *flight {
	return &flight{key: k, tag: tag, loader: l, values: values, done: make(chan struct{})}
}

// tells whether it is known what the flight's result will lack, so that those who arrive after its
// start may wait for it: it has a record pinned that takes in the messages.
func (f *flight) tells() bool { return f.rec != nil && !f.expired }

// launch makes f the running flight of its answer. What comes after it under the lock, or after the
// lock, is after the start: the snapshot too.
func (s *shard) launch(f *flight) {
	s.order++
	f.start = s.order
	f.shared = s.c.tier != nil && !f.direct
	if f.useful > 0 && !s.c.closed.Load() {
		f.rec = s.pin(f.key.partition)
		f.cell = f.rec.track(f.tag)
	}
	s.flights[f.key] = f
	s.c.flights.Add(1) // under the lock, so that Close does not overlook it
	s.c.counts.flying.Add(1)
}

// fly carries out a launched flight in a goroutine of its own.
func (c *Cache) fly(f *flight) {
	go func() {
		ctx, cancel := context.WithTimeout(flightContext{c.base, f.values}, c.loadTimeout)
		defer cancel()
		c.load(ctx, f)
	}()
}

// loadInline carries out a launched flight for the one reader who made it, and ends with ctx.
func (c *Cache) loadInline(ctx context.Context, f *flight) {
	f.inline = true
	if end, ok := ctx.Deadline(); !ok || time.Until(end) > c.loadTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.loadTimeout)
		defer cancel()
	}
	c.load(ctx, f)
}

// flightContext ends with the cache, not with the request whose values it carries.
type flightContext struct {
	context.Context
	values context.Context
}

type sharedKey struct{}

// ForMany tells a Loader whether its load has a context of its own: others than the caller who asked first may wait for it.
func ForMany(ctx context.Context) bool { return ctx.Value(sharedKey{}) != nil }

func (c flightContext) Value(key any) any {
	if key == (sharedKey{}) {
		return true
	}
	if v := c.values.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// load asks the second tier, then the loader, and lands the flight, whatever the loader does.
func (c *Cache) load(ctx context.Context, f *flight) {
	began := time.Now()
	c.checkClock(began)
	var a *Answer
	var v visit
	err := error(fault.Wrap(fault.Internal, errors.New("the loader did not return"), internalText))
	defer func() {
		if p := recover(); p != nil {
			a, err = nil, fault.Wrap(fault.Internal, fmt.Errorf("the loader panicked: %v\n%s", p, debug.Stack()), internalText)
		}
		if !v.landed {
			c.land(ctx, f, a, err, began, v)
		}
		c.leave(f, v)
		c.flights.Done()
	}()
	if v = c.visit(ctx, f); v.landed {
		return
	}
	c.counts.loads.Add(1)
	began = time.Now()
	a, err = f.loader.Load(ctx)
}

const internalText = "Something went wrong on our side; it has been noted. Please try again later."

// land ends a flight with what its loader gave.
func (c *Cache) land(ctx context.Context, f *flight, a *Answer, err error, began time.Time, v visit) {
	switch {
	case err != nil:
		f.err = loadError(ctx, err)
		f.abandoned = f.inline && ctx.Err() != nil
		c.counts.loadErrors.Add(1)
		if fault.Transient(f.err) {
			f.rescue = c.rescue(f, v.share)
		}
	case a == nil:
		f.err = fault.Wrap(fault.Internal, errors.New("the loader returned neither answer nor error"), internalText)
		c.counts.loadErrors.Add(1)
	default:
		f.answer = finished(a, began, v.offer.Asked)
	}
	s := c.shardOf(c.hashPartition(f.key.partition))
	s.mu.Lock()
	c.finish(s, f)
}

// finish ends a flight that has its answer or its error: the answer is kept if it may be, those who
// wait are told, and the next flight starts if somebody waits for it. The shard's lock is held, and
// released.
func (c *Cache) finish(s *shard, f *flight) {
	if f.answer != nil {
		f.upTo = f.answer.Version
	}
	if rec := f.rec; rec != nil {
		if f.answer != nil && !rec.dead {
			rec.filled(f.answer.Version)
			f.upTo = rec.upTo(f.answer.Version, f.cell)
			s.keep(f)
		}
		rec.release(f.cell)
		s.unpin(rec)
	}
	next := f.next
	if next != nil && next.waiters > 0 {
		s.launch(next)
	} else {
		next = nil
		delete(s.flights, f.key)
	}
	c.counts.flying.Add(-1)
	close(f.done)
	s.mu.Unlock()
	if next != nil {
		c.fly(next)
	}
	c.trim()
}

// finished sees to it that an answer is not younger than its snapshot: a time that is missing or lies
// in the future becomes the time when the load began. It notes that the second tier was asked.
func finished(a *Answer, began time.Time, asked bool) *Answer {
	timed := !a.Time.IsZero() && time.Since(a.Time) >= 0
	if timed && !asked {
		return a
	}
	b := *a
	if !timed {
		b.Time = began
	}
	if asked {
		b.Visit = Missed
	}
	return &b
}

// loadError gives a loader's own ending of its context the code that it deserves.
func loadError(ctx context.Context, err error) error {
	if fault.CodeOf(err) == fault.Internal && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return deadline(err)
	}
	return err
}

func deadline(cause error) error {
	return fault.Wrap(fault.Deadline, cause, "The data could not be read in time. Please try again.")
}

// sees tells whether the flight's result is right for a reader who arrived then, wants t, and knows
// of changes up to version known: its snapshot came after the arrival, or it is as fresh and as new
// as the reader asks. The shard's lock is not needed once f is done.
func (f *flight) sees(arrival, known uint64, t Terms) bool {
	if f.upTo < t.Min {
		return false
	}
	if f.offered { // it had every change that was known when it landed
		return t.Fresh > 0 && time.Since(f.answer.Time) <= t.Fresh
	}
	return f.start > arrival || t.Fresh > 0 && f.tells() && f.answer.Version >= known && time.Since(f.answer.Time) <= t.Fresh
}
