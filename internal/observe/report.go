package observe

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/partita-dev/partita/internal/study"
)

// report is what one node counted in a window, in a form that can be added up: the figures of one
// node and those of many are made from reports in the same way, and percentiles only after adding.
type report struct {
	Layout   uint64 // of the rows: reports of another cannot be added
	Window   Window
	Number   uint64 // of the export that it is part of
	Part     int    // of Parts
	Parts    int
	Covered  float64 // seconds that the figures really cover
	Steps    []step  // of the charts, oldest first
	Patterns []patternReport
	Business []businessReport
	Study    *study.Figures // since the start only; nil where there is none

	Endpoints []EndpointFigures // only of other nodes
}

// step is one interval of the charts, over the whole service.
type step struct {
	Took        float64 // seconds
	All, Failed uint64
	Shed        uint64 // of Failed: refused since there was too much to do
	Latency     []byte // packed cells of the latency histogram
}

// patternReport is one read or write.
type patternReport struct {
	Name  string
	Write bool
	Row   []byte   // packed cells
	Trend []uint64 // requests in each step
}

// businessReport is one business metric.
type businessReport struct {
	Name, Of, Kind string
	Total, Window  float64
	Trend          []float64
	Series         []Labeled
}

// rowLayout tells rows that mean the same from those that do not.
var rowLayout = func() uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, schema, octaves, latencies, ages, outcomes, codes, outcomeNames, tierSeconds, ringLength)
	return h.Sum64()
}()

// lens is the part of the past that a report looks at.
type lens struct {
	spans   []span // of the window; nil: since start
	seconds float64
	chart   []span
}

// report counts a window on this node. The caller holds the Recorder's lock.
func (r *Recorder) report(w Window, uptime float64) report {
	l := lens{seconds: uptime, chart: r.time.recent(w.chartTier(), ringLength)}
	if n, _ := w.seconds(); n > 0 {
		l.spans, l.seconds = r.window(n)
		if l.spans == nil {
			l.spans = []span{}
		}
	}
	rep := report{Layout: rowLayout, Window: w, Parts: 1, Covered: l.seconds}
	for _, sp := range l.chart {
		o := &r.overview[sp.tier][sp.slot]
		rep.Steps = append(rep.Steps, step{
			Took: r.time.took[sp.tier][sp.slot].Seconds(), All: o.all, Failed: o.failed, Shed: o.shed, Latency: slices.Clone(o.latency),
		})
	}
	for i, p := range r.reads {
		if rd := r.cfg.Model.Reads[i]; !rd.Internal {
			rep.Patterns = append(rep.Patterns, r.patternReport(rd.Name, false, p, l))
		}
	}
	for i, p := range r.writes {
		rep.Patterns = append(rep.Patterns, r.patternReport(r.cfg.Model.Writes[i].Name, true, p, l))
	}
	for _, b := range r.business {
		rep.Business = append(rep.Business, b.report(l))
	}
	if w == SinceStart && r.cfg.Study != nil {
		rep.Study = r.cfg.Study()
	}
	return rep
}

func (r *Recorder) patternReport(name string, write bool, p *pattern, l lens) patternReport {
	if l.spans == nil {
		p.sum(r.scratch)
	} else {
		clear(r.scratch)
		for _, s := range l.spans {
			unpack(r.scratch, p.past.slots[s.tier][s.slot])
		}
		r.addOpen(p)
	}
	rep := patternReport{Name: name, Write: write, Row: pack(nil, r.scratch), Trend: make([]uint64, 0, len(l.chart))}
	for _, s := range l.chart {
		rep.Trend = append(rep.Trend, p.past.counts[s.tier][s.slot].all)
	}
	return rep
}

func (b *business) report(l lens) businessReport {
	rep := businessReport{Name: b.metric.Name, Kind: "count", Total: b.total(), Trend: make([]float64, 0, len(l.chart))}
	if b.metric.Sum != nil {
		rep.Kind = "sum"
	}
	switch {
	case b.metric.Write != nil:
		rep.Of = b.metric.Write.Name
	case b.metric.Read != nil:
		rep.Of = b.metric.Read.Name
	}
	rep.Window = rep.Total
	if l.spans != nil {
		rep.Window = rep.Total - b.last // of the second that is not over yet
		for _, s := range l.spans {
			rep.Window += b.slots[s.tier][s.slot]
		}
	}
	for _, s := range l.chart {
		rep.Trend = append(rep.Trend, b.slots[s.tier][s.slot])
	}
	if len(b.labels) > 0 {
		for _, s := range b.all() {
			labels := make(map[string]string, len(b.labels))
			for i, name := range b.labels {
				labels[name] = s.labels[i]
			}
			rep.Series = append(rep.Series, Labeled{Labels: labels, Total: s.total.load()})
		}
	}
	return rep
}

