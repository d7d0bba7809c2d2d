package drill

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/trouble"
)

// costs is what the service's processors took for an answer and for a refusal. Both are measured directly: the
// one while all is answered that comes, at the rate that the service follows; the other while nothing is let in,
// by a hook in the nodes, and so held and refused as in an overload. What an overload itself takes tells them
// badly apart: when the machine is slow for a moment, more is refused and each answer costs more.
type costs struct {
	answer, refusal time.Duration // 0: not known
	refused         uint64        // of how many that is told
}

// fewest refusals from which a cost is told.
const fewest = 1000

// share gives what a refusal costs, as a share of what an answer does. False: it is not known.
func (c *costs) share() (float64, bool) {
	if c.answer <= 0 || c.refused < fewest {
		return 0, false
	}
	return min(0.9, max(0, float64(c.refusal)/float64(c.answer))), true
}

// text tells the costs.
func (c *costs) text() string {
	r, ok := c.share()
	if !ok {
		return "too few could be refused to tell what that costs"
	}
	const digits = 100 * time.Nanosecond
	return fmt.Sprintf("refusing costs %s, %.0f %% of the %s of answering", c.refusal.Round(digits), 100*r, c.answer.Round(digits))
}

func refusals(c *load.Counts) uint64 { return c[load.Shed] + c[load.Away] }

// measureCosts finds out what an answer costs, and a refusal.
func (e *env) measureCosts(ctx context.Context) error {
	const opening, long = 500 * time.Millisecond, 2 * time.Second
	if _, _, err := e.stretch(ctx, 0.8, opening); err != nil {
		return err
	}
	counts, cpu, err := e.stretch(ctx, 0.8, long)
	if err != nil {
		return err
	}
	answers := counts.Answered() + counts[load.Late]
	e.peak = max(e.peak, float64(counts.Answered())/long.Seconds())
	e.costs.answer = cpu / time.Duration(max(1, answers))

	e.stage.Trouble.Set(trouble.State{Shut: true})
	counts, cpu, err = e.stretch(ctx, 5, long)
	e.stage.Trouble.Set(trouble.State{})
	if err != nil {
		return err
	}
	// Old answers are given all the same, in the place of refusals.
	e.costs.refused = refusals(&counts)
	cpu -= time.Duration(counts.Answered()+counts[load.Late]) * e.costs.answer
	e.costs.refusal = max(0, cpu/time.Duration(max(1, e.costs.refused)))
	_, _, err = e.stretch(ctx, 0.8, opening) // back to normal
	return err
}

// stretch asks at a multiple of the rate that the service follows, over the connections of an overload, and gives
// the processor time that the nodes took. The connections stay open for the next one.
func (e *env) stretch(ctx context.Context, times float64, d time.Duration) (load.Counts, time.Duration, error) {
	e.stretches++
	crowd := e.crowd(e.report.Knee)
	before := e.cpu()
	r, err := e.generator.Run(ctx, load.Phase{For: d, Seed: e.world.Size.Seed + 500 + e.stretches, Keep: true, Streams: []load.Stream{{
		Name: fmt.Sprintf("%g×", times), Rate: times * e.report.Knee, Patterns: e.names, Partition: -1, Connections: crowd, Ready: crowd, Strangers: true,
		Patience: e.patience(), Within: e.Within,
	}}})
	if err != nil {
		return load.Counts{}, 0, err
	}
	return r.Streams[0].Sum().Counts, e.cpu() - before, nil
}

// usage is the processor time that the nodes had used at a moment.
type usage struct {
	at  time.Time
	cpu time.Duration
}

// meter notes the processor time until ctx ends, and gives it then. No node may be hurt meanwhile.
func (e *env) meter(ctx context.Context) <-chan []usage {
	out := make(chan []usage, 1)
	go func() {
		var used []usage
		for at := time.Now(); sleepUntil(ctx, at); at = at.Add(step / 4) {
			used = append(used, usage{time.Now(), e.cpu()})
		}
		out <- used
	}()
	return out
}

// took gives the processor time between two moments of a phase.
func took(used []usage, began time.Time, from, to time.Duration) time.Duration {
	at := func(d time.Duration) time.Duration {
		i := sort.Search(len(used), func(i int) bool { return used[i].at.UTC().Sub(began) >= d })
		if len(used) == 0 {
			return 0
		}
		return used[min(i, len(used)-1)].cpu
	}
	return at(to) - at(from)
}

// counted adds up what was due between two moments of a phase, over all streams.
func counted(r *load.Result, from, to time.Duration) (c load.Counts) {
	for _, stream := range r.Streams {
		for i := int(from / step); i < int(to/step) && i < len(stream.Slices); i++ {
			c.Add(&stream.Slices[i].Counts)
		}
	}
	return c
}
