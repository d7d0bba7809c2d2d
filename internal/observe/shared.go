package observe

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// SharedFigures are figures of this node's calls at the second cache tier, since the start.
type SharedFigures struct {
	Hits    uint64 `json:"hits"`
	Misses  uint64 `json:"misses"`
	Unfit   uint64 `json:"unfit"` // of the hits those that this node knew better than to take
	Waits   uint64 `json:"waits"` // for another node's load
	Vain    uint64 `json:"waits_in_vain"`
	Puts    uint64 `json:"puts"`
	Large   uint64 `json:"too_large"`
	Errors  uint64 `json:"errors"`
	Skipped uint64 `json:"skipped"` // not asked, since it is away or too many waited
	Waiting int    `json:"waiting"`
	Latency
}

// sharedCalls are how long calls took.
type sharedCalls struct {
	cells [bucketCount]atomic.Uint64
	nanos atomic.Uint64
}

// SharedCall counts how long one call of the second cache tier took, whatever came of it.
func (r *Recorder) SharedCall(d time.Duration) {
	r.shared.cells[latencies.index(d)].Add(1)
	r.shared.nanos.Add(uint64(max(d, 0)))
}

func (s *sharedCalls) row() []uint64 {
	row := make([]uint64, bucketCount)
	for i := range row {
		row[i] = s.cells[i].Load()
	}
	return row
}

func (r *Recorder) sharedFigures() *SharedFigures {
	if r.cfg.Shared == nil {
		return nil
	}
	t := r.cfg.Shared()
	f := &SharedFigures{
		Hits: t.Hits, Misses: t.Misses, Waits: t.Waits, Vain: t.Vain, Puts: t.Puts, Large: t.Large,
		Errors: t.Errors, Skipped: t.Skipped, Waiting: t.Waiting, Latency: latencyOf(latencies, r.shared.row()),
	}
	if r.cfg.Cache != nil {
		f.Unfit = r.cfg.Cache().Unfit
	}
	return f
}

func (r *Recorder) sharedHistogram(d *prometheus.Desc) prometheus.Metric {
	return newHistogram(d, latencies, r.started, r.shared.row(), r.shared.nanos.Load(), 0)
}
