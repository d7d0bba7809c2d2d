package forecast

import (
	"math"

	"github.com/partita-dev/partita/model"
)

// Cache is the first tier of each node.
type Cache struct {
	Bytes Number `json:"bytes"`     // that a node has
	All   Number `json:"all_bytes"` // that everything asked for would take
	Hits  Number `json:"hit_rate"`  // over all reads that may be cached
}

// answerCost are the bytes of a cached answer beside its body.
const answerCost = 200

// caching works out how often answers come from a cache. Each partition is asked for by its rank
// (Zipf), requests come independently (Poisson). An answer serves until its time is over, a write
// touches it, or there is no room: the cache keeps about those that were asked for last, so one that
// is asked for less often than the time that the cache remembers drops out (Che, Tung, Wang 2002).
func (p *planner) caching() {
	type asked struct {
		read   *Read
		model  *model.Read
		rate   float64 // per second over all keys
		keys   float64 // distinct, in one partition
		bytes  float64
		writes float64 // per second that touch a key, on average
		of     []bin
	}
	var list []asked
	all := 0.0
	for i := range p.out.Reads {
		r := &p.out.Reads[i]
		m := p.Model.Read(r.Name)
		a := asked{read: r, model: m, rate: r.Rate.Value, bytes: p.answerBytes(m)}
		partitions := p.partitions(m.Of.Family).Value
		a.keys = 1
		if !m.List && len(m.Of.Key) > 0 {
			a.keys = max(1, p.rowsOf(m.Of).Value/partitions)
		}
		a.of = zipf(partitions, p.Zipf)
		a.writes = p.touches(m) / partitions
		if !m.List {
			a.writes /= a.keys
		}
		all += partitions * a.keys * a.bytes
		list = append(list, a)
	}
	// how long the cache remembers what was asked for: found by halving
	used := func(remember float64) (bytes float64) {
		for _, a := range list {
			if a.model.Fresh == 0 {
				continue
			}
			for _, b := range a.of {
				rate := a.rate * b.share / b.count / a.keys
				bytes += b.count * a.keys * a.bytes * (1 - math.Exp(-rate*remember))
			}
		}
		return bytes
	}
	low, high := 0.0, 30*24*3600.0
	if used(high) > p.Cache {
		for range 40 {
			if mid := (low + high) / 2; used(mid) > p.Cache {
				high = mid
			} else {
				low = mid
			}
		}
	}
	remember := high
	var hits, sum float64
	var from Number
	for _, a := range list {
		hit := 0.0
		if fresh := a.model.Fresh.Seconds(); fresh > 0 {
			for _, b := range a.of {
				rate := a.rate * b.share / b.count / a.keys
				lives := min(fresh, remember)
				if a.writes > 0 { // until it is over, or written to, whichever comes first
					w := a.writes * b.share * totalCount(a.of) / b.count
					lives = (1 - math.Exp(-w*lives)) / w
				}
				hit += b.share * rate * lives / (1 + rate*lives)
			}
			hits += hit * a.rate
			sum += a.rate
		}
		a.read.Hits = Number{hit, Assumed}
		if a.model.Fresh == 0 {
			a.read.Hits = Number{0, Declared}
		}
		a.read.Store = by(a.rate*(1-hit), a.read.Rate, a.read.Hits)
		from = by(0, from, a.read.Rate)
	}
	p.out.Cache = Cache{Bytes: Number{p.Cache, Assumed}, All: by(all, Number{From: Assumed})}
	if sum > 0 {
		p.out.Cache.Hits = Number{hits / sum, Assumed}
	}
}

func totalCount(of []bin) (n float64) {
	for _, b := range of {
		n += b.count
	}
	return n
}

// touches gives the writes a second that change what a read shows.
func (p *planner) touches(r *model.Read) (rate float64) {
	of := r.Of
	if of.View != nil {
		of = of.View.From
	}
	for i := range p.out.Writes {
		w := p.Model.Write(p.out.Writes[i].Name)
		for _, s := range w.Steps {
			if s.Entity == of && s.Op != model.OpRead {
				rate += p.out.Writes[i].Commits.Value
				break
			}
		}
	}
	return rate
}

// answerBytes estimates an answer's JSON.
func (p *planner) answerBytes(r *model.Read) float64 {
	row := 2.0
	for _, f := range r.Fields {
		row += p.json(f)
	}
	if !r.List {
		return row + answerCost
	}
	rows := max(1, r.Of.Expect)
	if len(r.By) > 0 {
		rows = math.Sqrt(rows)
	}
	return min(rows, float64(r.Page))*row + answerCost
}

// bin is a stretch of ranks that are treated alike.
type bin struct{ count, share float64 }

// zipf spreads requests over n partitions by rank, the k-th in proportion to 1/k^s, in bins that grow.
func zipf(n, s float64) []bin {
	n = min(max(1, math.Floor(n)), 1e15) // beyond it a rank more makes no difference
	var bins []bin
	total := 0.0
	for first := 1.0; first <= n; {
		last := min(n, math.Floor(first*1.15))
		count := last - first + 1
		share := count * math.Pow((first+last)/2, -s)
		bins = append(bins, bin{count, share})
		total += share
		first = last + 1
	}
	for i := range bins {
		bins[i].share /= total
	}
	return bins
}
