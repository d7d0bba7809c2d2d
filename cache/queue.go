package cache

import "iter"

// A queue orders entries from oldest to newest. It is a ring without links, so that a collection of
// garbage goes through it in one piece.
type queue struct {
	kind        queueKind
	ring        []*entry // a power of two, by place; nil where one was taken out
	first, next uint64   // places: from first on, up to next
	bytes       int64
	entries     int
}

// queueKind names one of a shard's queues.
type queueKind uint8

const (
	inSmall queueKind = iota
	inMain
	inMissing
)

const minRing = 8

func (q *queue) push(e *entry) {
	if q.next-q.first == uint64(len(q.ring)) {
		q.makeRoom()
	}
	e.kind, e.place = q.kind, q.next
	q.ring[q.next&uint64(len(q.ring)-1)] = e
	q.next++
	q.bytes += e.size
	q.entries++
}

func (q *queue) remove(e *entry) {
	q.ring[e.place&uint64(len(q.ring)-1)] = nil
	q.bytes -= e.size
	q.entries--
}

// oldest gives the entry that was pushed first, nil if there is none.
func (q *queue) oldest() *entry {
	for ; q.first < q.next; q.first++ {
		if e := q.ring[q.first&uint64(len(q.ring)-1)]; e != nil {
			return e
		}
	}
	return nil
}

// all yields the entries from oldest to newest. The queue must not be changed meanwhile.
func (q *queue) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for i := q.first; i < q.next; i++ {
			if e := q.ring[i&uint64(len(q.ring)-1)]; e != nil && !yield(e) {
				return
			}
		}
	}
}

// makeRoom closes the gaps, in a larger ring if they are few.
func (q *queue) makeRoom() {
	size := max(len(q.ring), minRing)
	if 2*q.entries > size {
		size *= 2
	}
	ring, n := make([]*entry, size), uint64(0)
	for e := range q.all() {
		ring[n], e.place = e, n
		n++
	}
	q.ring, q.first, q.next = ring, 0, n
}

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

func (q *foundQueue) clear() { *q = foundQueue{small: queue{kind: inSmall}, main: queue{kind: inMain}} }

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
		if e := q.small.oldest(); e != nil && (q.main.entries == 0 || q.small.bytes*smallPart > q.small.bytes+q.main.bytes) {
			if e.hits.Load() < comesBack || e.over() {
				q.remember(e.hash)
				return e
			}
			e.hits.Store(0)
			q.small.remove(e)
			q.main.push(e)
			continue
		}
		e := q.main.oldest()
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

// victimOf chooses the entry to go when a partition is over its share: its oldest that was not looked up
// since the last pass.
func (q *foundQueue) victimOf(rec *record) *entry {
	for {
		for _, list := range []*queue{&q.small, &q.main} {
			for e := range list.all() {
				if e.rec != rec {
					continue
				}
				if e.hits.Load() == 0 {
					return e
				}
				e.hits.Store(0)
			}
		}
	}
}

// secondChance chooses the oldest entry that was not looked up since the last pass.
func (q *queue) secondChance() *entry {
	for {
		e := q.oldest()
		if e == nil || e.hits.Load() == 0 || e.over() {
			return e
		}
		e.hits.Store(0)
		q.remove(e)
		q.push(e)
	}
}
