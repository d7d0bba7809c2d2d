package cache

import (
	"sync/atomic"
	"time"
)

// Stats are the figures of a cache. Counts are since New.
type Stats struct {
	Entries    int // answers, "not found" included
	NotFound   int // answers that say "not found", or show a partition that was never written
	Partitions int // records
	Flights    int // loads under way

	Bytes         int64 // estimate of all that is held, "not found" included
	Bound         int64
	NotFoundBytes int64 // also what records of partitions without other answers take
	NotFoundBound int64

	Hits        uint64 // answered by a current answer, those that started a refresh included
	Misses      uint64 // loads that a reader with fresh > 0 started
	Bypasses    uint64 // loads that a reader with fresh 0 started
	Joins       uint64 // readers that another's load answered
	Refreshes   uint64 // loads that Refresh started
	Stales      uint64 // answered stale because loading failed
	Loads       uint64 // loads from the store begun, whoever asked for them
	Offers      uint64 // answers of the second tier that were taken
	Unfit       uint64 // answers of the second tier that this node knew better than to take
	LoadErrors  uint64 // loads that failed
	Evictions   uint64 // answers dropped for room
	Oversized   uint64 // answers not kept because they alone would fill a partition's share
	Messages    uint64
	FloorRaises uint64 // messages that marked all answers of a partition: a gap, or not understood
	Expiries    uint64 // times that everything was cleared
}

// counts are changed without a lock. Hits come from every core at once, so they are spread.
type counts struct {
	hits [hitStripes]struct {
		n atomic.Uint64
		_ [56]byte
	}
	entries, notFound, partitions, flying                         atomic.Int64
	misses, bypasses, joins, refreshes, stales, loads, loadErrors atomic.Uint64
	evictions, oversized, messages, floorRaises, expiries         atomic.Uint64
	offers, unfit                                                 atomic.Uint64
}

const hitStripes = 32

// hit counts one hit. left is the answer's remaining time: its microseconds differ from one look-up to
// the next, which is all that spreads those of a popular answer.
func (c *counts) hit(left time.Duration) { c.hits[uint64(left)>>10%hitStripes].n.Add(1) }

// Stats gives the figures of this moment. They are not one snapshot.
func (c *Cache) Stats() Stats {
	n := &c.counts
	st := Stats{
		Entries:       int(n.entries.Load()),
		NotFound:      int(n.notFound.Load()),
		Partitions:    int(n.partitions.Load()),
		Flights:       int(n.flying.Load()),
		Bytes:         c.room.found.Load() + c.room.missing.Load(),
		Bound:         c.room.foundBound + c.room.missingBound,
		NotFoundBytes: c.room.missing.Load(),
		NotFoundBound: c.room.missingBound,
		Misses:        n.misses.Load(),
		Bypasses:      n.bypasses.Load(),
		Joins:         n.joins.Load(),
		Refreshes:     n.refreshes.Load(),
		Stales:        n.stales.Load(),
		Loads:         n.loads.Load(),
		Offers:        n.offers.Load(),
		Unfit:         n.unfit.Load(),
		LoadErrors:    n.loadErrors.Load(),
		Evictions:     n.evictions.Load(),
		Oversized:     n.oversized.Load(),
		Messages:      n.messages.Load(),
		FloorRaises:   n.floorRaises.Load(),
		Expiries:      n.expiries.Load(),
	}
	for i := range n.hits {
		st.Hits += n.hits[i].n.Load()
	}
	return st
}

// TierStats are the figures of one node's calls at the second tier, since the start.
type TierStats struct {
	Hits    uint64 // offers, whether the node could use them or not
	Awaited uint64 // of them after waiting for another node's load
	Misses  uint64
	Waits   uint64 // times that another node was loading
	Vain    uint64 // of them those that waited to the end, and loaded then
	Puts    uint64 // answers kept; others were not newer than what was there
	Large   uint64 // answers that were too large to share

	Calls   uint64
	Errors  uint64 // calls that failed, or were not answered in time
	Skipped uint64 // calls not made, since the tier is away or too many waited
	Waiting int    // calls under way
}
