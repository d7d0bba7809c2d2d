package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/partita-dev/partita/internal/load"
)

const (
	growth   = 1.6  // from step to step, until one is not followed
	halvings = 4    // between the last rate that was followed and the first that was not
	followed = 0.95 // of what was asked must be answered in time
	enough   = 100  // answers of a pattern, for its p99 to count
	maxSteps = 24
	maxLate  = 3 // steps in which the load's own process was late are made again
)

// Probe asks a service at one rate after the other.
type Probe struct {
	Generator   *load.Generator
	Mix         load.Mix
	Names       []string // of the patterns that are asked for
	Connections func(rate float64) int
	Strangers   bool          // callers do not wait for each other: see load.Stream
	Within      time.Duration // what counts as in time where the model declares no objective
	Seed        uint64
	CPU         func() time.Duration             // that the service has used
	Told        func(format string, args ...any) // hears how far it is

	phases uint64
}

// Hold asks at a rate for a while.
func (p *Probe) Hold(ctx context.Context, rate float64, d time.Duration, names []string) (load.Result, Shares, error) {
	p.phases++
	before, connections := p.CPU(), p.Connections(rate)
	r, err := p.Generator.Run(ctx, load.Phase{For: d, Seed: p.Seed + p.phases, Keep: true, Streams: []load.Stream{{
		Name: "all", Rate: rate, Patterns: names, Partition: -1, Connections: connections, Ready: connections, Strangers: p.Strangers, Patience: p.Patience(), Within: p.Within,
	}}})
	machine := r.Took.Seconds() * float64(runtime.NumCPU())
	return r, Shares{Service: share((p.CPU() - before).Seconds(), machine), Load: share(r.CPU.Seconds(), machine)}, err
}

// Patience is when callers give up.
func (p *Probe) Patience() time.Duration { return max(2*time.Second, 2*p.Within) }

// Search finds the knee: it raises the rate from one on until it is not followed any more, then looks
// between. step is how long each is held.
func (p *Probe) Search(ctx context.Context, from float64, step time.Duration) (k Knee, steps []Step, err error) {
	if _, _, err := p.Hold(ctx, from, step, p.Names); err != nil { // caches and connections first
		return k, nil, err
	}
	rate, low, high, late := from, 0.0, math.Inf(1), 0
	for n, halved := 0, 0; n < maxSteps && halved < halvings; n++ {
		why, s, err := p.try(ctx, rate, step)
		if err != nil {
			return k, steps, err
		}
		if s.late && late < maxLate { // as it seems the machine had other work
			late++
			continue
		}
		steps = append(steps, s)
		k.Peak = max(k.Peak, s.Goodput)
		if s.Followed {
			low, k.Rate, k.Goodput = rate, rate, s.Goodput
		} else {
			high, k.Broke, k.Reached = rate, why, true
		}
		switch {
		case math.IsInf(high, 1) && s.late: // the load's own process is the bound
			k.Broke = "the load's own process could not ask for more"
			return k, steps, nil
		case math.IsInf(high, 1):
			rate *= growth
		case low == 0 && rate < 2:
			return k, steps, fmt.Errorf("not even %.0f requests a second are answered in time: %s", rate, why)
		case low == 0:
			rate /= 2
		default:
			halved++
			rate = math.Sqrt(low * high)
		}
	}
	if k.Rate == 0 {
		return k, steps, fmt.Errorf("no rate was found that is answered in time: %s", k.Broke)
	}
	return k, steps, nil
}

// try holds one rate, and tells why it was not followed.
func (p *Probe) try(ctx context.Context, rate float64, d time.Duration) (why string, s Step, err error) {
	r, cpu, err := p.Hold(ctx, rate, d, p.Names)
	if err != nil {
		return "", s, err
	}
	sum := r.Streams[0].Sum()
	s = Step{Rate: rate, Offered: float64(sum.Counts.All()) / d.Seconds(), Goodput: float64(sum.Counts.Answered()) / d.Seconds(),
		P99: millis(sum.Latency.Quantile(0.99)), CPU: cpu, late: r.Behind > d/20}
	s.InFlight = s.Goodput * sum.Latency.Quantile(0.5).Seconds() // Little's law, by the median, which the rare long waits do not bend
	why = p.broken(&r.Streams[0], s)
	s.Followed = why == ""
	verdict := "followed"
	if why != "" {
		verdict = why
	}
	p.Told("  %8.0f/s: %8.0f/s in time, p99 %.1f ms, service %.0f %%, load %.0f %% of the processors: %s", rate, s.Goodput, s.P99, 100*cpu.Service, 100*cpu.Load, verdict)
	return why, s, nil
}

// broken says what of a step was not as it should be; "" where all was.
func (p *Probe) broken(r *load.StreamResult, s Step) string {
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
		q := &r.Patterns[i]
		most := p.Within
		if o := p.Mix.Pattern(q.Name).Objective(); o.Latency > 0 {
			most = o.Latency
		}
		if took := q.Latency.Quantile(0.99); q.Latency.N >= enough && took > most {
			return fmt.Sprintf("the p99 of %s was %s, above %s", q.Name, took.Round(100*time.Microsecond), most)
		}
	}
	return ""
}

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return math.Round(1000*part/whole) / 1000
}
