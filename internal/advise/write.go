package advise

import (
	"fmt"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
)

const (
	manyFail  = 0.05  // of the requests of a write, for one reason
	mostWaits = 0.5   // of a write's time, spent before its work begins
	longWait  = 0.005 // seconds
)

// contention looks for writes that get in each other's way.
func (a *adviser) contention() {
	for _, w := range a.Model.Writes {
		p := pattern(a.Now.Writes, w.Name)
		if w.Allow.None || !a.seen(w.Name, "requests", p.Requests, LeastWrites) {
			continue
		}
		a.clashes(w, p)
		for _, s := range a.Now.Study.Writes {
			if s.Name == w.Name && s.Done >= LeastWrites {
				a.waiting(w, p, &s)
			}
		}
	}
}

// clash is a way in which callers of a write meet.
var clashes = []struct {
	code         fault.Code
	what, remedy string
}{
	{fault.GuardFailed, "fail their guard", "callers decide by what they saw, and others are quicker: let the write work out what it needs from the row (set: {x: = row.x + input.y}), or make a step conditional (`if`) where nothing to do is no failure"},
	{fault.Precondition, "come with an If-Match that holds no more", "callers change a row that they read before, and others are quicker: let the write take only what changes, and work out the rest from the row"},
	{fault.Exists, "insert a row that is there already", "an upsert takes both; or let the key be made (`default: new`), and repeats be known by their Idempotency-Key"},
	{fault.NotUnique, "want a value that is taken", "callers compete for the same values: let them be made (`default: random`, `default: next`)"},
	{fault.InFlight, "repeat a request that is still under way", "callers give up too early: let them wait longer, or give them 202 with `async: offered`"},
}

func (a *adviser) clashes(w *model.Write, p *observe.Pattern) {
	for _, clash := range clashes {
		var n uint64
		for _, e := range p.Errors {
			if e.Code == string(clash.code) {
				n = e.Count
			}
		}
		part := float64(n) / float64(p.Requests)
		if part < manyFail {
			continue
		}
		x := Advice{Kind: Contends, Of: w.Name, Gain: part, Says: fmt.Sprintf("%s of the requests of %s %s", share(part), w.Name, clash.what),
			Evidence: []string{fmt.Sprintf("%s of %s requests in %s were answered %q", count(float64(n)), count(float64(p.Requests)), length(a.Now.Covered), clash.code)},
			Change:   a.file.show("writes", w.Name), Think: clash.remedy}
		if guard := a.guard(w); guard != "" && clash.code == fault.GuardFailed {
			x.Evidence = append(x.Evidence, "its guard: "+guard)
		}
		a.say(x)
	}
}

func (a *adviser) guard(w *model.Write) string {
	for _, s := range w.Steps {
		if s.When != nil {
			return s.When.Text
		}
	}
	return ""
}

// waiting looks at the time before the work of a write begins, and at work done in vain.
func (a *adviser) waiting(w *model.Write, p *observe.Pattern, s *study.Write) {
	done := float64(s.Done)
	if again := float64(s.Again) / done; again >= manyFail {
		a.say(Advice{Kind: Contends, Of: w.Name, Gain: again, Says: fmt.Sprintf("the work of %s is done more than once for %s of its requests", w.Name, share(again)),
			Evidence: []string{fmt.Sprintf("%s of %s writes were undone and done again: one of their group failed, or the store saw a conflict", count(float64(s.Again)), count(done))},
			Change:   a.file.show("writes", w.Name),
			Think:    "one failing write makes its group run one by one: look at what fails in the same partitions; on stores with optimistic commits, fewer writes to one partition at a time"})
	}
	wait, took := s.Waited/done, s.Took/done
	if wait < longWait || wait < mostWaits*took {
		return
	}
	x := Advice{Kind: Contends, Of: w.Name, Gain: wait / took, Says: fmt.Sprintf("%s waits for %s of its time at the store before its work begins", w.Name, share(wait/took)),
		Evidence: []string{fmt.Sprintf("on average %s of %s, over %s writes; p99 of the whole request %s", short(wait), short(took), count(done), short(p.P99))}}
	if st := a.Now.Store; st != nil {
		x.Evidence = append(x.Evidence, fmt.Sprintf("%.1f writes are in a group on average; %d of %d places of the queue are taken now", st.GroupSize, st.QueueLength, st.QueueBound))
	}
	if hottest := a.busiest(w); hottest != "" {
		x.Evidence = append(x.Evidence, hottest)
	}
	if w.Async == model.Sync && !w.Code {
		x.Change = a.file.set("writes", w.Name, "async", "offered")
		x.Think = "callers who say `Prefer: respond-async` then get 202 at once; the work itself becomes less only with a finer partition field, or with one write for many rows (`each`)"
	} else {
		x.Change = a.file.show("writes", w.Name)
		x.Think = "fewer and larger writes (`each`) share one commit; a finer partition field lets them go side by side"
	}
	a.say(x)
}

// busiest names the partition that a write is mostly in, where there is one.
func (a *adviser) busiest(w *model.Write) string {
	for _, f := range a.Now.Study.Families {
		if f.Name != w.Family.Name || len(f.Partitions) == 0 || f.Cost <= 0 {
			continue
		}
		p := f.Partitions[0]
		if sure := (p.Cost - p.Over) / f.Cost; sure >= hotShare && first(p.Patterns).Name == w.Name {
			return fmt.Sprintf("the %s %s has %s of the cost of all, most of it by this write: they wait for each other", f.Name, p.Name, share(sure))
		}
	}
	return ""
}
