package observe

import (
	"math"
	"time"
)

// Durations are counted in exponential buckets, 16 for each power of two of seconds: schema 4 of
// Prometheus' native histograms, so what is counted here is exported without any loss. A bucket is
// 4.4 % wide, hence a percentile read from it is at most 2.2 % off.
const (
	schema      = 4
	perOctave   = 1 << schema
	octaves     = 29
	bucketCount = octaves * perOctave
)

// layout says where the buckets of a histogram begin: at 2^layout seconds. What lies below the
// first or above the last bucket is counted there.
type layout int

const (
	latencies layout = -22 // 238 ns … 128 s
	ages      layout = -10 // 1 ms … 6 days
)

// edges are the mantissas of the bounds within one octave: 2^(k/16), as the low 52 bits of a
// float64. guesses give, by the mantissa's 6 highest bits, the bucket in which that cell begins. A
// bucket is wider than a cell, so the bucket of a value is the guess or the one after it.
var edges, guesses = func() (e [perOctave + 1]uint64, g [64]uint8) {
	for k := range perOctave {
		e[k] = math.Float64bits(math.Exp2(float64(k)/perOctave)) & (1<<52 - 1)
	}
	e[perOctave] = 1 << 52
	for cell := range g {
		for k := range perOctave {
			if e[k] <= uint64(cell)<<46 {
				g[cell] = uint8(k)
			}
		}
	}
	return e, g
}()

// index gives the bucket of d. The upper bound of a bucket belongs to it, the lower does not.
func (l layout) index(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	bits := math.Float64bits(float64(d)*1e-9) - 1 // one step down makes the upper bound inclusive
	octave := int(bits>>52) - 1023 - int(l)
	if octave < 0 {
		return 0
	}
	if octave >= octaves {
		return bucketCount - 1
	}
	mantissa := bits & (1<<52 - 1)
	k := guesses[mantissa>>46]
	if mantissa >= edges[k+1] {
		k++
	}
	return octave*perOctave + int(k)
}

// lower gives the lower bound of bucket i in seconds.
func (l layout) lower(i int) float64 {
	return math.Exp2(float64(l) + float64(i)/perOctave)
}

// native gives the index that Prometheus has for bucket i.
func (l layout) native(i int) int { return int(l)*perOctave + i + 1 }

// quantile gives the value in seconds below which the share q of what was counted lies; 0 where
// nothing was counted.
func (l layout) quantile(counts []uint64, q float64) float64 {
	var total uint64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := max(1, math.Ceil(q*float64(total)))
	var below uint64
	for i, n := range counts {
		if n > 0 && float64(below+n) >= rank {
			// Within the bucket, values are taken as spread evenly on the logarithmic scale.
			inside := (rank - float64(below) - 0.5) / float64(n)
			return l.lower(i) * math.Exp2(inside/perOctave)
		}
		below += n
	}
	return l.lower(bucketCount)
}
