package accept

import (
	"context"
	"sync"
	"time"
)

// Stats are figures for people and metrics.
type Stats struct {
	Messages uint64        // on the bus: groups of accepted writes that wait
	Bytes    uint64        // of them
	Bound    int64         // of Bytes; 0 where it is not known
	Age      time.Duration // since the oldest of them was accepted; 0 where there is none
	Known    bool          // whether the bus could tell these three
	Shards   int           // that this node carries out
	Aside    uint64        // dead letters that this node made since it started
	Waiters  int           // callers who wait for an operation
	Stuck    []Stuck       // shards that this node carries out and that do not get on
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
	s.Bound = a.Bound
	s.Shards, s.Aside, s.Waiters = int(a.holding.Load()), a.aside.Load(), int(a.waiters.count.Load())
	s.Stuck = a.Stuck()
	return s
}
