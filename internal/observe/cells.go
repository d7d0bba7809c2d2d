package observe

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
)

// Everything that is counted of one pattern lies in one flat row of cells, so that a difference of
// two moments, its merging and its storing are each one loop.
const (
	cellLatency = 0                         // buckets of the whole time
	cellStore   = cellLatency + bucketCount // buckets of the time spent waiting for the store
	cellAge     = cellStore + bucketCount   // buckets of the age of answers within fresh
	cellStale   = cellAge + bucketCount     // buckets of the age of stale answers
	cellOutcome = cellStale + bucketCount   // reads: by cache.Outcome; writes: by writeOutcome
	cellCode    = cellOutcome + outcomes    // by place in codes, the last for any other
	cellSums    = cellCode + codeCount + 1  // nanoseconds, of the four histograms in their order
	cellCount   = cellSums + 4

	sumLatency = cellSums + 0
	sumStore   = cellSums + 1
	sumAge     = cellSums + 2
	sumStale   = cellSums + 3

	outcomes  = 8
	codeCount = len(codes)
)

// Outcomes of writes, in the place of cache outcomes.
const (
	writeDone = iota
	writeReplayed
)

// codes are the kinds of failure in the order of their cells.
var codes = [...]fault.Code{
	fault.Internal, fault.BadRequest, fault.InvalidInput, fault.OutOfBounds, fault.BadCursor,
	fault.TooLarge, fault.UnsupportedMedia, fault.NotAcceptable, fault.MethodNotAllowed,
	fault.Unauthenticated, fault.Forbidden, fault.UnknownPattern, fault.NotFound, fault.MissingRow,
	fault.GuardFailed, fault.Exists, fault.NotUnique, fault.TooMany, fault.Precondition,
	fault.KeyReused, fault.InFlight, fault.QuotaExceeded, fault.Overloaded, fault.Unavailable,
	fault.Behind, fault.Deadline, fault.NotActive, fault.Gone,
}

var codeCells = func() map[fault.Code]int {
	m := make(map[fault.Code]int, codeCount)
	for i, c := range codes {
		m[c] = cellCode + i
	}
	return m
}()

func codeCell(c fault.Code) int {
	if i, ok := codeCells[c]; ok {
		return i
	}
	return cellCode + codeCount
}

// codeName names a code by its place; one that was added after this table is "other".
func codeName(i int) string {
	if i == codeCount {
		return "other"
	}
	return string(codes[i])
}

// failures are the codes for which the service, not the caller, is to blame.
var failures = []fault.Code{fault.Internal, fault.Overloaded, fault.Unavailable, fault.Behind, fault.Deadline}

// Kinds of errors, as the page and status show them.
const (
	kindFailed  = "failed"  // the service is to blame
	kindRefused = "refused" // the request is to blame
	kindAnswer  = "answer"  // "not found": an answer, although an HTTP error
)

func codeKind(i int) string {
	switch {
	case i == codeCount, slices.Contains(failures, codes[i]):
		return kindFailed
	case codes[i] == fault.NotFound:
		return kindAnswer
	}
	return kindRefused
}

// outcomeNames are the cache outcomes in words, by cache.Outcome.
var outcomeNames = [...]string{
	cache.Bypass:    "bypass",
	cache.Hit:       "hit",
	cache.Miss:      "miss",
	cache.Joined:    "joined",
	cache.Refreshed: "refreshed",
	cache.Stale:     "stale",
	cache.Shared:    "shared",
}

// cells are the counters of one pattern that one shard of the callers adds to.
type cells [cellCount]atomic.Uint64

// add counts d in the histogram that begins at cell first and has its sum at cell sum.
func (c *cells) add(l layout, first, sum int, d time.Duration) {
	c[first+l.index(d)].Add(1)
	c[sum].Add(uint64(max(d, 1)))
}

// pattern is one read or write with its counters and its past.
type pattern struct {
	shards []atomic.Pointer[cells] // nil until a shard has something to count
	past   history
}

// shard gives the cells to add to.
func (p *pattern) shard(i int) *cells {
	s := &p.shards[i]
	if c := s.Load(); c != nil {
		return c
	}
	s.CompareAndSwap(nil, new(cells))
	return s.Load()
}

// sum adds up the shards into dst.
func (p *pattern) sum(dst []uint64) {
	clear(dst)
	for i := range p.shards {
		if c := p.shards[i].Load(); c != nil {
			for j := range c {
				dst[j] += c[j].Load()
			}
		}
	}
}

// quickSum is a quick sign of change: it grows with every sample.
func (p *pattern) quickSum() (n uint64) {
	for i := range p.shards {
		if c := p.shards[i].Load(); c != nil {
			n += c[sumLatency].Load() + c[sumStore].Load()
		}
	}
	return n
}
