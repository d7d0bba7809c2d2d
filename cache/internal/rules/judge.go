package rules

import "fmt"

// answered looks at an answer that was given.
func (w *World) answered(r *reader, a *answer, o Outcome) {
	w.note("… %s: version %d of answer %d on node %d", o, a.version, r.which, r.node)
	if why := w.breach(r, a, o); why != "" && w.broken == "" {
		w.broken = why
		w.note("BROKEN: %s", why)
	}
}

func (w *World) breach(r *reader, a *answer, o Outcome) string {
	g := Given{
		Terms: r.terms, Outcome: o, Tag: tagOf(r.which), Version: a.version, Taken: a.taken,
		Now: w.now, Arrived: r.at, Acked: r.acked, Delivered: r.delivered,
	}
	if a.life != w.life {
		return fmt.Sprintf("an answer of incarnation %d, while the store is %d", a.life, w.life)
	}
	return w.history.Breach(g)
}

// Check looks at every answer that any reader could be given from a cache now, and returns Broken.
func (w *World) Check() string {
	for i, n := range w.nodes {
		if n.rec == nil {
			continue
		}
		for which, a := range n.rec.answers {
			if a != nil {
				w.checkAnswer(i, n, which)
			}
		}
	}
	return w.broken
}

func (w *World) checkAnswer(i int, n *node, which int) {
	r := reader{node: i, which: which, at: w.now, acked: w.acked, delivered: n.delivered[tagOf(which)]}
	for minimum := range w.history.Head() + 2 {
		for _, fresh := range []int{0, 1, 3, 8} {
			r.terms = Terms{Fresh: fresh, Min: minimum}
			if a := n.hit(which, r.terms, w.now, w.without); a != nil {
				w.judge(&r, a, Hit)
			}
		}
		r.terms = Terms{Stale: 10, Min: minimum}
		if a := n.help(which, r.terms, w.now, w.without); a != nil {
			w.judge(&r, a, Help)
		}
	}
}

// judge is answered without a line for what is in order.
func (w *World) judge(r *reader, a *answer, o Outcome) {
	if w.broken == "" && w.breach(r, a, o) != "" {
		w.answered(r, a, o)
	}
}
