package study

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// CostOneIn is how many requests stand behind one that is looked at for the cost of partitions.
const CostOneIn = 16

// Beside is what a request is taken to cost beside the store.
const Beside = 20 * time.Microsecond

const (
	keptPartitions = 64
	keptNames      = 8
	fade           = 5 * time.Minute // half of the costs is forgotten every so often
)

// writing is what is known of one write.
type writing struct {
	name         string
	done, again  atomic.Uint64 // carried out, whatever came of it; of them more than once
	waited, took atomic.Int64  // nanoseconds
}

// Cost notes what a request in a partition cost: took is the store's part. Most calls return at once.
func (s *Study) Cost(p store.Partition, pattern string, claims *model.Claims, took time.Duration) {
	if s == nil || rand.Uint32()%CostOneIn != 0 {
		return
	}
	caller := ""
	if claims != nil {
		caller = claims.Subject
	}
	s.costs.add(p, pattern, caller, (took + Beside).Seconds(), s.now())
}

// Wrote notes a write that the store carried out, whatever came of it: how often its work was done,
// how long it waited for that, and how long all took.
func (s *Study) Wrote(w *model.Write, p store.Partition, claims *model.Claims, runs int, waited, took time.Duration) {
	if s == nil || w.ID >= len(s.writes) || s.writes[w.ID].name != w.Name {
		return
	}
	x := s.writes[w.ID]
	x.done.Add(1)
	if runs > 1 {
		x.again.Add(1)
	}
	x.waited.Add(int64(waited))
	x.took.Add(int64(took))
	s.Cost(p, w.Name, claims, took-waited)
}

// costs are those of the partitions that cost the most (Space-Saving). They fade.
type costs struct {
	mu    sync.Mutex
	by    map[store.Partition]*costly
	all   map[string]float64 // by family: cost of all
	count map[string]float64 // likewise, requests
	faded time.Duration
}

// costly is one partition.
type costly struct {
	partition store.Partition
	cost      float64
	over      float64 // of it, that may be others'
	requests  float64
	patterns  names
	callers   names
}

func (c *costs) init() {
	c.by, c.all, c.count = map[store.Partition]*costly{}, map[string]float64{}, map[string]float64{}
}

func (c *costs) add(p store.Partition, pattern, caller string, cost float64, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	family := p.Family.Name
	c.all[family] += cost
	c.count[family]++
	x := c.by[p]
	if x == nil {
		x = &costly{partition: p}
		if len(c.by) >= keptPartitions {
			least := c.least()
			delete(c.by, least.partition)
			x.cost, x.over = least.cost, least.cost
		}
		c.by[p] = x
	}
	x.cost += cost
	x.requests++
	x.patterns.add(pattern, cost)
	x.callers.add(caller, cost)
}

func (c *costs) least() (least *costly) {
	for _, x := range c.by {
		if least == nil || x.cost < least.cost {
			least = x
		}
	}
	return least
}

func (c *costs) forget(now time.Duration) {
	for ; now-c.faded >= fade; c.faded += fade {
		for f := range c.all {
			c.all[f] /= 2
			c.count[f] /= 2
		}
		for p, x := range c.by {
			x.cost, x.over, x.requests = x.cost/2, x.over/2, x.requests/2
			x.patterns.halve()
			x.callers.halve()
			if x.requests < 0.1 {
				delete(c.by, p)
			}
		}
	}
}

// names are the few that cost the most (Space-Saving).
type names []Share

func (n *names) add(name string, cost float64) {
	for i := range *n {
		if (*n)[i].Name == name {
			(*n)[i].Cost += cost
			return
		}
	}
	if len(*n) < keptNames {
		*n = append(*n, Share{Name: name, Cost: cost})
		return
	}
	least := 0
	for i := range *n {
		if (*n)[i].Cost < (*n)[least].Cost {
			least = i
		}
	}
	over := (*n)[least].Cost
	(*n)[least] = Share{Name: name, Cost: over + cost, Over: over}
}

func (n names) halve() {
	for i := range n {
		n[i].Cost, n[i].Over = n[i].Cost/2, n[i].Over/2
	}
}

func (n names) sorted() []Share {
	list := slices.Clone(n)
	slices.SortFunc(list, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Cost-b.Over, a.Cost-a.Over), cmp.Compare(a.Name, b.Name))
	})
	return list
}
