package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/observe"
)

// scene is one drill while it runs and afterwards: a calm, the trouble, and a calm again.
type scene struct {
	*env
	drill *drill
	seed  uint64 // of the load

	begin, end time.Duration // planned, since the load began
	length     time.Duration
	began      time.Time     // the load did
	struck     time.Duration // the trouble really began
	mended     time.Duration // it was really over
	result     load.Result
	watch      watching
	used       []usage // of the processors, where the load is the trouble
	stopped    bool    // the node that was hurt ended by itself
	unsure     string  // why it cannot be judged in full
}

// step of timelines.
const step = 100 * time.Millisecond

func (e *env) newScene(d *drill) *scene {
	e.scenes++
	s := &scene{env: e, drill: d, seed: e.world.Size.Seed + 1000*e.scenes}
	s.begin = max(2*time.Second, e.Time)
	s.end = s.begin + e.Time
	if d.turns > 0 {
		s.end = s.begin + time.Duration(d.turns)*e.round()
	}
	s.length = s.end + s.rest()
	return s
}

// rest is how long the calm after the trouble is.
func (e *env) rest() time.Duration { return max(backSoon+time.Second, e.Time) }

// calmShare is what must be answered in time before the trouble, for a comparison to mean anything.
const calmShare = 0.97

// carry carries one drill out, and once more where that is fair.
func (e *env) carry(ctx context.Context, d *drill) (Outcome, error) {
	o := Outcome{Name: d.name, What: d.what, How: d.how(e)}
	if o.Why = d.hindered(e); o.Why != "" {
		return o, nil
	}
	for {
		e.Told("%s: %s …", d.name, d.what)
		if err := e.try(ctx, d, &o); err != nil {
			return o, err
		}
		why := o.unsure()
		if why == "" || len(o.Earlier) >= e.Again {
			return o, nil
		}
		e.Told("  once more: %s", why)
		o = Outcome{Name: o.Name, What: o.What, How: o.How, Earlier: append(o.Earlier, why)}
	}
}

// try plays a drill once and judges it.
func (e *env) try(ctx context.Context, d *drill, o *Outcome) error {
	s := e.newScene(d)
	if err := s.play(ctx); err != nil {
		return err
	}
	o.Seed = s.seed
	if before := s.of(s.calm()); before.answered() < calmShare {
		o.Why = fmt.Sprintf("there was no calm before: %.0f %% of the requests were answered in time%s; let the machine do nothing else, or give a lower --knee",
			100*before.answered(), whatElse(&before.counts))
	} else {
		o.Promises = d.judge(s)
		o.Why = s.unsure
		if d.heals {
			o.Promises = append(o.Promises, s.well())
		}
	}
	books, err := s.books(ctx)
	if err != nil {
		return err
	}
	o.Promises = append(o.Promises, books...)
	o.Timeline = s.timeline()
	return nil
}

