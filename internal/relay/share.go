package relay

import (
	"context"
	"slices"
	"time"
)

// spread remembers what a node gave to others, so that it does not take it back before they could.
type spread struct {
	given map[string]bool
	at    time.Time     // when that was
	rest  time.Duration // for how long it is theirs to take
}

// wanted gives the leases to be taken or renewed. What was given away is wanted again some time later:
// nobody may have taken it.
func (s *spread) wanted(now time.Time) []string {
	names := leaseNames()
	if now.Sub(s.at) < s.rest {
		names = slices.DeleteFunc(names, func(name string) bool { return s.given[name] })
	}
	return names
}

const (
	givenFor   = 2 // lease times, for which a shard that was given away is not taken back
	givesEvery = 3 // lease times, at least, from one time that a node gives something away to the next
)

// share leaves some shards to other nodes, where those have too few. The first node that starts takes
// all that there are, and without this would do all work behind commits for as long as it runs.
func (r *Relay) share(ctx context.Context, s *spread) {
	if r.config.Excess == nil || !s.at.IsZero() && time.Since(s.at) < givesEvery*r.config.LeaseTime {
		return
	}
	excess := r.config.Excess(r.Held())
	if excess <= 0 {
		return
	}
	*s = spread{given: map[string]bool{}, at: time.Now(), rest: givenFor * r.config.LeaseTime}
	for i, w := range slices.Backward(r.shards[:]) {
		if len(s.given) < excess && w.holds() {
			w.until.Store(0)
			w.renewed()
			s.given[leaseName(i)] = true
		}
	}
	names := make([]string, 0, len(s.given))
	for name := range s.given {
		names = append(names, name)
	}
	r.giveBack(ctx, names)
	r.config.Logger.Info("other nodes take over a share of the work behind commits", "shards", len(names))
}

// Excess tells how many of the shards that a node holds it should leave to others: held is its number,
// others those of the other nodes that can work on shards. Nobody gives anything while all have about
// the same.
func Excess(held int, others ...int) int {
	all := 1 + len(others)
	few := slices.ContainsFunc(others, func(n int) bool { return n < Shards/all })
	if !few {
		return 0
	}
	return max(held-(Shards+all-1)/all, 0)
}
