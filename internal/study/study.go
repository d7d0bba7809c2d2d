// Package study watches a running service for what would help it: what a cache would have made of the
// requests for a sample of the answers, for one `fresh` after another; which combinations of filters
// are asked for; what writes wait for; and what the partitions cost, by pattern and caller. It is where
// `partita advise` has its evidence from.
//
// It costs next to nothing: a request that is not in the sample costs two short hashes, and the sample
// becomes smaller as more comes.
package study

import (
	"hash/maphash"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
)

// Study is what one node watches. Make one with New. It is safe for concurrent use. A nil *Study
// watches nothing.
type Study struct {
	seed   maphash.Seed
	now    func() time.Duration // since the start, by the monotonic clock
	reads  []*reading           // by Read.ID
	writes []*writing           // by Write.ID
	costs  costs

	mu sync.Mutex
	at map[uint64][]*answer // those in the sample, by the hash of their partition
}

// New makes a Study that begins now.
func New(m *model.Model) *Study {
	began := time.Now()
	return newStudy(m, func() time.Duration { return time.Since(began) })
}

func newStudy(m *model.Model, now func() time.Duration) *Study {
	s := &Study{seed: maphash.MakeSeed(), now: now, at: map[uint64][]*answer{}}
	for _, r := range m.Reads {
		s.reads = append(s.reads, newReading(r))
	}
	for _, w := range m.Writes {
		s.writes = append(s.writes, &writing{name: w.Name})
	}
	s.costs.init()
	return s
}

// The bounds of the sample.
const (
	mostAnswers = 512 // of a read
	mostLooks   = 250 // in a second, of a read: above it the sample becomes smaller
	fewAnswers  = 8   // are not made fewer: it is then their requests that are
	mostThin    = 1<<16 - 1
	forgotten   = time.Hour // an answer that nobody asked for in this time may make room for others
)

// steps are the `fresh` that are tried, beside a read's own.
var steps = [...]time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// reading is what is known of one read.
type reading struct {
	read  *model.Read
	tries []time.Duration // the read's own `fresh` first, then steps
	used  []atomic.Uint64 // loads by mask of the filters given
	below atomic.Uint64   // an answer is in the sample if its hash is at most this
	thin  atomic.Uint32   // of its requests one in thin+1 is looked at; thin+1 is a power of two

	// Under the Study's lock.
	answers map[uint64]*answer
	second  time.Duration // in which
	looks   int           // were taken
	tally
}

// tally is what the sample showed.
type tally struct {
	asked    uint64   // requests
	looked   uint64   // of them, that were looked at
	loads    []uint64 // that each of the tries would have needed
	changes  uint64   // of an answer that somebody had asked for since the last one
	outdated [ageCount]uint64
	served   uint64 // requests that the read's own fresh alone would have answered from a copy,
	old      uint64 // and of them those where the answer had changed
}

// answer is one of the sample.
type answer struct {
	hash, place uint64 // of itself, of its partition
	of          *reading
	tag         model.Tag
	seen        time.Duration
	changed     time.Duration
	loaded      [1 + len(steps)]time.Duration // by try: when its copy was loaded
	plain       time.Duration                 // when a copy was that nobody told of changes
	first       bool
}

func newReading(r *model.Read) *reading {
	x := &reading{read: r, tries: append([]time.Duration{r.Fresh}, steps[:]...), answers: map[uint64]*answer{}}
	x.used = make([]atomic.Uint64, 1<<len(r.Filter))
	x.loads = make([]uint64, len(x.tries))
	x.below.Store(math.MaxUint64)
	return x
}

// Asked notes a request for an answer: the names of partition and answer are those that the cache has.
// Neither is kept.
func (s *Study) Asked(r *model.Read, partition, answer []byte, args *model.Args) {
	if s == nil || r.Internal || r.ID >= len(s.reads) {
		return
	}
	x := s.reads[r.ID]
	place := maphash.Bytes(s.seed, partition)
	hash := mix(place, maphash.Bytes(s.seed, answer))
	if hash > x.below.Load() {
		return
	}
	if thin := x.thin.Load(); thin != 0 && rand.Uint32()&thin != 0 {
		return
	}
	s.look(x, place, hash, args)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b|1)
	return hi ^ lo
}

