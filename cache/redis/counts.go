package redis

import (
	"sync/atomic"

	"github.com/partita-dev/partita/cache"
)

type counts struct {
	hits, awaited, misses, waits, vain, puts, large, calls, errors, skipped atomic.Uint64
}

func (c *counts) hit(waited bool) {
	c.hits.Add(1)
	if waited {
		c.awaited.Add(1)
	}
}

// Stats gives the figures of this moment. They are not one snapshot.
func (t *Tier) Stats() cache.TierStats {
	c := &t.counts
	return cache.TierStats{
		Hits: c.hits.Load(), Awaited: c.awaited.Load(), Misses: c.misses.Load(),
		Waits: c.waits.Load(), Vain: c.vain.Load(), Puts: c.puts.Load(), Large: c.large.Load(),
		Calls: c.calls.Load(), Errors: c.errors.Load(), Skipped: c.skipped.Load(), Waiting: len(t.slots),
	}
}
