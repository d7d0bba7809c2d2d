package cache

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/partita-dev/partita/model"
)

// An entry is one answer's place. Its identity never changes; the answer in it is replaced by newer
// ones. There may be millions, which the collector of garbage looks at again and again: so it has few
// pointers.
type entry struct {
	// What a look-up reads comes first, together.
	next  atomic.Pointer[entry] // in the table's chain
	hash  uint64
	rec   *record
	cell  *cell
	value atomic.Pointer[Answer]
	hits  atomic.Uint32 // look-ups since the eviction last passed by, at most maxHits
	kind  queueKind     // where it is listed
	name  name

	place   uint64        // in its queue
	claimed atomic.Int64  // when a reader was last chosen to refresh it, as time since clock.began
	keep    time.Duration // how long the answer can be of use to those who loaded it
	size    int64
	long    string // its name, where that does not fit into name
}

// A name is a key that lies beside what a look-up reads anyway, if it is short enough: that of a row
// with a UUID is.
type name struct {
	length uint8
	inside [50]byte
}

// nameOf gives the name, and the key itself where it is too long for one.
func nameOf(key string) (n name, long string) {
	if len(key) > len(n.inside) {
		return name{length: math.MaxUint8}, key
	}
	n.length = uint8(copy(n.inside[:], key))
	return n, ""
}

// is tells whether a name, or the key that is too long for one, is that key.
func is[K string | []byte](n *name, long string, key K) bool {
	if len(key) > len(n.inside) {
		return long == string(key)
	}
	return int(n.length) == len(key) && string(n.inside[:len(key)]) == string(key)
}

const (
	maxHits    = 3
	popularity = 2 // hits that make an answer worth an early refresh
	// An answer's time ends up to 1/jitterPart early, so that what was loaded at once does not end
	// at once; the last 1/refreshWindow of what remains is for the early refresh.
	jitterPart    = 16
	refreshWindow = 8
)

// meets returns the answer if it is current, within t.Fresh and not below t.Min, and how much of its
// time is left; otherwise nil.
func (e *entry) meets(t Terms) (*Answer, time.Duration) {
	through := e.rec.through.Load() // before floor and cell: see record.apply
	a := e.value.Load()
	if a.Version < e.rec.floor.Load() || a.Version < e.cell.version.Load() {
		return nil, 0
	}
	if a.Version < t.Min && through < t.Min {
		return nil, 0
	}
	left := t.Fresh - jitter(t.Fresh, e.hash) - time.Since(a.Time)
	if left < 0 {
		return nil, 0
	}
	return a, left
}

// helps returns the answer if it may serve as stale: t.Stale bounds its age, and t.Min holds.
func (e *entry) helps(t Terms) *Answer {
	a := e.value.Load()
	if t.Stale <= 0 || time.Since(a.Time) > t.Stale || e.rec.upTo(a.Version, e.cell) < t.Min {
		return nil
	}
	return a
}

// jitter gives what is taken off a time limit: from 0 to 1/jitterPart of it, always the same for the
// same answer.
func jitter(d time.Duration, hash uint64) time.Duration {
	return d / (jitterPart << 6) * time.Duration(hash&63)
}

func (e *entry) touch() {
	if n := e.hits.Load(); n < maxHits {
		e.hits.Store(n + 1)
	}
}

func (e *entry) popular() bool { return e.hits.Load() >= popularity }

// claim chooses one reader to refresh the answer a. A claim that came to nothing lapses after the
// time that a load may take.
func (e *entry) claim(c *Cache, a *Answer) bool {
	now, last := max(int64(time.Since(c.clock.began)), 1), e.claimed.Load()
	if last != 0 && now-last < int64(c.loadTimeout) {
		return false
	}
	if !e.claimed.CompareAndSwap(last, now) {
		return false
	}
	if e.value.Load() != a { // it was refreshed since it was looked at, which ended the last claim
		e.claimed.CompareAndSwap(now, 0)
		return false
	}
	return true
}

// What the cache's own structures take beside the bytes of keys and answers: measured with
// TestBoundIsHonest, allocator's rounding and table slots included.
const (
	entryBytes  = int64(unsafe.Sizeof(entry{})+unsafe.Sizeof(Answer{})+unsafe.Sizeof(cell{})) + 72
	recordBytes = int64(unsafe.Sizeof(record{})) + 128
)

func sizeOf(key string, a *Answer) int64 {
	n := entryBytes + int64(cap(a.Body)+len(a.ETag))
	if len(key) > len(name{}.inside) {
		n += int64(len(key))
	}
	if a.Row != nil {
		n += int64(unsafe.Sizeof(*a.Row)) + int64(cap(a.Row.Values))*int64(unsafe.Sizeof(model.Value{}))
		for _, v := range a.Row.Values {
			n += int64(len(v.Text()))
		}
	}
	return n
}
