package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// GuardConfig is what a Guard is made of. Store, Board and Setup are required.
type GuardConfig struct {
	Store store.Store
	Board *Board
	Setup Setup
	// Timeout bounds calls that come without a deadline. Default: 10 s.
	Timeout time.Duration
	// Room gives the free bytes of the store's own disk; negative: not known. Default: not known.
	Room func() int64
}

// Guard is a store that is not asked while it is away: reads and writes are then refused at once, with
// a Retry-After that spreads those who come again. It says on the Board how the store is. Nobody waits for it
// beyond their deadline. It is safe for concurrent use.
//
// Reads and writes have a breaker each, since a store can be unable to do one of them. What follows
// commits is let through: it has its own patience.
type Guard struct {
	store.Store
	config        GuardConfig
	remote        bool
	reads, writes *Breaker

	late     atomic.Uint64 // calls that ran out of time
	full     atomic.Int64  // when the store last said that its disk is full, in Unix nanoseconds; 0: it is not
	changing sync.Mutex
	slowed   time.Time // when calls last ran out of time
	counted  uint64    // of late, by then
	room     int64     // when it was full
}

// Indexes implements store.Indexed where the store does; where it does not, it gives none.
func (g *Guard) Indexes(ctx context.Context) ([]store.IndexUse, error) {
	s, ok := g.Store.(store.Indexed)
	if !ok {
		return nil, nil
	}
	ctx, cancel := g.bounded(ctx)
	defer cancel()
	return s.Indexes(ctx)
}

// NewGuard makes a Guard. Run makes it work.
func NewGuard(c GuardConfig) *Guard {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Room == nil {
		c.Room = func() int64 { return -1 }
	}
	g := &Guard{Store: c.Store, config: c, remote: c.Store.Info().Remote}
	patience := min(time.Second, c.Timeout/3)
	changed := func(error) { g.say() }
	g.reads = NewBreaker(BreakerConfig{Probe: g.probeRead, Patience: patience, Changed: changed})
	g.writes = NewBreaker(BreakerConfig{Probe: g.probeWrite, Patience: patience, Changed: changed})
	c.Board.Set(Store, OK, "")
	return g
}

// Run watches the store until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { g.reads.Run(ctx) })
	work.Go(func() { g.writes.Run(ctx) })
	defer work.Wait()
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			g.say()
		}
	}
}

// place is a partition that nobody has, for probes.
func (g *Guard) place() store.Partition {
	f := g.config.Setup.Model.Families[0]
	v := model.String("partita probe")
	switch f.By.Type.Kind {
	case model.KindUUID:
		v = model.String("00000000-0000-0000-0000-000000000000")
	case model.KindInt:
		v = model.Int(-1 << 62)
	}
	return store.Partition{Family: f, Value: v}
}

// probeRead looks for a head, and does not wait for one that hangs.
func (g *Guard) probeRead(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		_, err := g.Store.Head(ctx, g.place())
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, ctx.Err(), "The store did not answer.")
	}
}

// probeWrite commits a write that changes nothing.
func (g *Guard) probeWrite(ctx context.Context) error {
	w := &store.Write{Partition: g.place(), Now: time.Now().UTC(), Name: "probe", Leave: true, Apply: func(store.Tx) ([]byte, error) { return nil, nil }}
	g.Store.Commit(ctx, w)
	if w.Left {
		return fault.Wrap(fault.Deadline, ctx.Err(), "The store did not answer.")
	}
	return w.Result.Err
}

// noAnswer is what readers are told while the store is away.
const noAnswer = "The store is away, and the cache has no answer that would do. Try again shortly."

// ask makes one call that reads.
func ask[T any](ctx context.Context, g *Guard, f func(context.Context) (T, error)) (T, error) {
	var none T
	cut := g.reads.begin()
	if cut == nil {
		return none, g.refusal(g.reads, noAnswer)
	}
	ctx, cancel := g.bounded(ctx)
	defer cancel()
	if g.remote {
		defer context.AfterFunc(cut, cancel)()
	}
	v, err := f(ctx)
	if err = g.read(err); err != nil {
		return none, err
	}
	return v, nil
}

// read takes in how a call that reads ended, and gives what its caller is told.
func (g *Guard) read(err error) error {
	g.reads.end(err)
	if err == nil || fault.CodeOf(err) != fault.Deadline {
		return err
	}
	g.late.Add(1)
	if _, cause := g.reads.Away(); cause != nil {
		return g.refusal(g.reads, noAnswer)
	}
	return err
}