func (s *Study) look(x *reading, place, hash uint64, args *model.Args) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	weight := uint64(x.thin.Load()) + 1
	x.asked += weight
	x.looked++
	a := x.answers[hash]
	if a == nil {
		a = &answer{hash: hash, place: place, of: x, tag: x.read.Tag(args), first: true}
		x.answers[hash] = a
		s.at[place] = append(s.at[place], a)
	}
	for i, fresh := range x.tries {
		if a.first || a.changed >= a.loaded[i] || now-a.loaded[i] > fresh {
			x.loads[i]++
			a.loaded[i] = now
		}
	}
	if a.first || now-a.plain > x.tries[0] {
		a.plain = now
	} else {
		x.served += weight
		if a.changed >= a.plain {
			x.old += weight
		}
	}
	a.seen, a.first = now, false
	if now-x.second >= time.Second {
		x.second, x.looks = now, 0
	}
	if x.looks++; x.looks > mostLooks || len(x.answers) > mostAnswers {
		s.narrow(x, now)
	}
}

// narrow makes the sample of a read smaller.
func (s *Study) narrow(x *reading, now time.Duration) {
	busy := x.looks > mostLooks
	x.looks = 0
	if !busy {
		for _, a := range x.answers {
			if now-a.seen > max(forgotten, x.tries[0]) {
				s.drop(a)
			}
		}
		if len(x.answers) <= mostAnswers*3/4 {
			return
		}
	}
	if len(x.answers) <= fewAnswers {
		if thin := x.thin.Load(); thin < mostThin {
			x.thin.Store(2*thin + 1)
		}
		return
	}
	below := x.below.Load() / 2
	x.below.Store(below)
	for _, a := range x.answers {
		if a.hash > below {
			s.drop(a)
		}
	}
}

func (s *Study) drop(a *answer) {
	delete(a.of.answers, a.hash)
	list := s.at[a.place]
	for i, other := range list {
		if other == a {
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(s.at, a.place)
		return
	}
	s.at[a.place] = list
}

// Changed takes in the message of a commit, as a cache does.
func (s *Study) Changed(m cache.Message) {
	if s == nil {
		return
	}
	place := maphash.String(s.seed, m.Partition)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.at[place] {
		if m.All || slices.Contains(m.Tags, a.tag) {
			a.change(s.now())
		}
	}
}

// change notes that an answer is another from now on.
func (a *answer) change(now time.Duration) {
	copied := a.loaded[len(a.loaded)-1] // the copy that lasts the longest
	if a.changed < copied {
		a.of.changes++
		a.of.outdated[ageOf(now-copied)]++
	}
	a.changed = now
}

// Wants tells whether changes of a partition, by its name in the cache, make a difference here.
func (s *Study) Wants(partition string) bool {
	if s == nil {
		return false
	}
	place := maphash.String(s.seed, partition)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[place] != nil
}

// Loaded notes that the store was asked for an answer, and with which filters.
func (s *Study) Loaded(r *model.Read, args *model.Args) {
	if s == nil || r.Internal || r.ID >= len(s.reads) {
		return
	}
	mask, first := 0, 1+len(r.By)
	for i := range r.Filter {
		if args.Given[first+i] {
			mask |= 1 << i
		}
	}
	s.reads[r.ID].used[mask].Add(1)
}

// Ages are counted by powers of two of a millisecond.
const ageCount = 24

// AgeBound gives the upper bound, in seconds, of a place in Read.Outdated.
func AgeBound(i int) float64 { return math.Ldexp(0.001, i) }

func ageOf(d time.Duration) int {
	return min(bits.Len64(uint64(max(d, 0)/time.Millisecond)), ageCount-1)
}
