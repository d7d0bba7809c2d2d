package observe

import (
	"cmp"
	"maps"
	"slices"
)

// merge makes the figures of a snapshot from the reports of one node or of many. All reports are of
// the same window; the first is this node's own.
type merge struct {
	reports []*report
	whole   []uint64 // all patterns of all nodes, cache outcomes of reads only
	row     []uint64 // scratch: one pattern of all nodes
	one     []uint64 // scratch: one pattern of one node
	rate    float64
}

func (s *Snapshot) fill(reports []*report) {
	m := merge{reports: reports, whole: make([]uint64, cellCount), row: make([]uint64, cellCount), one: make([]uint64, cellCount)}
	s.Reads, s.Writes, s.Business = []Pattern{}, []Pattern{}, []Business{}
	s.Covered = 0
	for _, rep := range reports {
		s.Covered = max(s.Covered, rep.Covered)
	}
	s.Chart = m.chart(tierSeconds[s.Window.chartTier()])
	for _, name := range m.patterns(false) {
		s.Reads = append(s.Reads, m.read(name))
	}
	for _, name := range m.patterns(true) {
		s.Writes = append(s.Writes, m.write(name))
	}
	s.Total = totalOf(m.whole, m.rate)
	for _, rep := range reports {
		switch {
		case rep.Study == nil:
		case s.Study == nil:
			own := *rep.Study
			s.Study = &own
		default:
			s.Study.Add(rep.Study)
		}
	}
	for _, name := range m.metrics() {
		s.Business = append(s.Business, m.business(name))
	}
}

// patterns lists reads or writes in the order of this node's model, and then those that only other
// nodes have, while two models are side by side.
func (m *merge) patterns(write bool) (names []string) {
	seen := map[string]bool{}
	for _, rep := range m.reports {
		for _, p := range rep.Patterns {
			if p.Write == write && !seen[p.Name] {
				seen[p.Name] = true
				names = append(names, p.Name)
			}
		}
	}
	return names
}

func (m *merge) metrics() (names []string) {
	for _, rep := range m.reports {
		for _, b := range rep.Business {
			if !slices.Contains(names, b.Name) {
				names = append(names, b.Name)
			}
		}
	}
	return names
}

// add sums up a pattern over all reports into m.row, and gives its rate and its trend.
func (m *merge) add(name string, write bool) (rate float64, trend []float64) {
	clear(m.row)
	trend = make([]float64, m.steps())
	for _, rep := range m.reports {
		i := slices.IndexFunc(rep.Patterns, func(p patternReport) bool { return p.Name == name && p.Write == write })
		if i < 0 {
			continue
		}
		p := &rep.Patterns[i]
		clear(m.one)
		unpack(m.one, p.Row)
		rate += per(float64(tallyOf(m.one).all), rep.Covered)
		for j, n := range m.one {
			m.row[j] += n
		}
		first := len(trend) - len(rep.Steps)
		for j := range min(len(p.Trend), len(rep.Steps)) {
			trend[first+j] += per(float64(p.Trend[j]), rep.Steps[j].Took)
		}
	}
	m.rate += rate
	return rate, trend
}

// steps is the number of steps of the longest report: steps are added from the newest back.
func (m *merge) steps() (n int) {
	for _, rep := range m.reports {
		n = max(n, len(rep.Steps))
	}
	return n
}

// pattern fills in what reads and writes share. m.row is the pattern's afterwards.
func (m *merge) pattern(name string, write bool) Pattern {
	rate, trend := m.add(name, write)
	n := tallyOf(m.row)
	return Pattern{
		Name: name, Requests: n.all, Rate: rate,
		Latency: latencyOf(latencies, m.row[cellLatency:]),
		Mean:    per(float64(m.row[sumLatency])/1e9, float64(n.all)),
		Store:   latencyOf(latencies, m.row[cellStore:]),
		Stored:  storedOf(m.row),
		Failed:  per(float64(n.failed), float64(n.all)),
		Errors:  errorsOf(m.row),
		Trend:   trend,
	}
}

func (m *merge) read(name string) Pattern {
	p := m.pattern(name, false)
	o := outcomesOf(m.row)
	p.Cache = &o
	age, stale := latencyOf(ages, m.row[cellAge:]), latencyOf(ages, m.row[cellStale:])
	p.Age, p.StaleAge = &age, &stale
	for i, n := range m.row {
		m.whole[i] += n
	}
	return p
}

func (m *merge) write(name string) Pattern {
	p := m.pattern(name, true)
	p.Replayed = m.row[cellOutcome+writeReplayed]
	// Outcomes of writes lie where reads have those of the cache, which the total sums up.
	clear(m.row[cellOutcome : cellOutcome+outcomes])
	for i, n := range m.row {
		m.whole[i] += n
	}
	return p
}

func totalOf(row []uint64, rate float64) Total {
	n := tallyOf(row)
	t := Total{Requests: n.all, Rate: rate, Failed: per(float64(n.failed), float64(n.all)), Latency: latencyOf(latencies, row[cellLatency:])}
	var refused uint64
	for _, e := range errorsOf(row) {
		if e.Kind == kindRefused {
			refused += e.Count
		}
	}
	t.Refused = per(float64(refused), float64(n.all))
	o := outcomesOf(row)
	asked := o.Hit + o.Miss + o.Joined + o.Refreshed + o.Stale + o.Shared
	t.HitShare = per(float64(o.Hit+o.Refreshed), float64(asked))
	return t
}

func (m *merge) chart(seconds int) Chart {
	n := m.steps()
	c := Chart{
		Step: seconds, Points: ringLength,
		Rate: make([]float64, n), Failed: make([]float64, n), Shed: make([]float64, n), P50: make([]float64, n), P99: make([]float64, n),
	}
	latency := make([]uint64, bucketCount)
	for i := range n {
		clear(latency)
		for _, rep := range m.reports {
			j := i - (n - len(rep.Steps))
			if j < 0 {
				continue
			}
			st := &rep.Steps[j]
			c.Rate[i] += per(float64(st.All), st.Took)
			c.Failed[i] += per(float64(st.Failed), st.Took)
			c.Shed[i] += per(float64(st.Shed), st.Took)
			unpack(latency, st.Latency)
		}
		c.P50[i], c.P99[i] = latencies.quantile(latency, 0.50), latencies.quantile(latency, 0.99)
	}
	return c
}

func (m *merge) business(name string) Business {
	f := Business{Name: name, Trend: make([]float64, m.steps())}
	for _, rep := range m.reports {
		i := slices.IndexFunc(rep.Business, func(b businessReport) bool { return b.Name == name })
		if i < 0 {
			continue
		}
		b := &rep.Business[i]
		f.Of, f.Kind = cmp.Or(f.Of, b.Of), cmp.Or(f.Kind, b.Kind)
		f.Total += b.Total
		f.Window += b.Window
		f.Rate += per(b.Window, rep.Covered)
		first := len(f.Trend) - len(rep.Steps)
		for j := range min(len(b.Trend), len(rep.Steps)) {
			f.Trend[first+j] += b.Trend[j]
		}
		for _, s := range b.Series {
			at := slices.IndexFunc(f.Series, func(x Labeled) bool { return maps.Equal(x.Labels, s.Labels) })
			if at < 0 {
				f.Series = append(f.Series, s)
			} else {
				f.Series[at].Total += s.Total
			}
		}
	}
	slices.SortFunc(f.Series, func(x, y Labeled) int { return cmp.Compare(y.Total, x.Total) })
	return f
}
