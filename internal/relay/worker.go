package relay

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// worker works on one shard.
type worker struct {
	relay  *Relay
	shard  Shard
	hint   chan struct{}
	leased chan struct{} // told by renewed
	until  atomic.Int64  // when the lease ends, by this node's clock; 0: not held

	failing atomic.Pointer[string] // why it does not get on; nil while all is well
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
	hinted := true // something may lag
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.hint:
			hinted = true
			if failures > 0 { // hints do not shorten a back-off
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
			}
			timer.Stop()
		case <-timer.C:
		}
		wait = w.relay.config.Tick
		if !w.holds() {
			hinted = true
			continue
		}
		next, partial, err := w.round(ctx, hinted)
		if ctx.Err() != nil {
			return
		}
		w.relay.report(&w.failing, cmp.Or(err, partial))
		if err != nil {
			failures++
			wait = min(50*time.Millisecond<<min(failures, 6), 2*time.Second)
			continue
		}
		failures, hinted = 0, false
		wait = min(wait, next)
	}
}

// round relays until nothing lags, if that is asked for, and gives every consumer its turn. partial
// says what does not get on while all else does; err, why nothing does.
func (w *worker) round(ctx context.Context, relay bool) (next time.Duration, partial, err error) {
	if relay {
		for _, f := range w.relay.families {
			held, err := w.drain(ctx, f)
			if err != nil {
				return 0, nil, err
			}
			partial = cmp.Or(partial, held)
		}
	}
	next = w.relay.config.Tick
	for _, c := range w.relay.config.Consumers {
		again, err := c.Turn(ctx, w.shard)
		if err != nil {
			partial, again = cmp.Or(partial, err), w.relay.config.Tick
		}
		next = min(next, again)
	}
	return next, partial, nil
}

const (
	mostLagging = 64  // partitions of one batch
	mostChanges = 256 // changes of one partition in a batch
)

// drain relays the changes of a family until nothing lags but what cannot go on; held says why that
// is.
func (w *worker) drain(ctx context.Context, f *model.Family) (held, err error) {
	stopped := map[store.Partition]stop{}
	for limit := mostLagging; w.holds(); limit = min(2*limit, 16*mostLagging) {
		w.relay.lag.take(f, w.shard.Index)
		lagging, err := w.relay.config.Store.Lagging(ctx, f, w.shard.First, w.shard.Last, limit+len(stopped))
		if err != nil {
			return nil, err
		}
		complete := len(lagging) < limit+len(stopped)
		lagging = slices.DeleteFunc(lagging, func(l store.Lag) bool { _, ok := stopped[l.Partition]; return ok })
		idle, whole := len(lagging) == 0, true
		for some := range slices.Chunk(lagging, mostLagging) {
			all, err := w.relay.batch(ctx, w.shard.Index, some, stopped)
			if err != nil {
				return nil, err
			}
			whole = whole && all
		}
		if complete && whole {
			w.relay.lag.clean(f, w.shard.Index, stopped)
		}
		if idle {
			break
		}
	}
	for _, s := range stopped {
		return s.cause, nil
	}
	return nil, nil
}
