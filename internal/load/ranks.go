package load

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/model"
)

// ranks draws partitions, the popular ones more often. It is safe for concurrent use.
type ranks struct {
	upTo []float64 // share of the first n+1
}

func newRanks(n int, exponent float64) *ranks {
	k := &ranks{upTo: make([]float64, n)}
	var sum float64
	for i := range k.upTo {
		sum += math.Pow(float64(i+1), -max(0, exponent))
		k.upTo[i] = sum
	}
	for i := range k.upTo {
		k.upTo[i] /= sum
	}
	return k
}

func (k *ranks) draw(r *rand.Rand) int {
	i, _ := slices.BinarySearch(k.upTo, r.Float64())
	return min(i, len(k.upTo)-1)
}

// Hottest gives the part of a family's requests that goes to its most popular partition.
func (w *World) Hottest(f *model.Family) float64 { return w.ranks[f].upTo[0] }
