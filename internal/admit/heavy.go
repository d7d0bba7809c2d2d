package admit

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
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
	seed  maphash.Seed
	parts [heavyParts]heavyPart
}

const (
	heavyParts = 8  // partitions are spread over, so that processors seldom wait for each other
	heavyKept  = 32 // in each part
	heavyFade  = 2 * time.Second
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
	cost      float64 // seconds
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

// add notes what something in a partition cost.
func (h *Heavy) add(p store.Partition, took time.Duration, now time.Time) {
	if h == nil || p.Family == nil {
		return
	}
	hash := maphash.Comparable(h.seed, p) | 1
	part := &h.parts[(hash>>32)%heavyParts]
	part.mu.Lock()
	defer part.mu.Unlock()
	part.fade(now)
	least := 0
	for i := range part.n {
		if part.hashes[i] == hash {
			one := &part.kept[i]
			one.cost += took.Seconds()
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
	part.kept[least] = heavyOne{partition: p, cost: over + took.Seconds(), over: over, count: 1}
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
	return h.top(n)
}

func (h *Heavy) top(n int) []HeavyPartition {
	var all []heavyOne
	total, now := 0.0, time.Now()
	var seconds float64
	for i := range h.parts {
		part := &h.parts[i]
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
	for _, one := range all[:min(n, len(all))] {
		list = append(list, HeavyPartition{Family: one.partition.Family.Name, Partition: string(model.AppendText(nil, one.partition.Value)),
			partition: one.partition, Share: (one.cost - one.over) / total, Load: (one.cost - one.over) / seconds, Rate: one.count / seconds})
	}
	return list
}
