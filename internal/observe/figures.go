package observe

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
)

// storePatience bounds how long a snapshot waits for the store's own figures.
const storePatience = time.Second

// Snapshot gives the figures of a window. An unknown window counts as Last1m.
func (r *Recorder) Snapshot(ctx context.Context, w Window) Snapshot {
	if !w.Valid() {
		w = Last1m
	}
	now := time.Now()
	s := Snapshot{
		Service: r.cfg.Model.Service, Revision: r.cfg.Model.Revision, Version: r.cfg.Version,
		Time: now.UTC(), Started: r.started.UTC(), Uptime: now.Sub(r.started).Seconds(), Window: w,
		Components: r.health.Components(),
		Inactive:   Inactive(r.cfg.Model),
		Process:    processFigures(r.cfg.DataDir),
		Store:      r.storeFigures(ctx),
	}
	s.State = overall(s.Components, r.started)
	s.Cache = r.cacheFigures()
	r.count(&s)
	return s
}

func (r *Recorder) cacheFigures() *CacheFigures {
	if r.cfg.Cache == nil {
		return nil
	}
	c := r.cfg.Cache()
	return &CacheFigures{
		Bytes: c.Bytes, Bound: c.Bound, Entries: c.Entries, NotFound: c.NotFound, Partitions: c.Partitions,
		Flights: c.Flights, Loads: c.Loads, LoadErrors: c.LoadErrors, Evictions: c.Evictions, Messages: c.Messages,
	}
}

func (r *Recorder) storeFigures(ctx context.Context) *StoreFigures {
	if r.cfg.Store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	st, err := r.cfg.Store.Stats(ctx)
	if err != nil {
		return nil
	}
	info := r.cfg.Store.Info()
	f := &StoreFigures{
		Kind: info.Kind, Version: info.Version, Bytes: st.Bytes,
		QueueLength: st.QueueLength, QueueBound: st.QueueBound, Groups: st.Groups, GroupWrites: st.GroupWrites,
		Readers: st.Readers, ReadersInUse: st.ReadersInUse,
	}
	if st.Groups > 0 {
		f.GroupSize = float64(st.GroupWrites) / float64(st.Groups)
	}
	return f
}

// lens is the part of the past that a snapshot looks at.
type lens struct {
	spans   []span // of the window; nil: since start
	seconds float64
	chart   []span
}

// count fills in what the cells say.
func (r *Recorder) count(s *Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Process.CPU = r.process.cpu()
	l := lens{seconds: s.Uptime}
	if n, _ := s.Window.seconds(); n > 0 {
		l.spans = r.time.window(n)
		l.seconds = r.time.length(l.spans).Seconds()
		if l.spans == nil {
			l.spans = []span{}
		}
	}
	s.Covered = l.seconds
	l.chart = r.time.recent(s.Window.chartTier(), ringLength)
	s.Chart = r.chart(l, s.Window.chartTier())

	clear(r.merged)
	s.Reads = make([]Pattern, 0, len(r.reads))
	for i, p := range r.reads {
		if rd := r.cfg.Model.Reads[i]; !rd.Internal {
			s.Reads = append(s.Reads, r.readFigures(rd, p, l))
		}
	}
	s.Writes = make([]Pattern, 0, len(r.writes))
	for i, p := range r.writes {
		s.Writes = append(s.Writes, r.writeFigures(r.cfg.Model.Writes[i], p, l))
	}
	s.Total = r.total(l)
	s.Business = make([]Business, 0, len(r.business))
	for _, b := range r.business {
		s.Business = append(s.Business, b.figures(l))
	}
}

// chartTier is the tier whose intervals are the steps of the charts.
func (w Window) chartTier() int {
	switch w {
	case Last10s, Last1m:
		return 0
	case Last5m:
		return 1
	}
	return 2
}

func (r *Recorder) chart(l lens, tier int) Chart {
	c := Chart{
		Step: tierSeconds[tier], Points: ringLength,
		Rate: []float64{}, Failed: []float64{}, P50: []float64{}, P99: []float64{},
	}
	for _, sp := range l.chart {
		o := r.overview[sp.tier][sp.slot]
		took := r.time.took[sp.tier][sp.slot].Seconds()
		c.Rate = append(c.Rate, per(float64(o.all), took))
		c.Failed = append(c.Failed, per(float64(o.failed), took))
		c.P50 = append(c.P50, o.p50)
		c.P99 = append(c.P99, o.p99)
	}
	return c
}

// look brings what a pattern counted in the window into r.scratch, and adds it to r.merged.
func (r *Recorder) look(p *pattern, l lens) []uint64 {
	if l.spans == nil {
		p.sum(r.scratch)
	} else {
		clear(r.scratch)
		for _, s := range l.spans {
			unpack(r.scratch, p.past.slots[s.tier][s.slot])
		}
	}
	for i, n := range r.scratch {
		r.merged[i] += n
	}
	return r.scratch
}

