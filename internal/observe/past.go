package observe

import (
	"math"
	"slices"
	"time"
)

// Range is a stretch of the past that is kept in steps.
type Range string

// The ranges that are kept, each in at most 60 steps.
const (
	Past5m  Range = "5m"
	Past1h  Range = "1h"
	Past6h  Range = "6h"
	Past24h Range = "24h"
)

// seconds gives the length of a range, 0 for none.
func (g Range) seconds() int {
	switch g {
	case Past5m:
		return 5 * 60
	case Past1h:
		return 60 * 60
	case Past6h:
		return 6 * 60 * 60
	case Past24h:
		return 24 * 60 * 60
	}
	return 0
}

// Valid tells whether g is one of the ranges that are kept.
func (g Range) Valid() bool { return g.seconds() > 0 }

// Past is what one node counted over a range, in equal steps, oldest first. It lies in memory and ends
// with the process.
type Past struct {
	Node  string    `json:"node"`
	Range Range     `json:"range"`
	End   time.Time `json:"end"`  // of the last step
	Step  int       `json:"step"` // seconds
	Steps int       `json:"steps"`
	// Kept and Bound are the bytes that the past of all ranges takes, and that it can take at most.
	Kept     int64         `json:"kept"`
	Bound    int64         `json:"bound"`
	Whole    PatternPast   `json:"whole"`
	Patterns []PatternPast `json:"patterns"` // those with requests in the range; never null
}

// PatternPast is one pattern over a range. Latencies are seconds; 0 where nothing was asked in a step.
type PatternPast struct {
	Name     string      `json:"name"`
	Kind     string      `json:"kind"` // read, write, or "" for the whole service
	Requests uint64      `json:"requests"`
	Rate     []float64   `json:"rate"` // per second
	P50      []float64   `json:"p50"`
	P95      []float64   `json:"p95"`
	P99      []float64   `json:"p99"`
	Errors   []ErrorPast `json:"errors"` // the most frequent first; never null
}

// ErrorPast is one kind of error over a range.
type ErrorPast struct {
	ErrorCount
	Rate []float64 `json:"rate"` // per second
}

// mostPacked is a bound on the bytes of one packed interval: a byte for the distance and five for the
// count of each cell, and more for the sums of nanoseconds.
const mostPacked = cellCount*6 + 4*5

// Past gives a range, as far as the process has lived in it: in the finest steps that are kept for as
// long. An unknown range counts as Past5m.
func (r *Recorder) Past(g Range) Past {
	if !g.Valid() {
		g = Past5m
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	tier := 0
	for tier < tiers-1 && ringLength*tierSeconds[tier] < min(g.seconds(), r.time.ticks) {
		tier++
	}
	spans := r.time.recent(tier, g.seconds()/tierSeconds[tier])
	p := Past{Node: r.cfg.Node, Range: g, Step: tierSeconds[tier], Steps: len(spans), Patterns: []PatternPast{}}
	open := time.Duration(r.time.ticks%tierSeconds[tier]) * time.Second
	p.End = r.time.closed.Add(-open).UTC()
	wholes := make([][]uint64, len(spans))
	for i := range wholes {
		wholes[i] = make([]uint64, cellCount)
	}
	add := func(name, kind string, x *pattern) {
		row := newPast(name, kind)
		for i, sp := range spans {
			clear(r.scratch)
			unpack(r.scratch, x.past.slots[sp.tier][sp.slot])
			row.add(r.scratch, r.time.took[sp.tier][sp.slot], i, len(spans))
			for j, n := range r.scratch {
				wholes[i][j] += n
			}
		}
		if row.Requests > 0 {
			row.sort()
			p.Patterns = append(p.Patterns, row)
		}
	}
	for i, x := range r.reads {
		if rd := r.cfg.Model.Reads[i]; !rd.Internal {
			add(rd.Name, "read", x)
		}
	}
	for i, x := range r.writes {
		add(r.cfg.Model.Writes[i].Name, "write", x)
	}
	p.Whole = newPast("", "")
	for i, sp := range spans {
		p.Whole.add(wholes[i], r.time.took[sp.tier][sp.slot], i, len(spans))
	}
	p.Whole.sort()
	all := append(r.patterns(), r.accepted)
	for _, x := range all {
		for t := range x.past.slots {
			for s := range x.past.slots[t] {
				p.Kept += int64(cap(x.past.slots[t][s]))
			}
		}
	}
	p.Bound = int64(len(all) * tiers * ringLength * mostPacked)
	return p
}

func newPast(name, kind string) PatternPast {
	return PatternPast{Name: name, Kind: kind, Rate: []float64{}, P50: []float64{}, P95: []float64{}, P99: []float64{}, Errors: []ErrorPast{}}
}

// add takes in step i of n.
func (p *PatternPast) add(row []uint64, took time.Duration, i, n int) {
	t := tallyOf(row)
	p.Requests += t.all
	p.Rate = append(p.Rate, short(per(float64(t.all), took.Seconds())))
	l := latencyOf(latencies, row[cellLatency:])
	p.P50, p.P95, p.P99 = append(p.P50, short(l.P50)), append(p.P95, short(l.P95)), append(p.P99, short(l.P99))
	for _, e := range errorsOf(row) {
		at := slices.IndexFunc(p.Errors, func(x ErrorPast) bool { return x.Code == e.Code })
		if at < 0 {
			at = len(p.Errors)
			p.Errors = append(p.Errors, ErrorPast{ErrorCount{Code: e.Code, Kind: e.Kind}, make([]float64, n)})
		}
		p.Errors[at].Count += e.Count
		p.Errors[at].Rate[i] = short(per(float64(e.Count), took.Seconds()))
	}
}

func (p *PatternPast) sort() {
	slices.SortStableFunc(p.Errors, func(a, b ErrorPast) int { return int(min(b.Count, 1<<40)) - int(min(a.Count, 1<<40)) })
}

// short cuts a figure to four digits that matter, so that an answer is not mostly noise.
func short(x float64) float64 {
	if x == 0 {
		return 0
	}
	by := math.Pow10(3 - int(math.Floor(math.Log10(math.Abs(x)))))
	return math.Round(x*by) / by
}