// bounded gives every call a deadline. A remote store is told when its caller has gone.
func (g *Guard) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); !ok {
		return context.WithTimeout(ctx, g.config.Timeout)
	}
	if g.remote {
		return context.WithCancel(ctx)
	}
	return ctx, func() {}
}

// Read implements store.Store.
func (g *Guard) Read(ctx context.Context, p store.Partition, q *store.Query) (*store.Result, error) {
	if !g.remote { // the same as ask, at the cost of nothing
		if g.reads.begin() == nil {
			return nil, g.refusal(g.reads, noAnswer)
		}
		r, err := g.Store.Read(ctx, p, q)
		return r, g.read(err)
	}
	return ask(ctx, g, func(ctx context.Context) (*store.Result, error) { return g.Store.Read(ctx, p, q) })
}

// Head implements store.Store.
func (g *Guard) Head(ctx context.Context, p store.Partition) (uint64, error) {
	return ask(ctx, g, func(ctx context.Context) (uint64, error) { return g.Store.Head(ctx, p) })
}

// Outcome implements store.Store.
func (g *Guard) Outcome(ctx context.Context, p store.Partition, hash [32]byte) (*store.Outcome, error) {
	return ask(ctx, g, func(ctx context.Context) (*store.Outcome, error) { return g.Store.Outcome(ctx, p, hash) })
}

// Changes implements store.Store.
func (g *Guard) Changes(ctx context.Context, p store.Partition, after uint64, limit int) ([]*store.Change, error) {
	return ask(ctx, g, func(ctx context.Context) ([]*store.Change, error) { return g.Store.Changes(ctx, p, after, limit) })
}

// Stats implements store.Store. It is not counted: figures are for people.
func (g *Guard) Stats(ctx context.Context) (store.Stats, error) {
	if _, cause := g.reads.Away(); cause != nil {
		return store.Stats{}, g.refusal(g.reads, "The store is away.")
	}
	return g.Store.Stats(ctx)
}

// Commit implements store.Store. What still waits in the queue when the store is found to be away is
// refused then.
func (g *Guard) Commit(ctx context.Context, ws ...*store.Write) {
	const away = "The store is away; nothing was changed. Try again shortly."
	cut := g.writes.begin()
	if cut == nil {
		err := g.refusal(g.writes, away)
		for _, w := range ws {
			w.Result = store.WriteResult{Err: err}
		}
		return
	}
	if g.remote {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer context.AfterFunc(cut, cancel)()
		defer cancel()
	}
	g.Store.Commit(ctx, ws...)
	g.writes.end(g.judge(ws))
	if _, cause := g.writes.Away(); cause == nil {
		return
	}
	for _, w := range ws {
		if !w.Left && !w.Result.Unknown && fault.CodeOf(w.Result.Err) == fault.Deadline {
			w.Result.Err = g.refusal(g.writes, away)
		}
	}
}

// judge tells what the results of a Commit say about the store: the best counts.
func (g *Guard) judge(ws []*store.Write) (verdict error) {
	for _, w := range ws {
		if w.Left {
			g.late.Add(1)
			verdict = fault.New(fault.Deadline, "The store did not answer in time.")
			continue
		}
		switch err := w.Result.Err; fault.CodeOf(err) {
		case fault.Unavailable:
			if trouble, ok := errors.AsType[store.Trouble](err); ok && trouble == store.Full {
				g.filled()
				return nil // it answers
			}
			verdict = err
		case fault.Deadline:
			g.late.Add(1)
			verdict = err
		case fault.Overloaded:
			verdict = err
		default:
			if err == nil && w.Result.Change != nil && g.full.Load() != 0 {
				g.full.Store(0)
			}
			return nil
		}
	}
	return verdict
}

// filled notes that the store's disk is full.
func (g *Guard) filled() {
	if g.full.Swap(time.Now().UnixNano()) == 0 {
		g.changing.Lock()
		g.room = g.config.Room()
		g.changing.Unlock()
		g.say()
	}
}

// refusal is what a caller is told while the store is away. The longer that is so, the later callers are
// asked to come again, each at another time.
func (g *Guard) refusal(b *Breaker, text string) error {
	since, cause := b.Away()
	err := fault.Wrap(fault.Unavailable, cause, "%s", text)
	least := min(max(time.Since(since)/4, time.Second), 15*time.Second)
	err.RetryAfter = least + rand.N(2*least)
	return err
}
