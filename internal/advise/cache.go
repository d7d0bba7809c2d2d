package advise

import (
	"fmt"

	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
)

// When a longer or a shorter `fresh` is worth a word.
const (
	worthCache = 0.3  // of the requests, answered from the cache where none is now
	worthMore  = 0.05 // of the requests, in addition
	sameHits   = 0.01 // of the requests: a difference that is none
	mostOfIt   = 0.9  // of what can be had at all: beyond it a longer `fresh` is not worth its age
)

// cache looks at the `fresh` of every read.
func (a *adviser) cache() {
	for _, r := range a.Model.Reads {
		s := a.studied(r.Name)
		if r.Internal || s == nil || len(s.Tries) == 0 || !a.seen(r.Name, "requests", s.Looked, LeastReads) {
			continue
		}
		c := candidate{a, r, s, pattern(a.Now.Reads, r.Name)}
		if !c.longer() {
			c.shorter()
		}
	}
}

// candidate is a read that may have another `fresh`.
type candidate struct {
	*adviser
	read *model.Read
	*study.Read
	measured *observe.Pattern
}

// hits gives the share of the requests that a try answers from the cache.
func (c *candidate) hits(t study.Try) float64 {
	if t.Fresh <= 0 || c.Asked == 0 {
		return 0
	}
	return max(0, 1-float64(t.Loads)/float64(c.Asked))
}

// usable lists the tries that lasted at least once while there was somebody to look, and are not longer
// than the read's `stale`.
func (c *candidate) usable() (list []study.Try) {
	for _, t := range c.Tries[1:] {
		if t.Fresh <= c.Now.Study.Seconds && (c.read.Stale == 0 || t.Fresh <= c.read.Stale.Seconds()) {
			list = append(list, t)
		}
	}
	return list
}

// longer advises a longer `fresh`, or one at all.
func (c *candidate) longer() bool {
	own := c.hits(c.Tries[0])
	best := own
	for _, t := range c.usable() {
		best = max(best, c.hits(t))
	}
	least := own + worthMore
	if c.read.Fresh == 0 {
		least = worthCache
	}
	for _, t := range c.usable() {
		got := c.hits(t)
		if t.Fresh <= c.Tries[0].Fresh || got < least || got < own+mostOfIt*(best-own) {
			continue
		}
		rate := float64(c.measured.Requests) / max(c.Now.Covered, 1e-9)
		x := Advice{Of: c.read.Name, Gain: (got - own) * rate * c.measured.Stored.Mean,
			Change: c.file.set("reads", c.read.Name, "fresh", length(t.Fresh))}
		if c.read.Fresh == 0 {
			x.Kind = Cached
			x.Says = fmt.Sprintf("%s always asks the store; with fresh %s a cache would answer %s of its requests", c.read.Name, length(t.Fresh), share(got))
			x.Think = "a copy is dropped as soon as a change of it is heard of, but a lost message lets it live for as long as fresh says: keep fresh 0 where a caller must never read behind somebody else's write"
		} else {
			x.Kind = Short
			x.Says = fmt.Sprintf("the fresh of %s, %s, ends answers that are still right; with %s the cache answers %s of its requests instead of %s",
				c.read.Name, length(c.Tries[0].Fresh), length(t.Fresh), share(got), share(own))
			x.Think = "answers may be up to that old where the news of a change is lost, or comes from SQL past Partita"
		}
		x.Evidence = []string{c.cost(x.Gain), c.stability(), c.ladder(), c.sample()}
		if c.read.Of.View != nil {
			x.Evidence = append(x.Evidence, "its rows are of the view "+c.read.Of.View.Name+": fresh counts from the oldest change that is not in it yet")
		}
		c.say(x)
		return true
	}
	return false
}

// shorter advises a shorter `fresh` where answers do not live that long anyway.
func (c *candidate) shorter() {
	if c.read.Fresh == 0 || c.Changes < LeastChanges {
		return
	}
	own := c.hits(c.Tries[0])
	half, most := c.outdated(0.5), c.outdated(0.9)
	if own == 0 || most > c.Tries[0].Fresh/2 {
		return
	}
	for _, t := range c.usable() {
		if t.Fresh > c.Tries[0].Fresh/2 || c.hits(t) < own-sameHits {
			continue
		}
		old := 0.0
		if c.Served > 0 {
			old = float64(c.Old) / float64(c.Served)
		}
		c.say(Advice{Kind: Long, Of: c.read.Name, Gain: old * float64(c.measured.Requests),
			Says: fmt.Sprintf("the fresh of %s, %s, is longer than its answers live; %s gives %s of hits instead of %s, and bounds better what a lost message can do",
				c.read.Name, length(c.Tries[0].Fresh), length(t.Fresh), share(c.hits(t)), share(own)),
			Evidence: []string{
				fmt.Sprintf("half of the answers had changed at an age of %s, nine in ten at %s (%s changes)", length(half), length(most), count(float64(c.Changes))),
				fmt.Sprintf("were nobody told of changes, %s of the answers from a copy would have been outdated", share(old)),
				c.stability(), c.sample()},
			Change: c.file.set("reads", c.read.Name, "fresh", length(t.Fresh)),
		})
		return
	}
}

// outdated gives the age below which a share of the answers had changed.
func (c *candidate) outdated(q float64) float64 {
	var below uint64
	for i, n := range c.Outdated {
		if below += n; float64(below) >= q*float64(c.Changes) {
			return study.AgeBound(i)
		}
	}
	return 0
}

func (c *candidate) cost(gain float64) string {
	mean := c.measured.Stored.Mean
	text := fmt.Sprintf("a load takes %s on average, and %s requests caused or awaited one: %s of store time each second",
		short(mean), count(float64(c.measured.Stored.Requests)), short(c.waits(c.measured)))
	if c.reads > 0 {
		text += fmt.Sprintf("; this would save %s, %s of what all reads wait for", short(gain), share(min(1, gain/c.reads)))
	}
	return text
}

func (c *candidate) stability() string {
	if c.Changes == 0 {
		return fmt.Sprintf("in %s none of its answers changed", many(float64(c.Asked), "request", "requests"))
	}
	return fmt.Sprintf("an answer is asked for %s times between two changes of it (%s, %s)",
		few(float64(c.Asked)/float64(c.Changes)), many(float64(c.Asked), "request", "requests"), many(float64(c.Changes), "change", "changes"))
}

// ladder gives the hit rates of all that was tried.
func (c *candidate) ladder() string {
	text := "hit rates:"
	for _, t := range c.usable() {
		text += fmt.Sprintf(" %s %s,", length(t.Fresh), share(c.hits(t)))
	}
	text = text[:len(text)-1]
	if o := c.measured.Cache; o != nil && c.read.Fresh > 0 {
		if all := o.Hit + o.Refreshed + o.Miss + o.Joined + o.Shared + o.Stale; all > 0 {
			text += fmt.Sprintf("; measured with %s now: %s", length(c.Tries[0].Fresh), share(float64(o.Hit+o.Refreshed)/float64(all)))
		}
	}
	return text
}

func (c *candidate) sample() string {
	text := fmt.Sprintf("looked at for %s: %s requests for %s of its answers", length(c.Now.Study.Seconds), count(float64(c.Looked)), count(float64(c.Answers)))
	if c.OneIn > 1 {
		text += fmt.Sprintf(", one in %s", count(c.OneIn))
	}
	return text
}
