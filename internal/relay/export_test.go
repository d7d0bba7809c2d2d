package relay

import (
	"cmp"
	"context"
	"time"
)

// Round does one round of one shard, whether another Relay has its lease or not, and tells the store
// how far it is.
func (r *Relay) Round(ctx context.Context, shard int) error {
	w := r.shards[shard]
	w.until.Store(time.Now().Add(time.Hour).UnixNano())
	w.asks.Store(true)
	_, partial, err := w.round(ctx, true)
	return cmp.Or(err, partial, r.tell(ctx))
}

// Settles makes a view that was built long ago forget the versions that it noted.
func (v *Views) Age(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, states := range v.states {
		for i := range states {
			states[i].at = states[i].at.Add(-d)
		}
	}
}
