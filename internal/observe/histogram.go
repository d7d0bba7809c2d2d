package observe

import "time"

// Histogram counts durations in the buckets that the service measures itself with, so that figures
// from outside and from within can be compared: a percentile is at most 2.2 % off. The zero
// Histogram is empty and ready for use. It is not safe for concurrent use.
type Histogram struct {
	Counts []uint64 // by bucket; nil: nothing was counted
	N      uint64
	Max    time.Duration
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	if h.Counts == nil {
		h.Counts = make([]uint64, bucketCount)
	}
	h.Counts[latencies.index(d)]++
	h.N++
	h.Max = max(h.Max, d)
}

// Merge adds what another Histogram counted.
func (h *Histogram) Merge(o *Histogram) {
	if o.N == 0 {
		return
	}
	if h.Counts == nil {
		h.Counts = make([]uint64, bucketCount)
	}
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	h.N += o.N
	h.Max = max(h.Max, o.Max)
}

// Quantile gives the duration below which the share q of all lies; 0 where nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.N == 0 {
		return 0
	}
	return min(h.Max, time.Duration(latencies.quantile(h.Counts, q)*float64(time.Second)))
}
