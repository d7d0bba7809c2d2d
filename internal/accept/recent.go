package accept

import (
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

func (r *recent) has(hash, fingerprint [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	p, ok := r.now[hash]
	if !ok {
		p, ok = r.old[hash]
	}
	return ok && p == fingerprint
}

func (r *recent) add(hash, fingerprint [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	if r.now == nil {
		r.now = map[[32]byte][32]byte{}
	}
	r.now[hash] = fingerprint
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
