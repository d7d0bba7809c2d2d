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
		judge: judged(timed(func(s *scene) Promise { return s.goodput(least) }), timed((*scene).admitted), (*scene).back),
		costs: true,
	}
}

// goodput: as much is answered in time as without the overload, but for what refusing costs. If it
// costs r of what answering does, (1 − rk)/(1 − r) of the peak is left at k times the load; and what
// the generator takes of the machine is not there for the service.
func (s *scene) goodput(least float64) Promise {
	from := s.struck + settling(s.Time)
	counts, cpu := counted(&s.result, from, s.mended), took(s.used, s.began, from, s.mended)
	r, _ := s.costs.share()

	during := (s.mended - from).Seconds()
	rate, offered := float64(counts.Answered())/during, float64(counts.All())/during
	k, share := offered/s.peak, rate/s.peak
	// Who found no connection was not refused by the service, and cost it nothing.
	came := k - float64(counts[load.Unsent])/during/s.peak
	bound := max(0, min(1, (1-r*came)/(1-r)))
	want := min(least, 0.9*bound)
	p := kept("goodput", fmt.Sprintf("%.2f of the peak, or 0.9 of what refusing leaves: %.2f here", least, want), share >= want,
		"%.2f of the peak of %.0f/s, at %.1f times it, of which %.1f came to the service; %s, which leaves %.2f; %.0f/s were refused%s",
		share, s.peak, k, came, s.costs.text(), bound, float64(refusals(&counts))/during, whatElse(&counts))
	p.Details = append(p.Details, fmt.Sprintf("the load's own process took %.0f %% of the processors over the drill, the service %.0f %% in the overload",
		100*s.result.CPU.Seconds()/s.result.Took.Seconds()/float64(s.report.Cores), 100*cpu.Seconds()/during/float64(s.report.Cores)))
	return p
}

// admitted: what is let in is answered about as fast as without the overload.
func (s *scene) admitted() Promise {
	before, during := s.of(s.calm()).latency, s.lasting()
	a, b := before.Quantile(0.99), during.Quantile(0.99)
	const floor = 50 * time.Millisecond // below this much nobody notices
	p := kept("what is let in is fast", "p99 at most twice that at 80 % load", b <= max(floor, 2*a), "p99 %s, at 80 %% load %s", b.Round(100*time.Microsecond), a.Round(100*time.Microsecond))
	late := s.trouble(0)
	late.from += settling(s.Time)
	p.Details = append(p.Details, s.ownPart(s.of(s.calm()), s.of(late)))
	return p
}

func sortNotes(list []*load.Note) {
	slices.SortFunc(list, func(a, b *load.Note) int { return int(a.At - b.At) })
}
