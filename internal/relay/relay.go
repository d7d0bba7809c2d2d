// Package relay follows the change log and carries out what comes after a commit: views and folds,
// writes in other partitions, deliveries. Every effect is recorded where it takes place, so that it
// happens once although the relay may see a change more than once (PROTOCOL rules 18–22).
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Shards is the number of parts that the buckets are dealt out in; one node at a time works on each.
const Shards = 16

// Config is what a Relay is made of. Books, Store and Node are required.
type Config struct {
	Books     *work.Books
	Store     store.Store
	Node      string // names this node among those that share the store
	Consumers []Consumer
	Logger    *slog.Logger  // default slog.Default()
	LeaseTime time.Duration // how long a dead node's shards stay idle; default 3 s
	Tick      time.Duration // how often work is looked for without a hint; default 1 s
}

// Consumer turns changes into effects. Its methods are called by one goroutine per shard; changes of
// one partition come in the order of their versions.
type Consumer interface {
	// Wants tells whether the changes of a family matter to it.
	Wants(f *model.Family) bool
	// Follow adds the effects of a change to the batch. An error that is transient stops the
	// partition until the next try; any other is a defect, is logged, and the change is passed over
	// by this consumer.
	Follow(ctx context.Context, c *store.Change, b *Batch) error
	// Settle is called when all writes of the batch have their results, in the order of consumers,
	// before the changes count as relayed. It may commit more. An error stops the whole batch.
	Settle(ctx context.Context, b *Batch) error
	// Turn is called from time to time for each shard that this node holds, and after a hint of the
	// work family: for jobs, timers and building. It returns when to be called again at the latest.
	Turn(ctx context.Context, shard Shard) (time.Duration, error)
}

// Shard is one part of the buckets.
type Shard struct {
	Index       int
	First, Last int // buckets, both included
}

// ShardOf gives the shard of a bucket.
func ShardOf(bucket int) int { return bucket * Shards / model.Buckets }

func shard(i int) Shard {
	const per = model.Buckets / Shards
	return Shard{Index: i, First: i * per, Last: i*per + per - 1}
}

// Relay works on the shards that this node holds. Make one with New, start it with Run.
type Relay struct {
	config   Config
	families []*model.Family // that any consumer wants
	shards   [Shards]*worker
	held     atomic.Int32
	failing  atomic.Pointer[string] // why it does not get on; nil while all is well
}

// New makes a Relay.
func New(c Config) *Relay {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.LeaseTime <= 0 {
		c.LeaseTime = 3 * time.Second
	}
	if c.Tick <= 0 {
		c.Tick = time.Second
	}
	r := &Relay{config: c}
	for _, f := range c.Books.Store.Families {
		if !c.Books.Follow(f) {
			continue
		}
		for _, consumer := range c.Consumers {
			if consumer.Wants(f) {
				r.families = append(r.families, f)
				break
			}
		}
	}
	for i := range r.shards {
		r.shards[i] = &worker{relay: r, shard: shard(i), hint: make(chan struct{}, 1)}
	}
	return r
}

// Hint tells that a partition has a new change, from this node or another. It is cheap, may be
// called from anywhere, and may be forgotten: a tick finds the change too.
func (r *Relay) Hint(p store.Partition) {
	w := r.shards[ShardOf(p.Family.Bucket(p.Value))]
	if p.Family == r.config.Books.Family {
		w = r.shards[ShardOf(int(p.Value.Int()))]
	}
	select {
	case w.hint <- struct{}{}:
	default:
	}
}

// Held gives the number of shards that this node works on.
func (r *Relay) Held() int { return int(r.held.Load()) }

// Failing tells why the relay does not get on; "" while all is well.
func (r *Relay) Failing() string {
	if s := r.failing.Load(); s != nil {
		return *s
	}
	return ""
}

// Run works until ctx ends, and then gives the leases back.
func (r *Relay) Run(ctx context.Context) {
	var wg sync.WaitGroup
	work, stop := context.WithCancel(ctx)
	for _, w := range r.shards {
		wg.Go(func() { w.run(work) })
	}
	r.keepLeases(ctx)
	stop()
	wg.Wait()
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := r.config.Store.Unlease(release, r.config.Node, leaseNames()...); err != nil {
		r.config.Logger.Debug("the relay's leases were not given back; they end by themselves", "cause", err)
	}
}

func leaseName(i int) string { return fmt.Sprintf("relay-%02d", i) }

func leaseNames() []string {
	names := make([]string, Shards)
	for i := range names {
		names[i] = leaseName(i)
	}
	return names
}

