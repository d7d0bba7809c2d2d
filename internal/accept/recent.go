package accept

import (
	"context"
	"sync"
	"time"
)

// recent remembers operations with an idempotency key that this node put on the bus a short while ago
// and has not seen settled, so that a storm of repeats costs nothing there. What it forgets is
// accepted again, and carried out once all the same.
type recent struct {
	mu       sync.Mutex
	now, old map[[32]byte][32]byte // fingerprint by hash
	turned   time.Time
}

const (
	mostRecent = 16 << 10 // twice as many are remembered, at most
	recentTime = 30 * time.Second
)

func (r *recent) has(hash, print [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	p, ok := r.now[hash]
	if !ok {
		p, ok = r.old[hash]
	}
	return ok && p == print
}

func (r *recent) add(hash, print [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	if r.now == nil {
		r.now = map[[32]byte][32]byte{}
	}
	r.now[hash] = print
}

func (r *recent) remove(hash [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.now, hash)
	delete(r.old, hash)
}

// turn forgets the older half when it is time.
func (r *recent) turn() {
	if now := time.Now(); len(r.now) >= mostRecent || now.Sub(r.turned) > recentTime {
		r.now, r.old, r.turned = nil, r.now, now
	}
}

// Stats are figures for people and metrics.
type Stats struct {
	Messages uint64        // on the bus: groups of accepted writes that wait
	Bytes    uint64        // of them
	Age      time.Duration // since the oldest of them was accepted; 0 where there is none
	Known    bool          // whether the bus could tell these three
	Shards   int           // that this node carries out
	Aside    uint64        // dead letters that this node made since it started
	Waiters  int           // callers who wait for an operation
}

// backlog remembers what the bus said for a moment: people and metrics ask often.
type backlog struct {
	mu    sync.Mutex
	asked time.Time
	stats Stats
}

// Stats gives the figures. It asks the bus once in a second at most.
func (a *Acceptor) Stats(ctx context.Context) Stats {
	const current = time.Second
	b := &a.backlog
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.asked) > current {
		messages, bytes, oldest, err := a.Bus.Backlog(ctx)
		b.asked, b.stats = now, Stats{Messages: messages, Bytes: bytes, Known: err == nil}
		if !oldest.IsZero() {
			b.stats.Age = max(0, now.Sub(oldest))
		}
	}
	s := b.stats
	s.Shards, s.Aside, s.Waiters = int(a.holding.Load()), a.aside.Load(), int(a.waiters.count.Load())
	return s
}
