package admit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestALimitDoesNotFollowChance lets what comes out differ by chance, as it does where things are done in groups,
// and looks where the limit is after a few minutes: near the least that gets everything done.
func TestALimitDoesNotFollowChance(t *testing.T) {
	const runs = 200
	for _, enough := range []float64{10, 40, 400} { // at once; more gets no more done
		for _, chance := range []float64{0, 0.05, 0.15, 0.3, 0.5} {
			var limits []float64
			for seed := range uint64(runs) {
				r := rand.New(rand.NewPCG(seed, 1))
				c := climber{base: 32, least: 2, most: 4096}
				for range 400 * phases {
					n := float64(c.limit(true))
					c.measured(1000 * min(1, n/enough) * math.Exp(chance*r.NormFloat64()))
				}
				limits = append(limits, c.base)
			}
			slices.Sort(limits)
			low, middle, high := limits[runs/10]/enough, limits[runs/2]/enough, limits[runs*9/10]/enough
			if low < 0.7 || middle > 2.5 || high > 8 || chance < 0.1 && high > 1.7 {
				t.Errorf("where %v at once are enough, with %v of chance, the limit is %.2f, %.2f, %.2f of that (p10, p50, p90)", enough, chance, low, middle, high)
			}
		}
	}
}

// TestALimitIsFoundSoon looks how many comparisons it takes until nearly all is let in that gets something done.
func TestALimitIsFoundSoon(t *testing.T) {
	for _, c := range []struct {
		chance float64
		most   int
	}{{0, 4}, {0.05, 5}, {0.15, 20}, {0.3, 60}} {
		for seed := range uint64(100) {
			r := rand.New(rand.NewPCG(seed, 2))
			const enough = 400
			limit, took := climber{base: 32, least: 2, most: 4096}, 0
			for ; limit.base < 0.7*enough; took++ {
				for range phases {
					limit.measured(1000 * min(1, float64(limit.limit(true))/enough) * math.Exp(c.chance*r.NormFloat64()))
				}
			}
			if took > c.most {
				t.Errorf("seed %d, %v of chance: %d comparisons", seed, c.chance, took)
			}
		}
	}
}
