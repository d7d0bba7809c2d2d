package relay

import (
	"context"
	"time"
)

// Round does one round of one shard, whether another Relay has its lease or not.
func (r *Relay) Round(ctx context.Context, shard int) error {
	w := r.shards[shard]
	w.until.Store(time.Now().Add(time.Hour).UnixNano())
	_, partial, err := w.round(ctx, true)
	if err == nil {
		err = partial
	}
	return err
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