// Export gives what this node counted in a window, for Peer.Figures on other nodes: parts of some
// most bytes each, of which a reader needs all.
func (r *Recorder) Export(w Window, most int) [][]byte {
	if !w.Valid() {
		return nil
	}
	r.mu.Lock()
	r.exports++
	rep := r.report(w, r.uptime())
	rep.Number = r.exports
	r.mu.Unlock()
	rep.Endpoints = r.endpointFigures()

	var split []report
	room := most / 2 // for what gob adds, and for the chart and the metrics in the first part
	for at := 0; at < len(rep.Patterns) || at == 0; {
		part := report{Layout: rep.Layout, Window: rep.Window, Number: rep.Number, Part: len(split), Covered: rep.Covered}
		if at == 0 {
			part.Steps, part.Business, part.Study, part.Endpoints = rep.Steps, rep.Business, rep.Study, rep.Endpoints
		}
		size, from := 0, at
		for at < len(rep.Patterns) && (at == from || size < room) {
			size += len(rep.Patterns[at].Row) + 2*len(rep.Patterns[at].Trend)
			at++
		}
		part.Patterns = rep.Patterns[from:at]
		split = append(split, part)
		if len(rep.Patterns) == 0 {
			break
		}
	}
	out := make([][]byte, 0, len(split))
	for i := range split {
		split[i].Parts = len(split)
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(&split[i]); err != nil {
			return nil
		}
		out = append(out, b.Bytes())
	}
	return out
}

// Figures puts together the parts of an Export, in any order. The zero Figures has none. It is not
// safe for concurrent use, but a copy of it may be read while more is added.
type Figures struct {
	number uint64
	parts  []*report
	whole  *report
}

// Part is one part of an Export.
type Part struct{ report *report }

// ReadPart reads one part. ok is false where it cannot be read here: another release may count
// differently.
func ReadPart(text []byte) (p Part, ok bool) {
	var rep report
	if gob.NewDecoder(bytes.NewReader(text)).Decode(&rep) != nil || rep.Layout != rowLayout || !rep.Window.Valid() ||
		rep.Part < 0 || rep.Part >= rep.Parts || rep.Parts > 1000 || !rep.sound() {
		return p, false
	}
	return Part{&rep}, true
}

// Window gives the window that the part is of.
func (p Part) Window() Window { return p.report.Window }

// Add takes in a part of the same window as all others.
func (f *Figures) Add(p Part) {
	rep := p.report
	if rep.Number != f.number || len(f.parts) != rep.Parts {
		f.number, f.parts = rep.Number, make([]*report, rep.Parts)
	}
	f.parts[rep.Part] = rep
	if slices.Contains(f.parts, nil) {
		return
	}
	whole := *f.parts[0]
	whole.Patterns = slices.Clone(whole.Patterns)
	for _, p := range f.parts[1:] {
		whole.Patterns = append(whole.Patterns, p.Patterns...)
	}
	f.whole, f.parts = &whole, nil
}

// sound tells whether every packed row can be unpacked, and every number be shown.
func (rep *report) sound() bool {
	numbers := []float64{rep.Covered}
	if rep.Study != nil {
		numbers = append(numbers, rep.Study.Numbers()...)
	}
	for _, e := range rep.Endpoints {
		numbers = append(numbers, e.Oldest)
	}
	for _, p := range rep.Patterns {
		if !fits(p.Row, cellCount) {
			return false
		}
	}
	for _, s := range rep.Steps {
		if !fits(s.Latency, bucketCount) {
			return false
		}
		numbers = append(numbers, s.Took)
	}
	for _, b := range rep.Business {
		numbers = append(append(numbers, b.Total, b.Window), b.Trend...)
		for _, s := range b.Series {
			numbers = append(numbers, s.Total)
		}
	}
	return len(rep.Steps) <= ringLength && !slices.ContainsFunc(numbers, func(n float64) bool { return math.IsNaN(n) || math.Abs(n) > 1e300 })
}
