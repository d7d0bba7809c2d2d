package drill

import (
	"fmt"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/observe"
)

// says: the nodes say that one of the parts is not well, soon.
func says(parts ...string) func(*scene) Promise {
	return func(s *scene) Promise {
		const soon = 3 * time.Second
		after, what, ok := s.watch.said(s.began.Add(s.struck), parts...)
		p := kept("says what is wrong", fmt.Sprintf("%s on /status within %s", strings.Join(parts, " or "), soon), ok && after <= soon, "after %s: %s", after.Round(lookEvery), what)
		switch lasted := s.mended - s.struck; {
		case !ok && lasted < soon:
			return unjudged(p.Name, p.Bound, fmt.Sprintf("it was not said, and the trouble was over after %s: give a longer --time", lasted.Round(step)))
		case !ok:
			p.Figure = "it was not said"
		}
		return p
	}
}

// wellSoon is how soon everything must be well again: what shows in counters only is said to be over when
// it was not seen for ten seconds.
const wellSoon = 15 * time.Second

// well: the nodes are well again by themselves.
func (s *scene) well() Promise {
	after, still := s.watch.well(s.began.Add(s.mended), s.watch.unwell(s.began.Add(s.struck)))
	p := kept("well again", fmt.Sprintf("every node, by itself, within %s", wellSoon), len(still) == 0 && after <= wellSoon, "%s after the end", after.Round(lookEvery))
	if len(still) > 0 {
		p.Figure, p.Details = "not within that time", still
	}
	return p
}

// readiness: nodes take requests as long as they are of use.
func (s *scene) readiness() Promise {
	none, all := s.watch.unready(s.began.Add(s.struck), s.began.Add(s.mended))
	if all == 0 {
		return unjudged("stays ready", "/readyz says yes", "it was not asked")
	}
	return kept("stays ready", "/readyz says yes", none == 0, "%d of %d times it did not", none, all)
}

// bounded: nobody waits longer than the limit of a request.
func (s *scene) bounded() Promise {
	f := s.of(part{to: s.length})
	for stream := 1; stream < len(s.result.Streams); stream++ {
		g := s.of(part{to: s.length, stream: stream})
		f.counts.Add(&g.counts)
		f.longest = max(f.longest, g.longest)
	}
	waited := f.counts[load.Unanswered] + f.counts[load.Unsent]
	return kept("nobody waits for ever", fmt.Sprintf("an answer within %s, and %s for the way", s.Timeout, grace), waited == 0,
		"%d of %d waited longer; the longest wait was %s", waited, f.counts.All(), f.longest.Round(time.Millisecond))
}

// steadyShare is what must be answered in time of what was before: the rest is what a machine does
// that has other work.
const steadyShare = 0.99

// unchanged: the trouble is no trouble for callers.
func (s *scene) unchanged() Promise {
	before, during := s.of(s.calm()), s.of(s.trouble(0))
	return kept("callers notice nothing", "as many answers in time as before", during.answered() >= steadyShare*before.answered(),
		"%.1f %% in time, before %.1f %%%s", 100*during.answered(), 100*before.answered(), whatElse(&during.counts))
}

// backSoon is how soon as much must be answered in time as before.
const backSoon = 5 * time.Second

// back: after the trouble all is as before, soon, without a hand.
func (s *scene) back() Promise {
	before := s.of(s.calm()).answered()
	const name = "back to normal"
	bound := fmt.Sprintf("99 %% of the answers in time of before, within %s", backSoon)
	const length = time.Second
	for at := s.mended; at+length <= s.length; at += step {
		f := s.of(part{from: at, to: at + length})
		if f.counts.All() > 0 && f.answered() >= steadyShare*before {
			took := at - s.mended
			return kept(name, bound, took <= backSoon, "after %s", took.Round(step))
		}
	}
	f := s.of(s.after(0))
	p := kept(name, bound, false, "not within the drill: %.1f %% in time, before %.1f %%%s", 100*f.answered(), 100*before, whatElse(&f.counts))
	return p
}

// cached: what a node has in its cache goes on while the store is away, within `stale`.
func (s *scene) cached() Promise {
	const name, bound = "what is cached is served", "99 % of the reads with `stale` that were answered before, in time as soon as the trouble is noticed"
	if len(s.stage.Nodes) > 1 {
		return unjudged(name, bound, "with several nodes it cannot be told from outside which has what")
	}
	last := map[string]time.Duration{} // by address: when it was answered last
	var asked, answered int
	var counts load.Counts
	noticed := s.struck + s.Timeout // until then the trouble may not have been noticed
	for _, n := range s.byStart() {
		p := &s.mix.Patterns[n.Pattern]
		if p.Read == nil || p.Read.Stale == 0 || p.Read.Of.View != nil {
			continue
		}
		address := s.world.Address(p.Read, n.Draw)
		if at, known := last[address]; known && n.At >= s.struck && n.At < s.mended && n.At-at < p.Read.Stale {
			asked++
			counts[n.Class]++
			if n.Class == load.Good || n.Class == load.Late && n.At < noticed {
				answered++
			}
		}
		if n.Class == load.Good && n.At < s.struck {
			last[address] = n.Done
		}
	}
	if asked < 20 {
		return unjudged(name, bound, fmt.Sprintf("only %d such reads were made", asked))
	}
	return kept(name, bound, float64(answered) >= 0.99*float64(asked), "%d of %d%s", answered, asked, whatElse(&counts))
}

