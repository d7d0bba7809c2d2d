// Package relay follows the change log and carries out what comes after a commit: views and folds,
// writes in other partitions, deliveries. Every effect is recorded where it takes place, so that it
// happens once although the relay may see a change more than once.
package relay

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
	// Excess tells how many of the shards that this node holds it should leave to other nodes. It is asked
	// before leases are renewed; nil: none.
	Excess func(held int) int

	// Later tells whether a node with the model of this revision, which is not this node's, can do the work.
	// While one can, it does all of it, once this node has met a change that it cannot interpret. nil: none can.
	Later func(revision string) bool

	// Hold is run for each shard while this node has its lease; its ctx ends when the lease is lost.
	// It works on the shard beside the change log, such as on accepted writes. Default: nothing.
	Hold func(ctx context.Context, s Shard)

	Logger *slog.Logger // default slog.Default()
	// Yield tells that this node must leave the relay to others, for good. Default: it need not.
	Yield     func() bool
	LeaseTime time.Duration // how long a dead node's shards stay idle; default 3 s
	Tick      time.Duration // how often work is looked for without a hint; default 1 s
}

// Consumer turns changes into effects. Its methods are called by one goroutine per shard; changes of
// one partition come in the order of their versions.
type Consumer interface {
	// Wants tells whether the changes of a family matter to it.
	Wants(f *model.Family) bool
	// Follow adds the effects of a change to the batch. An error that is transient, or an
	// ErrStop, stops the partition until the next try; any other is a defect, is logged, and the change is passed over
	// by this consumer.
	Follow(ctx context.Context, c *store.Change, b *Batch) error
	// Settle is called when all writes of the batch have their results, in the order of consumers,
	// before the changes count as relayed. It may commit more. An error stops the whole batch; for
	// one partition alone there is Batch.Hold.
	Settle(ctx context.Context, b *Batch) error
	// Turn is called from time to time for each shard that this node holds, and after a hint of the
	// work family: for jobs, timers and building. It returns when to be called again at the latest.
	Turn(ctx context.Context, shard Shard) (time.Duration, error)
}

// Eager is a Consumer whose Settle does not look at the writes of the batch. It is called while they are
// being committed, so that what it does waits for nobody else's effects.
type Eager interface {
	Consumer
	Eager()
}

// Shard is one part of the buckets.
type Shard struct {
	Index       int
	First, Last int // buckets, both included
	worker      *worker
}

// Held tells whether this node still has the shard's lease, by its own clock.
func (s Shard) Held() bool { return s.worker == nil || s.worker.holds() }

// ShardOf gives the shard of a bucket.
func ShardOf(bucket int) int { return bucket * Shards / model.Buckets }

// Home gives the partition of the service's own books where what belongs to a shard stands.
func Home(books *work.Books, shard int) store.Partition {
	return store.Partition{Family: books.Family, Value: model.Int(int64(shard * (model.Buckets / Shards)))}
}

func shard(i int) Shard {
	const per = model.Buckets / Shards
	return Shard{Index: i, First: i * per, Last: i*per + per - 1}
}

// Relay works on the shards that this node holds. Make one with New, start it with Run.
type Relay struct {
	config   Config
	families []*model.Family // that any consumer wants
	shards   [Shards]*worker
	lag      *lags
	marks    *marks
	held     atomic.Int32
	later    atomic.Pointer[string] // the revision of a model that has more than this node's, as a change said; nil: none
	started  time.Time
	leasing  atomic.Pointer[string] // why leases are not renewed; nil while they are

	mu   sync.Mutex
	said map[store.Partition]uint64 // versions that partitions stop at, as far as it was logged
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
	r := &Relay{config: c, started: time.Now(), marks: newMarks(), said: map[store.Partition]uint64{}}
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
	r.lag = newLags(r.families, c.Store.Info().Remote)
	for i := range r.shards {
		w := &worker{relay: r, shard: shard(i), hint: make(chan struct{}, 1), leased: make(chan struct{}, 1)}
		w.shard.worker = w
		w.asks.Store(true)
		r.shards[i] = w
	}
	return r
}

// Changed tells of a change, of this node or another. It is cheap, and meant to be called from
// store.Options.OnChange.
func (r *Relay) Changed(c *store.Change) {
	r.lag.changed(c)
	if !r.lag.follows(c.Partition.Family) {
		return // also the rows of the work family: whoever changes them knows what to do next
	}
	w := r.shards[ShardOf(c.Partition.Family.Bucket(c.Partition.Value))]
	if w.recent.has(c) {
		w.wake()
	} else {
		w.ask()
	}
}

// Remember keeps a change that this node has committed itself for a while, so that it need not be
// read back. It must be called in the order of versions, before Changed.
func (r *Relay) Remember(c *store.Change) {
	if r.lag.follows(c.Partition.Family) {
		if w := r.shards[ShardOf(c.Partition.Family.Bucket(c.Partition.Value))]; w.holds() {
			w.recent.remember(c)
		}
	}
}

// Hint tells that a partition has a new change, from this node or another. It is cheap, may be
// called from anywhere, and may be forgotten: a tick finds the change too.
func (r *Relay) Hint(p store.Partition) {
	if p.Family == r.config.Books.Family {
		r.shards[ShardOf(int(p.Value.Int()))].wake()
		return
	}
	if r.lag.follows(p.Family) {
		r.shards[ShardOf(p.Family.Bucket(p.Value))].ask()
	}
}

// Held gives the number of shards that this node works on.
func (r *Relay) Held() int { return int(r.held.Load()) }

// AsOf gives a point in time before which every change of these families was relayed. Where that is
// not known yet, just after the start, it waits for a moment; ok is false if it still is not then.
func (r *Relay) AsOf(ctx context.Context, families ...*model.Family) (at time.Time, ok bool) {
	return r.lag.asOf(ctx, families)
}

// Known waits, until ctx ends, until it is known up to when the changes of every family were relayed.
func (r *Relay) Known(ctx context.Context) {
	select {
	case <-r.lag.ready:
	case <-ctx.Done():
	}
}

// Run works until ctx ends, and then gives the leases back.
func (r *Relay) Run(ctx context.Context) {
	var wg sync.WaitGroup
	working, stop := context.WithCancel(ctx)
	for _, w := range r.shards {
		wg.Go(func() { w.run(working) })
		if r.config.Hold != nil {
			wg.Go(func() { w.hold(working) })
		}
	}
	wg.Go(func() { r.look(working) })
	wg.Go(func() { r.keepMarks(working) })
	r.keepLeases(ctx)
	stop()
	wg.Wait()
	const patience = time.Second
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := r.tell(telling); err != nil {
		r.config.Logger.Debug("the store was not told how far the relay is; some will be relayed twice", "cause", err)
	}
	r.unlease(ctx)
}