// play runs the load, and the trouble in the midst of it.
func (s *scene) play(ctx context.Context) error {
	phase := load.Phase{For: s.length, Seed: s.seed, Slice: step, Streams: s.drill.streams(s)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() { defer close(watched); s.watch.run(ctx, s.stage) }()

	var troubled, err error
	var metered <-chan []usage
	ended := make(chan struct{})
	start := time.Now()
	if s.drill.strike != nil {
		go func() { defer close(ended); troubled = s.strike(ctx, start) }()
	} else { // the load itself is the trouble
		close(ended)
		metered = s.meter(ctx)
	}
	s.result, err = s.generator.Run(ctx, phase)
	<-ended
	if late := s.mended - s.end; err == nil && s.drill.mend != nil && late > time.Second {
		err = s.goOn(ctx, phase, min(late, s.rest())) // or what comes back could not be seen
	}
	if s.drill.heals {
		s.watch.until(ctx, start.Add(s.mended+wellSoon))
	}
	cancel()
	<-watched
	s.began = s.result.Began
	if s.drill.strike == nil {
		s.used, s.struck, s.mended = <-metered, s.begin, s.end
	} else {
		off := s.began.Sub(start.Round(0).UTC())
		s.struck, s.mended = s.struck-off, s.mended-off
	}
	return errors.Join(err, troubled)
}

// goOn keeps up the load for longer than was planned: to mend something may take its time, as a database
// does that crashed.
func (s *scene) goOn(ctx context.Context, phase load.Phase, d time.Duration) error {
	phase.For, phase.Seed = d.Round(step), phase.Seed+1
	more, err := s.generator.Run(ctx, phase)
	if err != nil {
		return err
	}
	s.length = more.Began.Sub(s.result.Began).Round(step) + phase.For
	s.result.Append(&more, step)
	return nil
}

// strike makes the trouble, and ends it.
func (s *scene) strike(ctx context.Context, start time.Time) error {
	if !sleepUntil(ctx, start.Add(s.begin)) {
		return context.Cause(ctx)
	}
	s.struck = time.Since(start)
	err := s.drill.strike(ctx, s)
	go_on := sleepUntil(ctx, start.Add(s.end))
	if s.drill.mend != nil {
		// Even when the drill is being broken off: what was stopped must go on.
		err = errors.Join(err, s.drill.mend(context.WithoutCancel(ctx), s))
	}
	s.mended = time.Since(start)
	if !go_on {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("the trouble could not be made: %w", err)
	}
	return nil
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// part is what of a scene is looked at.
type part struct {
	from, to time.Duration // of the intended start
	stream   int
	keep     func(*load.Note, *load.Pattern) bool // nil: all
}

// figures are what requests came to.
type figures struct {
	counts  load.Counts
	latency observe.Histogram
	unsent  observe.Histogram // of these, from when a request was due until it was sent
	longest time.Duration
}

// plus gives both together.
func (f figures) plus(o figures) figures {
	f.counts.Add(&o.counts)
	f.latency.Merge(&o.latency)
	f.unsent.Merge(&o.unsent)
	f.longest = max(f.longest, o.longest)
	return f
}

func (f figures) answered() float64 {
	if n := f.counts.All(); n > 0 {
		return float64(f.counts.Answered()) / float64(n)
	}
	return 0
}

// of counts a part of the scene, from the notes of a stream that keeps all.
func (s *scene) of(p part) (f figures) {
	for i := range s.result.Notes {
		n := &s.result.Notes[i]
		if n.Stream != p.stream || n.At < p.from || n.At >= p.to || p.keep != nil && !p.keep(n, &s.mix.Patterns[n.Pattern]) {
			continue
		}
		f.counts[n.Class]++
		took := n.Done - n.At
		if n.Class <= load.Refused {
			f.latency.Add(took)
			f.unsent.Add(n.Sent - n.At)
		}
		if n.Class != load.Unsent {
			f.longest = max(f.longest, took)
		}
	}
	return f
}

// calm, trouble and after are the parts of a scene. The first half second of the calm does not count.
func (s *scene) calm() part {
	return part{from: 500 * time.Millisecond, to: s.struck}
}

func (s *scene) trouble(stream int) part { return part{from: s.struck, to: s.mended, stream: stream} }

func (s *scene) after(stream int) part {
	return part{from: s.mended, to: s.length, stream: stream}
}

// timeline draws up what happened.
func (s *scene) timeline() *Timeline {
	n := int(s.length / step)
	t := &Timeline{Step: step.Seconds(), Begin: s.struck.Seconds(), End: s.mended.Seconds(), Points: make([]Point, n), States: s.watch.spans(s.began, s.length)}
	latency := make([]observe.Histogram, n)
	for i := range s.result.Notes {
		if note := &s.result.Notes[i]; note.Class <= load.Refused {
			if at := int(note.At / step); at < n {
				latency[at].Add(note.Done - note.At)
			}
		}
	}
	for _, stream := range s.result.Streams {
		for i, slice := range stream.Slices[:min(n, len(stream.Slices))] {
			p, c := &t.Points[i], &slice.Counts
			per := func(classes ...load.Class) (sum float64) {
				for _, class := range classes {
					sum += float64(c[class]) / step.Seconds()
				}
				return sum
			}
			p.Asked += float64(c.All()) / step.Seconds()
			p.Answered += per(load.Good, load.Refused)
			p.Stale += float64(slice.Stale) / step.Seconds()
			p.Shed += per(load.Shed, load.Quota)
			p.Away += per(load.Away)
			p.Lost += per(load.Late, load.Timed, load.Failed, load.Unanswered, load.Unsent, load.Wrong)
			p.Worst = max(p.Worst, float64(slice.Worst.Microseconds())/1000)
		}
	}
	for i := range t.Points {
		t.Points[i].P99 = float64(latency[i].Quantile(0.99).Microseconds()) / 1000
	}
	return t
}
