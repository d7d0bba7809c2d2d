package observe

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/health"
)

// storePatience bounds how long a snapshot waits for the store's own figures.
const storePatience = time.Second

// Snapshot gives the figures of a window, of this node and of its peers together. An unknown window
// counts as Last1m.
func (r *Recorder) Snapshot(ctx context.Context, w Window, peers ...Peer) Snapshot {
	if !w.Valid() {
		w = Last1m
	}
	now := time.Now()
	s := Snapshot{
		Service: r.cfg.Model.Service, Revision: r.cfg.Model.Revision, Version: r.cfg.Version,
		Time: now.UTC(), Started: r.started.UTC(), Uptime: now.Sub(r.started).Seconds(), Window: w,
		Components: r.health.Components(),
		History:    r.health.Past(),
		Process:    processFigures(r.cfg.DataDir),
		Store:      r.storeFigures(ctx),
		Accepted:   r.acceptedFigures(ctx, w),
		Views:      r.viewFigures(ctx),
		Endpoints:  r.endpointFigures(),
		Admission:  r.admissionFigures(),
	}
	s.State = health.Sum(s.Components, r.started)
	s.Cache = r.cacheFigures()
	s.Shared = r.sharedFigures()
	s.Node = r.cfg.Node
	own := r.count(&s)
	s.addNodes(r.Self(), own, peers)
	return s
}

// count fills in what this node and its peers counted, and gives the report of this node.
func (r *Recorder) count(s *Snapshot) *report {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Process.CPU = r.process.cpu()
	own := r.report(s.Window, s.Uptime)
	return &own
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

func latencyOf(l layout, row []uint64) Latency {
	counts := row[:bucketCount]
	return Latency{P50: l.quantile(counts, 0.50), P95: l.quantile(counts, 0.95), P99: l.quantile(counts, 0.99)}
}

func storedOf(row []uint64) Stored {
	var s Stored
	for _, n := range row[cellStore : cellStore+bucketCount] {
		s.Requests += n
	}
	s.Mean = per(float64(row[sumStore])/1e9, float64(s.Requests))
	return s
}

func outcomesOf(row []uint64) Outcomes {
	o := row[cellOutcome:]
	return Outcomes{
		Hit: o[cache.Hit], Miss: o[cache.Miss], Joined: o[cache.Joined],
		Refreshed: o[cache.Refreshed], Stale: o[cache.Stale], Bypass: o[cache.Bypass], Shared: o[cache.Shared],
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

// per divides, and gives 0 where there is nothing to divide by.
func per(n, by float64) float64 {
	if by <= 0 {
		return 0
	}
	return n / by
}
