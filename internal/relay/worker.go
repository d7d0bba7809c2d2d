package relay

import (
	"cmp"
	"context"
	"log/slog"
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
	recent recent
	asks   atomic.Bool  // the store has to be asked what lags
	until  atomic.Int64 // when the lease ends, by this node's clock; 0: not held

	failing atomic.Pointer[string] // why it does not get on; nil while all is well
}

func (w *worker) wake() {
	select {
	case w.hint <- struct{}{}:
	default:
	}
}

// ask wakes the worker, and has it ask the store what lags.
func (w *worker) ask() {
	w.asks.Store(true)
	w.wake()
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
			failures = 0
			w.asks.Store(true)
			w.recent.reset()
			w.relay.left(w)
			continue
		}
		next, partial, err := w.round(ctx, hinted)
		if ctx.Err() != nil {
			return
		}
		w.relay.report(&w.failing, w.relay.matters(cmp.Or(err, partial)), slog.Int("shard", w.shard.Index))
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
		asks := w.recent.forgot()
		asks = w.asks.Swap(false) || asks
		for _, f := range w.relay.families {
			held, err := w.drain(ctx, f, asks)
			if err != nil {
				w.asks.Store(true)
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
// is. Where this node knows by itself what lags, and asks is false, the store is not asked.
func (w *worker) drain(ctx context.Context, f *model.Family, asks bool) (held, err error) {
	stopped := map[store.Partition]stop{}
	for limit := mostLagging; w.holds(); limit = min(2*limit, 16*mostLagging) {
		w.relay.lag.take(f, w.shard.Index)
		lagging, complete, err := w.lagging(ctx, f, asks, limit+len(stopped))
		if err != nil {
			return nil, err
		}
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

// lagging lists what lags of a family, at most limit where the store is asked; complete tells whether
// that is all.
func (w *worker) lagging(ctx context.Context, f *model.Family, asks bool, limit int) (lags []store.Lag, complete bool, err error) {
	if !asks {
		if lags, complete = w.recent.lags(f); complete {
			return lags, true, nil
		}
	}
	known := w.relay.marks.snapshot()
	limit += len(known)
	lags, err = w.relay.config.Store.Lagging(ctx, f, w.shard.First, w.shard.Last, limit)
	complete = len(lags) < limit
	return overlay(lags, known), complete, err
}
