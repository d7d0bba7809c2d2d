package relay

import (
	"log/slog"
	"sync/atomic"
)

// Failing tells why the relay does not get on; "" while all is well.
func (r *Relay) Failing() string {
	for part := range r.parts {
		if s := part.Load(); s != nil {
			return *s
		}
	}
	return ""
}

// parts goes over what may fail by itself: leases, and the work on each shard.
func (r *Relay) parts(yield func(*atomic.Pointer[string]) bool) {
	if !yield(&r.leasing) {
		return
	}
	for _, w := range r.shards {
		if !yield(&w.failing) {
			return
		}
	}
}

// report notes how a part of the relay does, and tells when that changes. What several parts fail
// for, as all shards do without the store, is told once.
func (r *Relay) report(part *atomic.Pointer[string], err error, about ...any) {
	if err == nil {
		if part.Load() != nil && part.Swap(nil) != nil {
			r.mended(about)
		}
		return
	}
	text := err.Error()
	if part.Load() == nil && !r.fails(text) {
		r.config.Logger.Warn("the relay does not get on; what follows commits is late", append(about, "cause", err)...)
	}
	part.Store(&text)
}

// left forgets why this node did not get on with a shard that it does not hold any more: who holds it
// now tells how it is.
func (r *Relay) left(w *worker) {
	if w.failing.Load() != nil && w.failing.Swap(nil) != nil {
		r.mended([]any{slog.Int("shard", w.shard.Index), slog.Bool("left", true)})
	}
}

// mended tells that nothing fails any more.
func (r *Relay) mended(about []any) {
	if r.Failing() == "" {
		r.config.Logger.Info("the relay gets on again", about...)
	}
}

// fails tells whether a part fails for this reason.
func (r *Relay) fails(reason string) bool {
	for part := range r.parts {
		if s := part.Load(); s != nil && *s == reason {
			return true
		}
	}
	return false
}
