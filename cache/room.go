package cache

import (
	"sync/atomic"
	"time"
)

// room is what the cache may use, and uses, in bytes. Answers that show nothing, and the records of
// partitions that have no other answers, have a share of their own, so that a flood of look-ups of
// what is not there drives out nothing else.
type room struct {
	found, missing           atomic.Int64
	foundBound, missingBound int64
	perPartition             int64 // what the answers of one partition may use
	hand                     atomic.Uint64
}

// partitionPart says which part of the room one partition may take.
const partitionPart = 8

func (r *room) divide(bytes int64, notFound float64) {
	r.missingBound = int64(float64(bytes) * notFound)
	r.foundBound = bytes - r.missingBound
	r.perPartition = r.foundBound / partitionPart
}

// over tells whether the answer is too old to be of any use.
func (e *entry) over() bool { return time.Since(e.value.Load().Time) > e.keep }

// empty tells whether the answer shows nothing: no row, or a list of a partition that was never
// written.
func (a *Answer) empty() bool { return !a.Found || a.Version == 0 }

// house counts an entry with its answer's kind.
func (s *shard) house(e *entry) {
	rec := e.rec
	if e.value.Load().empty() {
		s.missing.push(e)
		s.c.room.missing.Add(e.size)
		s.c.counts.notFound.Add(1)
		return
	}
	s.found.add(e)
	rec.bytes += e.size
	s.c.room.found.Add(e.size)
	if rec.found++; rec.found == 1 {
		s.c.room.missing.Add(-rec.overhead())
		s.c.room.found.Add(rec.overhead())
	}
}

// queue gives the queue in which an entry is listed.
func (s *shard) queue(e *entry) *queue {
	switch e.kind {
	case inSmall:
		return &s.found.small
	case inMain:
		return &s.found.main
	}
	return &s.missing
}

// unhouse undoes house.
func (s *shard) unhouse(e *entry) {
	rec := e.rec
	if e.kind == inMissing {
		s.missing.remove(e)
		s.c.room.missing.Add(-e.size)
		s.c.counts.notFound.Add(-1)
		return
	}
	s.queue(e).remove(e)
	rec.bytes -= e.size
	s.c.room.found.Add(-e.size)
	if rec.found--; rec.found == 0 {
		s.c.room.found.Add(-rec.overhead())
		s.c.room.missing.Add(rec.overhead())
	}
}

// resize counts the answer's new size, where its kind stayed: the entry keeps its place.
func (s *shard) resize(e *entry, size int64) {
	d := size - e.size
	e.size = size
	s.queue(e).bytes += d
	if e.kind == inMissing {
		s.c.room.missing.Add(d)
		return
	}
	e.rec.bytes += d
	s.c.room.found.Add(d)
}

// trim lets answers go until both shares are within their bounds. It is called without any lock.
func (c *Cache) trim() {
	if r := &c.room; r.found.Load() > r.foundBound {
		c.trimShare(&r.found, r.foundBound, false)
	}
	if r := &c.room; r.missing.Load() > r.missingBound {
		c.trimShare(&r.missing, r.missingBound, true)
	}
}

// trimShare goes round the shards and takes from each in turn. Those that hold much less than the
// others are passed over: a shard with one large partition must not empty its neighbours.
func (c *Cache) trimShare(used *atomic.Int64, bound int64, missing bool) {
	for passed := 0; used.Load() > bound && passed < len(c.shards); passed++ {
		all := c.counts.entries.Load() - c.counts.notFound.Load()
		if missing {
			all = c.counts.notFound.Load()
		}
		s := &c.shards[c.room.hand.Add(1)%uint64(len(c.shards))]
		s.mu.Lock()
		if s.evict(missing, int(all)/len(c.shards)/2) {
			c.counts.evictions.Add(1)
			passed = -1
		}
		s.mu.Unlock()
	}
}

// evict lets one entry of a kind go, if there are more than spare.
func (s *shard) evict(missing bool, spare int) bool {
	var e *entry
	switch {
	case missing && s.missing.entries > spare:
		e = s.missing.secondChance()
	case !missing && s.found.small.entries+s.found.main.entries > spare:
		e = s.found.victim()
	}
	if e == nil {
		return false
	}
	s.drop(e)
	return true
}
