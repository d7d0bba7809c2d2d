package admit

import (
	"math"
	"slices"
	"time"
)

// climber finds how much to do at once. While there is more to do than is let in, it lets in a little
// more and a little less in turns, and looks at what comes out: where more at once gets more done, the
// limit rises; where it only makes everybody wait longer, it falls. What comes out differs by chance too,
// and a limit that followed that would walk away: steps are the shorter, the more chance there is. It needs to
// know nothing of what it steers, be that processors, a pool of connections, or commits that many writes share.
//
// It is not safe for concurrent use.
type climber struct {
	base   float64 // thought to be the best
	least  int
	most   int
	phase  int
	rates  [phases]float64 // what was done per second in each phase
	same   int             // sure steps in one direction, one after the other; negative: down
	chance float64         // how much of a comparison is chance: the variance of its logarithm
}

// Four phases, so that what changes steadily meanwhile is not taken for an effect of the limit.
const phases = 4

var above = [phases]bool{true, false, false, true}

const (
	swing  = 0.15 // how far the limit is moved to look what happens, of itself
	worth  = 0.1  // twice as much at once must get at least this much more done (an elasticity)
	gain   = 0.6  // how far a step goes: of the elasticity by which the limit is off
	faster = 3.0  // the most by which sure steps in one direction grow
	usual  = 0.5  // by how much the elasticity is off mostly: what was measured counts less, the more of it may be chance
	heed   = 0.25 // what the last comparison counts of chance
)

// limit is what to let in now.
func (c *climber) limit(probing bool) int {
	n := c.base
	if probing {
		n = c.probe(above[c.phase])
	}
	return max(c.least, min(c.most, int(math.Round(n))))
}

// probe gives the limit above or below the base; they differ by one at least.
func (c *climber) probe(up bool) float64 {
	base := math.Round(c.base)
	if up {
		return math.Max(base+1, math.Round(c.base*(1+swing)))
	}
	return math.Max(1, math.Min(base-1, math.Round(c.base*(1-swing))))
}

// forget begins a comparison anew: what was measured does not say anything about the limit.
func (c *climber) forget() { c.phase, c.same = 0, 0 }

// measured takes in what one phase came to, in things done per second, and moves the limit after the last.
func (c *climber) measured(rate float64) {
	c.rates[c.phase] = rate
	if c.phase++; c.phase < phases {
		return
	}
	c.phase = 0
	if slices.Min(c.rates[:]) <= 0 {
		return
	}
	var r [phases]float64
	for i, rate := range c.rates {
		r[i] = math.Log(rate)
	}
	// What came out at one and the same limit differs by chance.
	chance := ((r[0]-r[3])*(r[0]-r[3]) + (r[1]-r[2])*(r[1]-r[2])) / 4
	if c.chance == 0 {
		c.chance = chance
	}
	c.chance += (chance - c.chance) * heed
	span := math.Log(c.probe(true) / c.probe(false))
	off := (r[0]+r[3]-r[1]-r[2])/2/span - worth
	doubt := math.Sqrt(c.chance) / span
	switch {
	case math.Abs(off) < 2*doubt:
		c.same = 0
	case off > 0:
		c.same = max(c.same, 0) + 1
	default:
		c.same = min(c.same, 0) - 1
	}
	off *= usual * usual / (usual*usual + doubt*doubt)
	speed := max(1, min(faster, 0.5+0.5*math.Abs(float64(c.same))))
	c.base *= math.Exp(gain * speed * max(-0.5, min(1, off)))
	c.base = math.Max(float64(c.least), math.Min(float64(c.most), c.base))
}

// window is the stretch of time of one measurement.
type window struct {
	settling bool // the limit has just changed: what comes out is still the effect of the old one
	opened   time.Time
	ends     time.Time
	busy     int // of what came out, while others waited
}

const (
	leastWindow = 50 * time.Millisecond
	mostWindow  = 2 * time.Second
	leastDone   = 40 // less says nothing
)

// settle opens the time after a change of the limit, as long as one thing takes.
func (w *window) settle(now time.Time, service time.Duration) {
	*w = window{settling: true, opened: now, ends: now.Add(min(service, mostWindow))}
}

// measure opens a measurement.
func (w *window) measure(now time.Time, service time.Duration) {
	*w = window{opened: now, ends: now.Add(min(mostWindow, max(leastWindow, 3*service)))}
}
