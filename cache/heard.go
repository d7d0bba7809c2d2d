package cache

import (
	"sync/atomic"
	"time"
)

// heard remembers when this node was last told of a change to a partition, whether anything of it
// was resident or not; or when the node was started, before which it was told of what it does not
// remember. An answer that another node loaded may lack such a change. One that was read later
// cannot: it is one that this node might have loaded itself.
//
// Partitions share a slot by their hash, which makes the time of some later than it was: then an
// answer is loaded that need not be.
type heard struct {
	began time.Time
	slots []atomic.Int64 // nanoseconds since began
}

const heardSlots = 1 << 17 // 1 MiB

func newHeard(began time.Time) *heard {
	return &heard{began, make([]atomic.Int64, heardSlots)}
}

func (h *heard) slot(partition uint64) *atomic.Int64 {
	return &h.slots[(partition>>16)%heardSlots] // the low bits chose the shard
}

// note takes down that the node is being told now. A nil heard remembers nothing.
func (h *heard) note(partition uint64) {
	if h == nil {
		return
	}
	now, slot := int64(time.Since(h.began)), h.slot(partition)
	for {
		last := slot.Load()
		if last >= now || slot.CompareAndSwap(last, now) {
			return
		}
	}
}

// last gives when the node was last told, or started.
func (h *heard) last(partition uint64) time.Time {
	return h.began.Add(time.Duration(h.slot(partition).Load()))
}
