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

// A queue orders entries from newest to oldest.
type queue struct {
	newest, oldest *entry
	bytes          int64
	entries        int
}

func (q *queue) push(e *entry) {
	e.home, e.newer, e.older = q, nil, q.newest
	if q.newest != nil {
		q.newest.newer = e
	} else {
		q.oldest = e
	}
	q.newest = e
	q.bytes += e.size
	q.entries++
}

func (q *queue) remove(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.oldest = e.newer
	}
	e.home, e.newer, e.older = nil, nil, nil
	q.bytes -= e.size
	q.entries--
}

func (q *queue) clear() { *q = queue{} }

// foundQueue is an S3-FIFO: what is new passes through a small queue first, and stays only if it
// was looked up there, or comes back soon after it left. So answers that are asked for once do not
// drive out those that are asked for again and again. A look-up only counts on its entry.
type foundQueue struct {
	small, main queue
	ghosts      []uint32 // fingerprints of what left small lately; a slot each, by hash
}

const (
	smallPart  = 10   // small may hold a tenth of the bytes
	ghostSlots = 2048 // per shard
	comesBack  = 2    // look-ups in small that make an answer stay
)

func (q *foundQueue) clear() { *q = foundQueue{} }

func (q *foundQueue) add(e *entry) {
	if q.wasHere(e.hash) {
		q.main.push(e)
	} else {
		q.small.push(e)
	}
}

func (q *foundQueue) wasHere(hash uint64) bool {
	return q.ghosts != nil && q.ghosts[hash%ghostSlots] == fingerprint(hash)
}

func (q *foundQueue) remember(hash uint64) {
	if q.ghosts == nil {
		q.ghosts = make([]uint32, ghostSlots)
	}
	q.ghosts[hash%ghostSlots] = fingerprint(hash)
}

func fingerprint(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// victim chooses the entry to go, nil if there is none.
func (q *foundQueue) victim() *entry {
	for {
		if e := q.small.oldest; e != nil && (q.main.oldest == nil || q.small.bytes*smallPart > q.small.bytes+q.main.bytes) {
			if e.hits.Load() < comesBack || e.over() {
				q.remember(e.hash)
				return e
			}
			e.hits.Store(0)
			q.small.remove(e)
			q.main.push(e)
			continue
		}
		e := q.main.oldest
		if e == nil {
			return nil
		}
		n := e.hits.Load()
		if n == 0 || e.over() {
			return e
		}
		e.hits.Store(n - 1)
		q.main.remove(e)
		q.main.push(e)
	}
}

// secondChance chooses the oldest entry that was not looked up since the last pass.
func (q *queue) secondChance() *entry {
	for {
		e := q.oldest
		if e == nil || e.hits.Load() == 0 || e.over() {
			return e
		}
		e.hits.Store(0)
		q.remove(e)
		q.push(e)
	}
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
	rec.list(e)
	rec.bytes += e.size
	s.c.room.found.Add(e.size)
	if rec.found++; rec.found == 1 {
		s.c.room.missing.Add(-rec.overhead())
		s.c.room.found.Add(rec.overhead())
	}
}

// unhouse undoes house.
func (s *shard) unhouse(e *entry) {
	rec := e.rec
	if e.home == &s.missing {
		s.missing.remove(e)
		s.c.room.missing.Add(-e.size)
		s.c.counts.notFound.Add(-1)
		return
	}
	e.home.remove(e)
	rec.unlist(e)
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
	e.home.bytes += d
	if e.home == &s.missing {
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
