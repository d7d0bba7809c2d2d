package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/partita-dev/partita/internal/load"
)

const (
	growth   = 1.6  // from step to step, until one is not followed
	halvings = 4    // between the last rate that was followed and the first that was not
	followed = 0.95 // of what was asked must be answered in time
	enough   = 100  // answers of a pattern, for its p99 to count
	maxSteps = 24
)

// search finds the knee: it raises the rate until it is not followed any more, then looks between.
func (b *run) search(ctx context.Context) error {
	b.Told("looking for the knee")
	step := max(time.Second, b.Time*2/5)
	if _, _, err := b.hold(ctx, b.Rate, step, b.names); err != nil { // caches and connections first
		return err
	}
	k := &b.report.Knee
	rate, low, high := b.Rate, 0.0, math.Inf(1)
	for n, halved := 0, 0; n < maxSteps && halved < halvings; n++ {
		why, s, err := b.try(ctx, rate, step)
		if err != nil {
			return err
		}
		k.Peak = max(k.Peak, s.Goodput)
		switch {
		case s.Followed:
			low, k.Rate, k.Goodput = rate, rate, s.Goodput
		default:
			high, k.Broke, k.Reached = rate, why, true
		}
		if math.IsInf(high, 1) {
			if s.late { // the load's own process is the bound
				k.Broke = "the load's own process could not ask for more"
				break
			}
			rate *= growth
			continue
		}
		if low == 0 && rate < 2 {
			return fmt.Errorf("not even %.0f requests a second are answered in time: %s", rate, why)
		}
		if low == 0 {
			rate /= 2
			continue
		}
		halved++
		rate = math.Sqrt(low * high)
	}
	if k.Rate == 0 {
		return fmt.Errorf("no rate was found that is answered in time: %s", k.Broke)
	}
	return nil
}

// try holds one rate, and tells why it was not followed.
func (b *run) try(ctx context.Context, rate float64, d time.Duration) (why string, s Step, err error) {
	r, cpu, err := b.hold(ctx, rate, d, b.names)
	if err != nil {
		return "", s, err
	}
	sum := r.Streams[0].Sum()
	s = Step{Rate: rate, Offered: float64(sum.Counts.All()) / d.Seconds(), Goodput: float64(sum.Counts.Answered()) / d.Seconds(),
		P99: millis(sum.Latency.Quantile(0.99)), CPU: cpu, late: r.Behind > d/20}
	s.InFlight = s.Goodput * sum.Latency.Quantile(0.5).Seconds() // Little's law, by the median, which the rare long waits do not bend
	why = b.broken(&r.Streams[0], s)
	s.Followed = why == ""
	b.report.Steps = append(b.report.Steps, s)
	verdict := "followed"
	if why != "" {
		verdict = why
	}
	b.Told("  %8.0f/s: %8.0f/s in time, p99 %.1f ms, service %.0f %%, load %.0f %% of the processors: %s", rate, s.Goodput, s.P99, 100*cpu.Service, 100*cpu.Load, verdict)
	return why, s, nil
}

// broken says what of a step was not as it should be; "" where all was.
func (b *run) broken(r *load.StreamResult, s Step) string {
	if s.Goodput < followed*s.Offered {
		sum := r.Sum()
		worst := load.Late
		for c := range sum.Counts {
			if c := load.Class(c); c != load.Good && c != load.Refused && sum.Counts[c] > sum.Counts[worst] {
				worst = c
			}
		}
		return fmt.Sprintf("%.0f %% of the requests were not answered in time, most of them %s", 100*(1-s.Goodput/max(1, s.Offered)), worst)
	}
	for i := range r.Patterns {
		p := &r.Patterns[i]
		most := b.Within
		if o := b.mix.Pattern(p.Name).Objective(); o.Latency > 0 {
			most = o.Latency
		}
		if q := p.Latency.Quantile(0.99); p.Latency.N >= enough && q > most {
			return fmt.Sprintf("the p99 of %s was %s, above %s", p.Name, q.Round(100*time.Microsecond), most)
		}
	}
	return ""
}
