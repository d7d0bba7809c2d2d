package cache

import (
	"sync/atomic"
	"time"
)

// heard remembers when this node was last told of a change to a partition, whether anything of it
// was resident or not. An answer that another node loaded may lack a change that this node knew of
// and has forgotten; one that was read after the node was told cannot. Partitions share a slot by
// their hash, which makes the time of some later than it was: then an answer is loaded that
// need not be. A nil heard remembers nothing.
type heard struct {
	began time.Time
	slots []atomic.Int64 // nanoseconds since began; 0: never
}

const heardSlots = 1 << 17 // 1 MiB

func newHeard(began time.Time) *heard {
	return &heard{began, make([]atomic.Int64, heardSlots)}
}

func (h *heard) slot(partition uint64) *atomic.Int64 {
	return &h.slots[(partition>>16)%heardSlots] // the low bits chose the shard
}

// note takes down that the node is being told now.
func (h *heard) note(partition uint64) {
	if h == nil {
		return
	}
	now, slot := max(int64(time.Since(h.began)), 1), h.slot(partition)
	for {
		last := slot.Load()
		if last >= now || slot.CompareAndSwap(last, now) {
			return
		}
	}
}

// last gives when the node was last told; the zero time for never.
func (h *heard) last(partition uint64) time.Time {
	if h == nil {
		return time.Time{}
	}
	if n := h.slot(partition).Load(); n > 0 {
		return h.began.Add(time.Duration(n))
	}
	return time.Time{}
}
