package relay

import (
	"sync"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// recent keeps what this node has just committed in a shard, and how far partitions were relayed, so
// that in the normal course nothing has to be asked of the store. What does not fit is forgotten: the
// store has it.
type recent struct {
	mu      sync.Mutex
	parts   map[store.Partition][]*store.Change // not relayed so far; without gaps, in the order of versions
	n       int                                 // changes in parts
	bytes   int
	relayed map[store.Partition]uint64 // as far as is known
	lost    bool                       // something was forgotten: the store has to be asked what lags
}

const (
	mostRecent      = 1024 // changes of a shard
	mostRecentBytes = 2 << 20
	mostKnown       = 4096 // partitions of a shard whose place is known
)

// reset forgets everything, as when another node may have been at work.
func (r *recent) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear()
	r.relayed = nil
}

func (r *recent) clear() {
	r.parts, r.n, r.bytes, r.lost = map[store.Partition][]*store.Change{}, 0, 0, true
}

// remember takes in a change of this node.
func (r *recent) remember(c *store.Change) {
	size := sizeOf(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts == nil || r.n >= mostRecent || r.bytes+size > mostRecentBytes {
		r.clear()
	}
	if size > mostRecentBytes {
		return // it counts as lost by then
	}
	list := r.parts[c.Partition]
	if len(list) > 0 && list[len(list)-1].Version+1 != c.Version {
		r.drop(c.Partition, len(list)) // another node was in between
		r.lost, list = true, nil
	}
	r.parts[c.Partition] = append(list, c)
	r.n++
	r.bytes += size
}

// has tells whether a change was remembered or relayed.
func (r *recent) has(c *store.Change) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.parts[c.Partition]
	return len(list) > 0 && list[len(list)-1].Version >= c.Version || r.relayed[c.Partition] >= c.Version
}

// lags lists what has to be relayed of a family, by what is remembered; complete is false where that
// may not be all, and the store has to be asked.
func (r *recent) lags(f *model.Family) (lags []store.Lag, complete bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, list := range r.parts {
		if p.Family != f {
			continue
		}
		relayed, known := r.relayed[p]
		if !known && list[0].Version > 1 || list[0].Version > relayed+1 {
			return nil, false
		}
		if last := list[len(list)-1].Version; last > relayed {
			lags = append(lags, store.Lag{Partition: p, Version: last, Relayed: relayed})
		}
	}
	return lags, true
}

// forgot tells, once, that something was forgotten.
func (r *recent) forgot() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.lost
	r.lost = false
	return lost
}

// after gives changes of a partition above a version, at most limit; nil where they are not known.
func (r *recent) after(p store.Partition, version uint64, limit int) []*store.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.parts[p]
	if len(list) == 0 || version+1 < list[0].Version || version >= list[len(list)-1].Version {
		return nil
	}
	list = list[version+1-list[0].Version:]
	return append([]*store.Change(nil), list[:min(limit, len(list))]...)
}

// done notes how far a partition was relayed.
func (r *recent) done(p store.Partition, relayed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.relayed == nil || len(r.relayed) >= mostKnown {
		r.relayed = map[store.Partition]uint64{}
	}
	r.relayed[p] = max(r.relayed[p], relayed)
	list, n := r.parts[p], 0
	for n < len(list) && list[n].Version <= relayed {
		n++
	}
	r.drop(p, n)
}

// drop forgets the first changes of a partition. The lock is held.
func (r *recent) drop(p store.Partition, n int) {
	list := r.parts[p]
	for _, c := range list[:n] {
		r.bytes -= sizeOf(c)
	}
	r.n -= n
	if n == len(list) {
		delete(r.parts, p)
	} else if n > 0 {
		r.parts[p] = append([]*store.Change(nil), list[n:]...)
	}
}

// sizeOf is about what a change takes in memory.
func sizeOf(c *store.Change) int {
	const row, value = 64, 40
	n := 256
	for i := range c.Rows {
		if after := c.Rows[i].After; after != nil {
			n += row + value*len(after.Values)
			for _, v := range after.Values {
				n += len(v.Text())
			}
		}
	}
	for _, e := range c.Events {
		n += len(e.Data)
	}
	return n
}