// byStart gives the notes in the order in which requests were due.
func (s *scene) byStart() []*load.Note {
	list := make([]*load.Note, len(s.result.Notes))
	for i := range s.result.Notes {
		list[i] = &s.result.Notes[i]
	}
	sortNotes(list)
	return list
}

// accepts: writes that may be carried out later are accepted all the same.
func (s *scene) accepts() Promise {
	const name, bound = "writes are accepted for later", "99 % in time, with the store away"
	var f figures
	var cases []string
	for stream := range s.result.Streams {
		p := s.trouble(stream)
		p.keep = func(n *load.Note, p *load.Pattern) bool {
			if p.Accept && n.Class != load.Good && n.Class != load.Refused {
				note(&cases, "%s, asked for %s after the trouble began, %s after %s", p.Name, (n.At - s.struck).Round(time.Millisecond), n.Class, (n.Done - n.At).Round(time.Millisecond))
			}
			return p.Accept
		}
		g := s.of(p)
		f.counts.Add(&g.counts)
	}
	n := f.counts.All()
	if n < 20 {
		return unjudged(name, bound, fmt.Sprintf("only %d such writes were made", n))
	}
	p := kept(name, bound, f.answered() >= 0.99, "%.1f %% of %d%s", 100*f.answered(), n, whatElse(&f.counts))
	p.Details = cases
	return p
}

// reads: reads go on.
func (s *scene) reads() Promise {
	p := s.trouble(0)
	p.keep = func(_ *load.Note, p *load.Pattern) bool { return p.Read != nil }
	f := s.of(p)
	return kept("reads go on", "99 % in time", f.answered() >= 0.99, "%.1f %% of %d%s", 100*f.answered(), f.counts.All(), whatElse(&f.counts))
}

// refuses: writes are refused at once, and not left hanging.
func (s *scene) refuses() Promise {
	const name, bound = "writes are refused at once", "not carried out, and not left waiting"
	var f figures
	for stream := range s.result.Streams {
		p := s.trouble(stream)
		p.from += time.Second // the first ones find out
		p.keep = func(_ *load.Note, p *load.Pattern) bool { return p.Write != nil && !p.Accept }
		g := s.of(p)
		f.counts.Add(&g.counts)
		f.longest = max(f.longest, g.longest)
	}
	hung := f.counts[load.Unanswered] + f.counts[load.Unsent] + f.counts[load.Timed]
	return kept(name, bound, hung == 0 && f.longest <= s.Within+grace, "%d of %d left waiting; the longest wait was %s", hung, f.counts.All(), f.longest.Round(time.Millisecond))
}

// stops: a node whose disk failed ends by itself.
func (s *scene) stops() Promise {
	return kept("a failed fsync is never tried again", "the node stops by itself", s.stopped, "it %s", map[bool]string{true: "stopped", false: "went on"}[s.stopped])
}

// others: while a node is away, the others answer; one that is alone cannot.
func (s *scene) others() Promise {
	const name, bound = "the others answer", "99 % in time, after the first second"
	if len(s.stage.Nodes) == 1 {
		return unjudged(name, bound, "there is no other node: with PostgreSQL and --nodes 2 there is")
	}
	p := s.trouble(0)
	p.from += time.Second
	f := s.of(p)
	return kept(name, bound, f.answered() >= steadyShare, "%.1f %% in time%s", 100*f.answered(), whatElse(&f.counts))
}

// ownPart tells how much of the waits is the load's own: it takes its share of the machine, and what it sends late is late whatever
// the service does.
func (s *scene) ownPart(before, during figures) string {
	own := func(f figures) time.Duration { return f.unsent.Quantile(0.99).Round(100 * time.Microsecond) }
	return fmt.Sprintf("the load's own process took %.0f %% of the processors over the drill; it sent one request in a hundred %s late or more, without the trouble %s",
		100*s.result.CPU.Seconds()/s.result.Took.Seconds()/float64(s.report.Cores), own(during), own(before))
}

// criticals: critical requests succeed whatever bulk there is.
func (s *scene) criticals() Promise {
	f := s.of(s.trouble(0))
	p := kept("critical requests succeed", "99.9 % in time", f.answered() >= 0.999, "%.2f %% of %d%s", 100*f.answered(), f.counts.All(), whatElse(&f.counts))
	p.Details = append(p.Details, s.ownPart(s.of(s.calm()), f))
	return p
}

// whatElse lists what was not good.
func whatElse(c *load.Counts) string {
	var list []string
	for class, n := range c {
		if class := load.Class(class); n > 0 && class != load.Good && class != load.Refused {
			list = append(list, fmt.Sprintf("%d %s", n, class))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// lasting gives the latency of all that was answered while an overload lasted.
func (s *scene) lasting() (h observe.Histogram) {
	p := s.trouble(0)
	p.from += settling(s.Time)
	f := s.of(p)
	h.Merge(&f.latency)
	sum := s.result.Streams[2].Sum()
	h.Merge(&sum.Latency)
	return h
}
