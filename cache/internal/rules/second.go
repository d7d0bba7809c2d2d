package rules

import "slices"

// keep is how long the second tier keeps an answer, from its time on.
const keep = 10

// A key names an answer in the second tier.
type key struct{ which, life int }

func (w *World) key(which int) key {
	if w.without == Incarnation {
		return key{which, 0}
	}
	return key{which, w.life}
}

// A put is an answer under way to the second tier. Its time there is what the tier's clock showed
// before the snapshot, so that whatever happened since is used up.
type put struct {
	of key
	*answer
	born int
	at   int // when it arrived
}

// kept is what the second tier has of an answer: the one it gives, and what came since the key was
// empty, for the judge.
type kept struct {
	now *put
	all []*put
}

// newer tells whether p may replace q.
func (p *put) newer(q *put) bool {
	return q == nil || p.version > q.version || p.version == q.version && p.born > q.born
}

func (w *World) age(p *put) int {
	if w.without == Used {
		return w.now - p.at
	}
	return w.now - p.born
}

// A want says which answers a node has a use for.
type want struct {
	version, age int
	since        int // on the node's clock; -1: at any time
}

func (w *World) wants(n *node, f *flight) want {
	x := want{since: -1, age: keep}
	for _, r := range f.waiters {
		x.version = max(x.version, r.terms.Min)
		if r.terms.Fresh > 0 {
			x.age = min(x.age, r.terms.Fresh)
		}
	}
	if f.rec.known && f.rec.through >= x.version {
		x.version = 0
	}
	if w.without != Current {
		x.version = max(x.version, f.rec.needs(f.which))
	}
	if f.rec.sure {
		x.version = max(x.version, f.rec.from)
	} else if w.without != Heard {
		x.since = n.heard
	}
	return x
}

func (w *World) meets(p *put, x want, clock int) bool {
	age := w.age(p)
	return p.version >= x.version && age <= x.age && age <= keep && clock-age > x.since
}

// asks lets a flight ask the second tier before it reads the store.
func (w *World) asks(c Choose) {
	n, f := w.flight(c, false)
	if f == nil || !f.shared || f.asked || !f.pins || f.rec != n.rec || f.expired {
		return
	}
	if slices.ContainsFunc(f.waiters, func(r *reader) bool { return r.terms.Fresh == 0 }) && w.broken == "" {
		w.broken = "a strong read waits for the second tier"
		w.note("BROKEN: %s", w.broken)
	}
	f.asked, f.ticket = true, w.now
	k := w.tier[w.key(f.which)]
	x := w.wants(n, f)
	switch {
	case k == nil:
		w.note("%s asks the second tier, which has nothing", w.name(n, f))
	case w.meets(k.now, x, n.clock(w.now)):
		age := w.age(k.now)
		f.shot = &answer{version: k.now.version, time: n.clock(w.now) - age, taken: k.now.taken, life: k.now.life, second: true}
		w.note("%s is offered version %d, %d old", w.name(n, f), f.shot.version, age)
	default:
		w.note("%s asks the second tier for %+v, which has version %d", w.name(n, f), x, k.now.version)
		w.spared(k, x, n.clock(w.now))
	}
}

// spared looks for an answer that was put and would have spared the load, had an older one not taken
// its place.
func (w *World) spared(k *kept, x want, clock int) {
	for _, p := range k.all {
		if p.newer(k.now) && w.meets(p, x, clock) && w.broken == "" {
			w.broken = "a load that an answer in the second tier would have spared, had an older one not replaced it"
			w.note("BROKEN: %s: version %d", w.broken, p.version)
		}
	}
}

// fits tells whether a flight may land with what it was offered.
func (w *World) fits(n *node, f *flight) bool {
	a, rec := f.shot, f.rec
	if rec == nil || rec != n.rec || f.expired && w.without != Jump {
		return false
	}
	if !rec.current(f.which, a) && w.without != Current {
		return false
	}
	return rec.sure && a.version >= rec.from || a.time > n.heard || w.without == Heard
}

// puts lets an answer arrive at the second tier, in any order.
func (w *World) puts(c Choose) {
	if len(w.late) == 0 {
		return
	}
	i := c(len(w.late))
	p := w.late[i]
	w.late = slices.Delete(w.late, i, i+1)
	p.at = w.now
	if w.age(p) > keep {
		return
	}
	w.note("the second tier hears of answer %d at version %d, from time %d", p.of.which, p.version, p.born)
	k := w.tier[p.of]
	if k == nil || w.age(k.now) > keep {
		k = &kept{}
		w.tier[p.of] = k
	}
	if k.now == nil || p.newer(k.now) || w.without == Newer {
		k.now = p
	}
	k.all = append(k.all, p)
}

func (w *World) losesPut(c Choose) {
	if len(w.late) > 0 {
		i := c(len(w.late))
		w.late = slices.Delete(w.late, i, i+1)
		w.note("an answer is lost on its way to the second tier")
	}
}

func (w *World) losesKept(c Choose) {
	w.note("the second tier loses an answer")
	delete(w.tier, w.key(c(answers)))
}

// rescue finds an answer that may serve a reader as stale, when loading failed.
func (w *World) rescue(n *node, r *reader) *answer {
	k := w.tier[w.key(r.which)]
	if !w.second || k == nil || r.terms.Stale == 0 || r.terms.Fresh == 0 {
		return nil
	}
	p := k.now
	if age := w.age(p); age > r.terms.Stale || age > keep || p.version < r.terms.Min {
		return nil
	}
	return &answer{version: p.version, time: n.clock(w.now) - w.age(p), taken: p.taken, life: p.life, second: true}
}

// restore puts a backup in the store's place: versions are used again, under another incarnation.
// Nodes are started anew with it; the second tier goes on.
func (w *World) restore(c Choose) {
	if w.history.Head() == 0 || c(4) > 0 {
		return
	}
	w.life++
	w.history.Cut(c(w.history.Head()))
	w.acked = min(w.acked, w.history.Head())
	for i := range w.nodes {
		w.nodes[i] = newNode(w.now)
	}
	w.note("the store is restored at version %d, as incarnation %d", w.history.Head(), w.life)
}
