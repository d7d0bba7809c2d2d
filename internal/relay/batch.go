package relay

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

// Batch is what the changes of some partitions lead to, until all of it is durable.
type Batch struct {
	Shard  Shard          // whose changes these are
	Writes []*store.Write // in the order in which they were added; Commit keeps it per partition
	names  map[string]any // used in Follow only, but for reading

	mu   sync.Mutex
	held map[store.Partition]hold
}

// hold says from which version on a partition has to come again, and why.
type hold struct {
	version uint64
	cause   error
}

// Add adds a write. Its Result is there in Settle, where an error that will not pass by itself is the
// matter of the consumer that added it; a transient one makes the whole batch be tried again.
func (b *Batch) Add(w *store.Write) { b.Writes = append(b.Writes, w) }

// Hold says, in Settle, that the changes of a partition must not count as relayed: they will be
// followed again later.
func (b *Batch) Hold(p store.Partition, cause error) { b.HoldFrom(p, 0, cause) }

// HoldFrom is Hold for the changes from a version on.
func (b *Batch) HoldFrom(p store.Partition, version uint64, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = map[store.Partition]hold{}
	}
	if h, ok := b.held[p]; !ok || version < h.version {
		b.held[p] = hold{version, cause}
	}
}

// Keep gives what a consumer keeps with the batch under a name, made by fresh at first. It is for Follow.
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

// Kept gives what Keep made; the zero value where it was not called.
func Kept[T any](b *Batch, name string) T {
	v, _ := b.names[name].(T)
	return v
}

// stop says why a partition does not go on, and since when it should have.
type stop struct {
	cause error
	since time.Time
}

// fetched is what lags of one partition.
type fetched struct {
	lag     store.Lag
	changes []*store.Change
	err     error
}

// fetch reads the changes of partitions, several at a time.
func (r *Relay) fetch(ctx context.Context, lags []store.Lag, known *recent) []fetched {
	const readers = 8
	out := make([]fetched, len(lags))
	var wg sync.WaitGroup
	turns := make(chan struct{}, readers)
	for i, lag := range lags {
		if changes := known.after(lag.Partition, lag.Relayed, mostChanges); changes != nil {
			out[i] = fetched{lag: lag, changes: changes}
			continue
		}
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			changes, err := r.config.Store.Changes(ctx, lag.Partition, lag.Relayed, mostChanges)
			if err == nil {
				err = store.Complete(ctx, r.config.Store, changes)
			}
			out[i] = fetched{lag, changes, err}
		})
	}
	wg.Wait()
	return out
}

// batch relays some changes of each partition. whole is false where some are left. Partitions that
// cannot go on are added to stopped; all others do.
func (r *Relay) batch(ctx context.Context, shard int, lags []store.Lag, stopped map[store.Partition]stop) (whole bool, err error) {
	b := &Batch{Shard: r.shards[shard].shard}
	whole = true
	began := map[store.Partition]store.Lag{}
	oldest := map[store.Partition]time.Time{}
	var done []store.Lag
	for _, x := range r.fetch(ctx, lags, &r.shards[shard].recent) {
		lag := x.lag
		if fault.CodeOf(x.err) == fault.NotFound {
			r.config.Logger.Error("changes were pruned before they were relayed: events of them are lost, and views of them lack something until they are built anew by partita views --rebuild",
				"family", lag.Partition.Family.Name, "after", lag.Relayed)
			lag.Relayed = lag.Version
			done = append(done, lag)
			continue
		}
		if x.err != nil {
			return false, x.err
		}
		if len(x.changes) > 0 {
			oldest[lag.Partition] = x.changes[0].Time
			r.lag.found(lag.Partition.Family, shard, x.changes[0].Time)
		}
		began[lag.Partition] = lag
		for _, c := range x.changes {
			if err := r.follow(ctx, c, b); err != nil {
				if ctx.Err() != nil {
					return false, err
				}
				r.stop(stopped, lag.Partition, stop{err, c.Time}, c.Version)
				break
			}
			lag.Relayed = c.Version
		}
		whole = whole && (lag.Relayed >= lag.Version || stopped[lag.Partition].cause != nil)
		done = append(done, lag)
	}
	if err := r.commit(ctx, b); err != nil {
		return false, err
	}
	done = slices.DeleteFunc(done, func(l store.Lag) bool {
		h, held := b.held[l.Partition]
		return held && h.version <= began[l.Partition].Relayed+1
	})
	for i, l := range done {
		if h, held := b.held[l.Partition]; held {
			done[i].Relayed = min(l.Relayed, h.version-1)
		}
	}
	for p, h := range b.held {
		if lag, ok := began[p]; ok {
			r.stop(stopped, p, stop{h.cause, oldest[p]}, max(h.version, lag.Relayed+1))
		}
	}
	r.marks.add(done)
	for _, l := range done {
		r.shards[shard].recent.done(l.Partition, l.Relayed)
	}
	return whole, nil
}

// commit makes the effects durable and settles them. Consumers that do not look at the batch's writes
// are settled while those are committed.
func (r *Relay) commit(ctx context.Context, b *Batch) error {
	if len(b.Writes) == 0 {
		return r.settle(ctx, b, func(Consumer) bool { return true })
	}
	var early error
	var settling sync.WaitGroup
	settling.Go(func() { early = r.settle(ctx, b, isEager) })
	err := r.write(ctx, b)
	if err == nil {
		err = r.settle(ctx, b, func(c Consumer) bool { return !isEager(c) })
	}
	settling.Wait()
	return cmp.Or(err, early)
}

func isEager(c Consumer) bool {
	_, ok := c.(Eager)
	return ok
}

// write commits the writes of a batch, in pieces that leave room for others'.
func (r *Relay) write(ctx context.Context, b *Batch) error {
	const piece = 128
	for some := range slices.Chunk(b.Writes, piece) {
		r.config.Store.Commit(ctx, some...)
		for _, w := range some {
			if err := w.Result.Err; err != nil && fault.Transient(err) {
				return err
			}
		}
	}
	return nil
}

func (r *Relay) settle(ctx context.Context, b *Batch, which func(Consumer) bool) error {
	for _, c := range r.config.Consumers {
		if !which(c) {
			continue
		}
		if err := c.Settle(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// ErrStop marks an error of Follow that stops the partition until people have done something.
var ErrStop = errors.New("the partition stops here")

// stop notes that a partition cannot go on. What will not pass by itself is said loudly, once for
// each version.
func (r *Relay) stop(stopped map[store.Partition]stop, p store.Partition, s stop, version uint64) {
	stopped[p] = s
	if fault.Transient(s.cause) && !errors.Is(s.cause, ErrStop) {
		return
	}
	if later, ok := errors.AsType[*laterModel](s.cause); ok && r.meets(later) {
		return
	}
	const most = 1000 // a bound for what is remembered; beyond it some is said again
	r.mu.Lock()
	said := r.said[p] == version
	if len(r.said) >= most {
		clear(r.said)
	}
	r.said[p] = version
	r.mu.Unlock()
	if !said {
		r.config.Logger.Error("changes of a partition cannot be relayed; it stops at this version until that is mended",
			"family", p.Family.Name, "bucket", p.Family.Bucket(p.Value), "version", version, "cause", s.cause)
	}
}

func (r *Relay) follow(ctx context.Context, c *store.Change, b *Batch) error {
	for _, consumer := range r.config.Consumers {
		if !consumer.Wants(c.Partition.Family) {
			continue
		}
		err := consumer.Follow(ctx, c, b)
		switch {
		case err == nil:
		case errors.Is(err, ErrStop) || fault.Transient(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
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