// common fills in what reads and writes share.
func (r *Recorder) common(name string, p *pattern, l lens) (Pattern, []uint64) {
	row := r.look(p, l)
	n := tallyOf(row)
	f := Pattern{
		Name: name, Requests: n.all, Rate: per(float64(n.all), l.seconds),
		Latency: latencyOf(latencies, row[cellLatency:]),
		Mean:    per(float64(row[sumLatency])/1e9, float64(n.all)),
		Store:   latencyOf(latencies, row[cellStore:]),
		Failed:  per(float64(n.failed), float64(n.all)),
		Errors:  errorsOf(row),
		Trend:   make([]float64, 0, len(l.chart)),
	}
	for _, s := range l.chart {
		f.Trend = append(f.Trend, per(float64(p.past.counts[s.tier][s.slot].all), r.time.took[s.tier][s.slot].Seconds()))
	}
	return f, row
}

func (r *Recorder) readFigures(rd *model.Read, p *pattern, l lens) Pattern {
	f, row := r.common(rd.Name, p, l)
	o := outcomesOf(row)
	f.Cache = &o
	age, stale := latencyOf(ages, row[cellAge:]), latencyOf(ages, row[cellStale:])
	f.Age, f.StaleAge = &age, &stale
	return f
}

func (r *Recorder) writeFigures(w *model.Write, p *pattern, l lens) Pattern {
	f, row := r.common(w.Name, p, l)
	f.Replayed = row[cellOutcome+writeReplayed]
	// Outcomes of writes lie where reads have those of the cache, which the total sums up.
	for i := range outcomes {
		r.merged[cellOutcome+i] -= row[cellOutcome+i]
	}
	return f
}

// total is made of r.merged after all patterns were looked at.
func (r *Recorder) total(l lens) Total {
	row := r.merged
	n := tallyOf(row)
	t := Total{
		Requests: n.all,
		Rate:     per(float64(n.all), l.seconds),
		Failed:   per(float64(n.failed), float64(n.all)),
		Latency:  latencyOf(latencies, row[cellLatency:]),
	}
	var refused uint64
	for _, e := range errorsOf(row) {
		if e.Kind == kindRefused {
			refused += e.Count
		}
	}
	t.Refused = per(float64(refused), float64(n.all))
	o := outcomesOf(row)
	asked := o.Hit + o.Miss + o.Joined + o.Refreshed + o.Stale
	t.HitShare = per(float64(o.Hit+o.Refreshed), float64(asked))
	return t
}

func latencyOf(l layout, row []uint64) Latency {
	counts := row[:bucketCount]
	return Latency{P50: l.quantile(counts, 0.50), P95: l.quantile(counts, 0.95), P99: l.quantile(counts, 0.99)}
}

func outcomesOf(row []uint64) Outcomes {
	o := row[cellOutcome:]
	return Outcomes{
		Hit: o[cache.Hit], Miss: o[cache.Miss], Joined: o[cache.Joined],
		Refreshed: o[cache.Refreshed], Stale: o[cache.Stale], Bypass: o[cache.Bypass],
	}
}

// errorsOf lists the errors that occurred, most frequent first.
func errorsOf(row []uint64) []ErrorCount {
	list := []ErrorCount{}
	for i, n := range row[cellCode : cellCode+codeCount+1] {
		if n > 0 {
			list = append(list, ErrorCount{Code: codeName(i), Kind: codeKind(i), Count: n})
		}
	}
	slices.SortStableFunc(list, func(a, b ErrorCount) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

func (b *business) figures(l lens) Business {
	f := Business{Name: b.metric.Name, Kind: "count", Total: b.total(), Trend: make([]float64, 0, len(l.chart))}
	if b.metric.Sum != nil {
		f.Kind = "sum"
	}
	switch {
	case b.metric.Write != nil:
		f.Of = b.metric.Write.Name
	case b.metric.Read != nil:
		f.Of = b.metric.Read.Name
	}
	f.Window = f.Total
	if l.spans != nil {
		f.Window = 0
		for _, s := range l.spans {
			f.Window += b.slots[s.tier][s.slot]
		}
	}
	f.Rate = per(f.Window, l.seconds)
	for _, s := range l.chart {
		f.Trend = append(f.Trend, b.slots[s.tier][s.slot])
	}
	if len(b.labels) > 0 {
		for _, s := range b.all() {
			labels := make(map[string]string, len(b.labels))
			for i, name := range b.labels {
				labels[name] = s.labels[i]
			}
			f.Series = append(f.Series, Labeled{Labels: labels, Total: s.total.load()})
		}
		slices.SortFunc(f.Series, func(x, y Labeled) int { return cmp.Compare(y.Total, x.Total) })
	}
	return f
}

// per divides, and gives 0 where there is nothing to divide by.
func per(n, by float64) float64 {
	if by <= 0 {
		return 0
	}
	return n / by
}
