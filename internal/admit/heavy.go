package admit

import (
	"cmp"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Heavy finds the partitions that cost the most, in a fixed amount of memory (Space-Saving): a
// partition that takes more than a share of 1 in kept of all is always found, and what is said of one is
// at most that much too high. Costs fade: they are those of the last few seconds.
//
// It is safe for concurrent use. A nil *Heavy takes nothing.
type Heavy struct {
	seed    maphash.Seed
	costs   sketch
	answers sketch // how many there were, of some of them, while somebody wants to know
	wanted  atomic.Bool
}

// sketch is what Space-Saving keeps.
type sketch [heavyParts]heavyPart

const (
	heavyParts = 8  // partitions are spread over, so that processors seldom wait for each other
	heavyKept  = 32 // in each part
	heavyFade  = 2 * time.Second

	answersEvery = 8  // of so many answers one is counted
	fewAnswers   = 50 // of which no share can be told
)

type heavyPart struct {
	mu     sync.Mutex
	hashes [heavyKept]uint64
	kept   [heavyKept]heavyOne
	n      int
	faded  time.Time
	_      [64]byte
}

type heavyOne struct {
	partition store.Partition
	cost      float64 // seconds, or 1 for each answer
	over      float64 // of it, that may be others'
	count     float64
}

// HeavyPartition is what one partition costs.
type HeavyPartition struct {
	Family    string  `json:"family"`
	Partition string  `json:"partition"`
	Share     float64 `json:"share"` // of all that was done for partitions lately
	Load      float64 `json:"load"`  // things under way at a time
	Rate      float64 `json:"rate"`  // things done per second

	partition store.Partition
}

// NewHeavy makes a Heavy.
func NewHeavy() *Heavy { return &Heavy{seed: maphash.MakeSeed()} }

// add notes what something in a partition cost before the store.
func (h *Heavy) add(p store.Partition, took time.Duration, now time.Time) {
	if h == nil || p.Family == nil {
		return
	}
	h.costs.add(h.hash(p), p, took.Seconds(), now)
	h.Answered(p)
}

// Answered notes that a caller who may ask for a partition got an answer from it, of the cache or the store. It takes next to
// nothing while processors do all that there is to do.
func (h *Heavy) Answered(p store.Partition) {
	if h == nil || !h.wanted.Load() || p.Family == nil || rand.Uint32N(answersEvery) != 0 {
		return
	}
	h.answers.add(h.hash(p), p, 1, time.Now())
}

// Answered notes an answer of the cache: see Heavy. A nil Gate takes nothing.
func (g *Gate) Answered(p store.Partition) {
	if g != nil {
		g.heavy.Answered(p)
	}
}

// want says whether somebody wants to know of answers.
func (h *Heavy) want(is bool) {
	if h != nil {
		h.wanted.Store(is)
	}
}

func (h *Heavy) hash(p store.Partition) uint64 { return maphash.Comparable(h.seed, p) | 1 }

func (s *sketch) add(hash uint64, p store.Partition, cost float64, now time.Time) {
	part := &s[(hash>>32)%heavyParts]
	part.mu.Lock()
	defer part.mu.Unlock()
	part.fade(now)
	least := 0
	for i := range part.n {
		if part.hashes[i] == hash {
			one := &part.kept[i]
			one.cost += cost
			one.count++
			return
		}
		if part.kept[i].cost < part.kept[least].cost {
			least = i
		}
	}
	if part.n < heavyKept {
		least = part.n
		part.n++
	}
	over := part.kept[least].cost
	part.hashes[least] = hash
	part.kept[least] = heavyOne{partition: p, cost: over + cost, over: over, count: 1}
}

// fade makes room for what is new: every heavyFade half of the costs is forgotten.
func (part *heavyPart) fade(now time.Time) {
	if part.faded.IsZero() {
		part.faded = now
	}
	for now.Sub(part.faded) >= heavyFade {
		part.faded = part.faded.Add(heavyFade)
		kept := 0
		for i := range part.n {
			one := part.kept[i]
			one.cost, one.over, one.count = one.cost/2, one.over/2, one.count/2
			if one.cost > 1e-7 {
				part.kept[kept], part.hashes[kept] = one, part.hashes[i]
				kept++
			}
		}
		part.n = kept
	}
}

// Top gives the heaviest partitions, the heaviest first. A nil Heavy has none.
func (h *Heavy) Top(n int) []HeavyPartition {
	if h == nil {
		return nil
	}
	return h.costs.top(n, 0)
}

// top gives the heaviest partitions, if at least so much was noted lately.
func (s *sketch) top(n int, least float64) []HeavyPartition {
	var all []heavyOne
	total, now := 0.0, time.Now()
	var seconds float64
	for i := range s {
		part := &s[i]
		part.mu.Lock()
		part.fade(now)
		// Halved every heavyFade, steady costs come to between one and two times that.
		seconds = heavyFade.Seconds() + now.Sub(part.faded).Seconds()
		for _, one := range part.kept[:part.n] {
			total += one.cost
			all = append(all, one)
		}
		part.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b heavyOne) int { return cmp.Compare(b.cost-b.over, a.cost-a.over) })
	var list []HeavyPartition
	if total < least {
		return nil
	}
	for _, one := range all[:min(n, len(all))] {
		list = append(list, HeavyPartition{Family: one.partition.Family.Name, Partition: string(model.AppendText(nil, one.partition.Value)),
			partition: one.partition, Share: (one.cost - one.over) / total, Load: (one.cost - one.over) / seconds, Rate: one.count / seconds})
	}
	return list
}
