package drill

import (
	"fmt"
	"slices"
	"time"
)

// stretch is a part of a scene whose trouble comes and goes.
type stretch struct {
	from, to time.Duration
	trouble  bool
}

// turn tells how long a stretch is, and how much is left out after the trouble: what it left behind is neither.
func (c *Config) turn() (length, rest time.Duration) {
	length = max(time.Second, c.Time*2/5)
	return length, min(time.Second, length/2)
}

// round is how long one trouble and one calm take.
func (c *Config) round() time.Duration {
	length, rest := c.turn()
	return 2*length + rest
}

// stretches gives the stretches by turns, all of one length, beginning and ending with a calm.
func (s *scene) stretches() []stretch {
	length, rest := s.turn()
	list := []stretch{{from: s.begin - length, to: s.begin}}
	for i := range s.drill.turns {
		at := s.begin + time.Duration(i)*s.round()
		list = append(list, stretch{at, at + length, true}, stretch{at + length + rest, at + s.round(), false})
	}
	return list
}

// p99s gives the figures of all stretches of one kind together, and the p99 of each.
func (s *scene) p99s(trouble bool) (all figures, each []time.Duration) {
	for _, x := range s.stretches() {
		if x.trouble == trouble {
			f := s.of(part{from: x.from, to: x.to})
			all = all.plus(f)
			each = append(each, f.latency.Quantile(0.99))
		}
	}
	return all, each
}

// neighbours: one hot partition is no matter for the others. What a machine does besides, a collection or a checkpoint, makes
// the p99 of one calm stretch ten times that of another. So calm and trouble take turns, and the middle ones are compared.
func (s *scene) neighbours() Promise {
	before, calm := s.p99s(false)
	during, hot := s.p99s(true)
	a, b := middle(calm), middle(hot)
	// Below this much nobody notices, and a machine with other work makes as much by itself.
	const floor = 20 * time.Millisecond
	answered := during.answered() >= steadyShare*before.answered()
	ok := b <= max(floor, a*3/2) && answered
	p := kept("neighbours are unharmed", "p99 at most 1.5 times that without, 99 % of the answers in time", ok, "p99 %s, without %s; %.1f %% in time, without %.1f %%%s",
		b.Round(100*time.Microsecond), a.Round(100*time.Microsecond), 100*during.answered(), 100*before.answered(), whatElse(&during.counts))
	p.Details = append(p.Details, fmt.Sprintf("p99 by turns: %s; without: %s", rounded(hot), rounded(calm)), s.ownPart(before, during))
	if !ok && answered && common(calm, b) {
		s.unsure = fmt.Sprintf("without the hot partition a p99 of %s is not rare either: let the machine do nothing else, or give a longer --time", b.Round(100*time.Microsecond))
		p.Verdict = NotRun
	}
	return p
}

// common tells whether at least two of those are as long as d: then it may be chance.
func common(list []time.Duration, d time.Duration) bool {
	n := 0
	for _, x := range list {
		if x >= d {
			n++
		}
	}
	return n > 1
}

// middle gives the median.
func middle(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func rounded(list []time.Duration) []time.Duration {
	out := make([]time.Duration, len(list))
	for i, d := range list {
		out[i] = d.Round(time.Millisecond)
	}
	return out
}