// keepLeases takes and renews leases until ctx ends. A shard whose lease could not be renewed in
// time is left alone: another node may have it by then.
func (r *Relay) keepLeases(ctx context.Context) {
	every := time.NewTicker(r.config.LeaseTime / 3)
	defer every.Stop()
	for {
		asked := time.Now()
		held, err := r.config.Store.Lease(ctx, r.config.Node, r.config.LeaseTime, leaseNames()...)
		if err == nil {
			mine := map[string]bool{}
			for _, name := range held {
				mine[name] = true
			}
			for i, w := range r.shards {
				if mine[leaseName(i)] {
					w.until.Store(asked.Add(r.config.LeaseTime).UnixNano())
					w.wake()
				} else {
					w.until.Store(0)
				}
			}
			r.held.Store(int32(len(held)))
		} else if ctx.Err() == nil {
			r.trouble(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

func (r *Relay) trouble(err error) {
	text := err.Error()
	if old := r.failing.Swap(&text); old == nil {
		r.config.Logger.Warn("the relay does not get on; what follows commits is late", "cause", err)
	}
}

func (r *Relay) fine() {
	if old := r.failing.Swap(nil); old != nil {
		r.config.Logger.Info("the relay gets on again")
	}
}

// worker works on one shard.
type worker struct {
	relay *Relay
	shard Shard
	hint  chan struct{}
	until atomic.Int64 // when the lease ends, by this node's clock; 0: not held
}

func (w *worker) wake() {
	select {
	case w.hint <- struct{}{}:
	default:
	}
}

func (w *worker) holds() bool { return time.Now().UnixNano() < w.until.Load() }

func (w *worker) run(ctx context.Context) {
	var wait time.Duration
	failures := 0
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.hint:
			timer.Stop()
			if failures > 0 { // hints do not shorten a back-off
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
				}
			}
		case <-timer.C:
		}
		wait = w.relay.config.Tick
		if !w.holds() {
			continue
		}
		next, err := w.round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			wait = min(50*time.Millisecond<<min(failures, 6), 2*time.Second)
			w.relay.trouble(err)
		default:
			failures = 0
			wait = min(wait, next)
			w.relay.fine()
		}
	}
}

// round relays until nothing lags, and gives every consumer its turn.
func (w *worker) round(ctx context.Context) (next time.Duration, err error) {
	const most = 64 // partitions of one batch
	for more := true; more && w.holds(); {
		more = false
		for _, f := range w.relay.families {
			lags, err := w.relay.config.Store.Lagging(ctx, f, w.shard.First, w.shard.Last, most)
			if err != nil {
				return 0, err
			}
			if len(lags) == 0 {
				continue
			}
			if err := w.relay.batch(ctx, lags); err != nil {
				return 0, err
			}
			more = true
		}
	}
	next = w.relay.config.Tick
	for _, c := range w.relay.config.Consumers {
		again, err := c.Turn(ctx, w.shard)
		if err != nil {
			return 0, err
		}
		next = min(next, again)
	}
	return next, nil
}

// Batch is what the changes of some partitions lead to, until all of it is durable.
type Batch struct {
	Writes []*store.Write // in the order in which they were added; Commit keeps it per partition
	names  map[string]any
}

// Add adds a write. Its Result is there in Settle.
func (b *Batch) Add(w *store.Write) { b.Writes = append(b.Writes, w) }

// Keep gives what a consumer keeps with the batch under a name, made by fresh at first.
func Keep[T any](b *Batch, name string, fresh func() T) T {
	if v, ok := b.names[name]; ok {
		return v.(T)
	}
	v := fresh()
	if b.names == nil {
		b.names = map[string]any{}
	}
	b.names[name] = v
	return v
}

// batch relays some changes of each partition.
func (r *Relay) batch(ctx context.Context, lags []store.Lag) error {
	const most = 256 // changes of one partition in a batch
	b := &Batch{}
	done := lags[:0:0]
	for _, lag := range lags {
		changes, err := r.config.Store.Changes(ctx, lag.Partition, lag.Relayed, most)
		if fault.CodeOf(err) == fault.NotFound {
			r.config.Logger.Error("changes were pruned before they were relayed; views have to be verified",
				"family", lag.Partition.Family.Name, "after", lag.Relayed)
			lag.Relayed = lag.Version
			done = append(done, lag)
			continue
		}
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := r.follow(ctx, c, b); err != nil {
				return err
			}
			lag.Relayed = c.Version
		}
		done = append(done, lag)
	}
	if len(b.Writes) > 0 {
		r.config.Store.Commit(ctx, b.Writes...)
		for _, w := range b.Writes {
			if err := w.Result.Err; err != nil && !fault.Deterministic(err) {
				return err
			}
		}
	}
	for _, c := range r.config.Consumers {
		if err := c.Settle(ctx, b); err != nil {
			return err
		}
	}
	return r.config.Store.Relayed(ctx, done...)
}

func (r *Relay) follow(ctx context.Context, c *store.Change, b *Batch) error {
	for _, consumer := range r.config.Consumers {
		if !consumer.Wants(c.Partition.Family) {
			continue
		}
		err := consumer.Follow(ctx, c, b)
		switch {
		case err == nil:
		case fault.Transient(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			return err
		default:
			r.config.Logger.Error("a change could not be followed", "family", c.Partition.Family.Name,
				"version", c.Version, "write", c.Write, "cause", err)
		}
	}
	return nil
}

// NewWrite makes a write of the relay's own.
func NewWrite(name, revision string, p store.Partition, apply func(store.Tx) error) *store.Write {
	return &store.Write{
		Partition: p, ID: uuid.Must(uuid.NewV7()), Name: name, Revision: revision, Now: time.Now().UTC().Truncate(time.Microsecond),
		Apply: func(tx store.Tx) ([]byte, error) { return nil, apply(tx) },
	}
}
