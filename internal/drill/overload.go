package drill

import (
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/internal/load"
)

// overload is a drill that asks for a multiple of what the service follows. least is the share of the
// peak that must still be answered in time.
func overload(times, least float64) *drill {
	return &drill{
		name: fmt.Sprintf("overload %gx", times), what: fmt.Sprintf("%g times as many requests come as the service follows", times),
		how: always("from outside: load"), hindered: never, streams: func(s *scene) []load.Stream { return surge(s, times, 1) },
		judge: func(s *scene) []Promise {
			return []Promise{s.goodput(least), s.admitted(), s.back()}
		},
	}
}

// goodput: as much is answered in time as without the overload, but for what refusing costs. If it
// costs r of what answering does, (1 − rk)/(1 − r) of the peak is left at k times the load; and what
// the generator takes of the machine is not there for the service.
func (s *scene) goodput(least float64) Promise {
	during := s.mended - s.struck
	var counts load.Counts
	for _, stream := range s.result.Streams {
		for i := int(s.struck / step); i < int(s.mended/step) && i < len(stream.Slices); i++ {
			counts.Add(&stream.Slices[i].Counts)
		}
	}
	rate := float64(counts.Answered()) / during.Seconds()
	offered := float64(counts.All()) / during.Seconds()
	refused := float64(counts[load.Shed]+counts[load.Away]) / during.Seconds()

	r := s.refusal(&counts)
	k := offered / s.peak.goodput
	bound := max(0, min(1, (1-r*k)/(1-r)))
	want := min(least, 0.9*bound)
	share := rate / s.peak.goodput
	p := kept("goodput", fmt.Sprintf("%.2f of the peak, or 0.9 of what refusing leaves", least), share >= want,
		"%.2f of the peak of %.0f/s, at %.1f times it; refusing costs %.1f %% of answering, which leaves %.2f; %.0f/s were refused%s",
		share, s.peak.goodput, k, 100*r, bound, refused, whatElse(&counts))
	p.Details = append(p.Details, fmt.Sprintf("the load's own process took %.0f %% of the processors over the drill, the service %.0f %% in the overload",
		100*s.result.CPU.Seconds()/s.result.Took.Seconds()/float64(s.report.Cores), 100*s.cpu.Seconds()/during.Seconds()/float64(s.report.Cores)))
	return p
}

// refusal gives what a refusal costs the service's processors, as a share of what an answer costs.
func (s *scene) refusal(c *load.Counts) float64 {
	refused := c[load.Shed] + c[load.Away]
	if refused < 100 || s.peak.cost <= 0 {
		return 0
	}
	answers := time.Duration(c.Answered()+c[load.Late]) * s.peak.cost
	return min(0.9, max(0, float64(s.cpu-answers)/float64(refused)/float64(s.peak.cost)))
}

// admitted: what is let in is answered about as fast as without the overload.
func (s *scene) admitted() Promise {
	before, during := s.of(s.calm()).latency, s.surged()
	a, b := before.Quantile(0.99), during.Quantile(0.99)
	const floor = 50 * time.Millisecond // below this much nobody notices
	return kept("what is let in is fast", "p99 at most twice that at 80 % load", b <= max(floor, 2*a), "p99 %s, at 80 %% load %s", b.Round(100*time.Microsecond), a.Round(100*time.Microsecond))
}

func sortNotes(list []*load.Note) {
	slices.SortFunc(list, func(a, b *load.Note) int { return int(a.At - b.At) })
}
