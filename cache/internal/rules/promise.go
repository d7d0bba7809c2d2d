package rules

import "fmt"

type outcome string

const (
	hit    outcome = "hit"
	joined outcome = "loaded"
	stale  outcome = "stale"
)

// answered looks at an answer that was given.
func (w *World) answered(r *reader, a *answer, o outcome) {
	w.note("… %s: version %d of answer %d on node %d", o, a.version, r.which, r.node)
	if why := w.breach(r, a, o); why != "" && w.broken == "" {
		w.broken = why
		w.note("BROKEN: %s", why)
	}
}

// breach says which promise the answer breaks, "" if none.
func (w *World) breach(r *reader, a *answer, o outcome) string {
	tag := tagOf(r.which)
	if need := w.last(tag, min(r.terms.Min, w.head())); a.version < need {
		return fmt.Sprintf("minimum version %d: answered at %d, which lacks change %d", r.terms.Min, a.version, need)
	}
	if r.terms.Min > w.head() {
		return fmt.Sprintf("minimum version %d: answered, yet the store is at %d", r.terms.Min, w.head())
	}
	if o == stale {
		if age := w.now - a.taken; age > r.terms.Stale {
			return fmt.Sprintf("stale %d: the answer is %d old", r.terms.Stale, age)
		}
		return ""
	}
	if w.last(tag, a.version) < r.delivered {
		return fmt.Sprintf("%s at version %d, which lacks change %d, whose message was delivered before", o, a.version, r.delivered)
	}
	if r.terms.Fresh == 0 {
		if o == hit {
			return "fresh 0 was answered from the cache"
		}
		if a.version < r.acked {
			return fmt.Sprintf("strong read at version %d misses version %d, acknowledged before it arrived", a.version, r.acked)
		}
		return ""
	}
	if a.taken < min(r.at, w.now-r.terms.Fresh) {
		return fmt.Sprintf("fresh %d: the answer is %d old", r.terms.Fresh, w.now-a.taken)
	}
	return ""
}

// Check looks at every answer that any reader could be given from a cache now, and returns Broken.
func (w *World) Check() string {
	for i, n := range w.nodes {
		if n.rec == nil {
			continue
		}
		for which := range n.rec.answers {
			w.checkAnswer(i, n, which)
		}
	}
	return w.broken
}

func (w *World) checkAnswer(i int, n *node, which int) {
	if n.rec.answers[which] == nil {
		return
	}
	r := reader{node: i, which: which, at: w.now, acked: w.acked, delivered: n.delivered[tagOf(which)]}
	for minimum := range w.head() + 2 {
		for _, fresh := range []int{0, 1, 3, 8} {
			r.terms = Terms{Fresh: fresh, Min: minimum}
			if a := n.hit(which, r.terms, w.now, w.without); a != nil {
				w.judge(&r, a, hit)
			}
		}
		r.terms = Terms{Stale: 10, Min: minimum}
		if a := n.help(which, r.terms, w.now, w.without); a != nil {
			w.judge(&r, a, stale)
		}
	}
}

// judge is answered without a line for what is in order.
func (w *World) judge(r *reader, a *answer, o outcome) {
	if w.broken == "" && w.breach(r, a, o) != "" {
		w.answered(r, a, o)
	}
}
