package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func (r *reader) doneTo(group uint64) {
	r.position().Store(group)
	r.due()
}

// allDone gives the last group of the log that is done by every shard on it.
func (r *reader) allDone() uint64 {
	if r.apart {
		return r.position().Load()
	}
	first, end := r.bus.shardsOf(r.bus.logOf(r.shard))
	done := r.bus.done[first].Load()
	for shard := first + 1; shard < end; shard++ {
		done = min(done, r.bus.done[shard].Load())
	}
	return done
}

// deleteDone deletes groups that are done, many at a time under load, since each deletion is synced.
// When ctx ends it does so a last time.
func (r *reader) deleteDone(ctx context.Context) {
	deleted := uint64(0)
	for {
		select {
		case <-r.finished:
		case <-ctx.Done():
		}
		if r.bus.link.wait(ctx) == nil {
			deleted = r.deleteTo(ctx, deleted)
		}
		timer := time.NewTimer(donePause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if on, _ := r.bus.link.now(); on {
				r.deleteTo(last, deleted)
			}
			return
		}
	}
}

// deleteTo deletes what is done; deleted is how far that was already. Where it fails, it is due again.
func (r *reader) deleteTo(ctx context.Context, deleted uint64) uint64 {
	done := r.allDone()
	if done == 0 || done == deleted {
		return deleted
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := r.bus.stream(ctx, r.log())
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSequence(done+1))
	}
	if err != nil {
		r.due()
		return deleted
	}
	return done
}

func (r *reader) due() {
	select {
	case r.finished <- struct{}{}:
	default:
	}
}
