package rules

import (
	"fmt"
	"slices"
)

// The size of a World: small, since what goes wrong goes wrong with little.
const (
	nodes   = 2
	answers = 4 // the last shows the same tag as the first, as a second page of a list would
	maxHead = 40
)

func tagOf(which int) int { return which % Tags }

// A World is the store, the nodes, and the time.
type World struct {
	without Rule
	now     int
	order   int
	nodes   [nodes]*node
	history History
	acked   int  // the newest commit that was acknowledged
	second  bool // there is a second tier
	tier    map[key]*kept
	late    []*put // under way to it
	life    int    // the store's incarnation
	broken  string
	trace   []string
	tracing bool
}

// New makes a World without the given rule, with a second tier or not. Tracing keeps a line for each step.
func New(without Rule, second, tracing bool) *World {
	w := &World{without: without, second: second, tier: map[key]*kept{}, tracing: tracing}
	for i := range w.nodes {
		w.nodes[i] = newNode(0)
	}
	return w
}

// Broken says which promise was broken and how, "" if none.
func (w *World) Broken() string { return w.broken }

// Trace lists the steps so far.
func (w *World) Trace() []string { return w.trace }

// Choose returns a number from 0 to n-1. Smaller numbers are simpler.
type Choose func(n int) int

// Step moves the World on in one of its ways; some of them may not be possible now, and do nothing.
func (w *World) Step(c Choose) {
	all := steps
	if w.second {
		all = stepsWithTier
	}
	all[c(len(all))](w, c)
}

// steps are the ways to move on, the more often the more they are needed to get anywhere.
var steps = slices.Concat(
	slices.Repeat([]step{(*World).read}, 8),
	slices.Repeat([]step{(*World).snapshots, (*World).lands}, 6),
	slices.Repeat([]step{(*World).commit, (*World).acknowledge, (*World).deliver}, 4),
	slices.Repeat([]step{(*World).wait, (*World).dropTag, (*World).evict}, 2),
	[]step{(*World).fails, (*World).leaves, (*World).loses, (*World).dropAnswer, (*World).restart, (*World).sleep},
)

// stepsWithTier are the ways to move on with a second tier.
var stepsWithTier = slices.Concat(steps,
	slices.Repeat([]step{(*World).asks}, 12),
	slices.Repeat([]step{(*World).puts}, 6),
	[]step{(*World).losesPut, (*World).losesKept, (*World).restore, (*World).evict},
)

type step func(*World, Choose)

func (w *World) note(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf("%3d  ", w.now)+fmt.Sprintf(format, args...))
	}
}

// commit makes a commit durable. Its own node has still to apply it; messages to the others are on
// their way, doubled or lost.
func (w *World) commit(c Choose) {
	if w.history.Head() == maxHead {
		return
	}
	by := c(nodes)
	touched := []int{c(Tags)}
	if c(4) == 3 {
		touched = append(touched, c(Tags))
	}
	m := message{version: w.history.Commit(touched...), foreign: c(6) == 5}
	for _, t := range touched {
		m.touched[t] = true
	}
	for i, n := range w.nodes {
		if i == by {
			n.own = append(n.own, m)
			continue
		}
		for range []int{1, 1, 0, 2}[c(4)] {
			n.inbox = append(n.inbox, m)
		}
	}
	w.note("node %d commits version %d, touching %v, foreign %v", by, m.version, touched, m.foreign)
}

func (w *World) acknowledge(c Choose) {
	n, i := w.node(c)
	if len(n.own) == 0 {
		return
	}
	m := n.own[0]
	n.own = n.own[1:]
	m.foreign = false // a node understands what it wrote
	w.note("node %d acknowledges version %d", i, m.version)
	w.take(n, m)
	w.acked = max(w.acked, m.version)
}

func (w *World) deliver(c Choose) {
	n, i := w.node(c)
	if len(n.inbox) == 0 {
		return
	}
	k := c(len(n.inbox))
	m := n.inbox[k]
	n.inbox = append(n.inbox[:k:k], n.inbox[k+1:]...)
	w.note("node %d hears of version %d", i, m.version)
	w.take(n, m)
}

func (w *World) take(n *node, m message) {
	for t, touched := range m.touched {
		if touched {
			n.delivered[t] = max(n.delivered[t], m.version)
		}
	}
	n.heard = n.clock(w.now)
	if n.rec != nil {
		n.rec.take(m, w.without)
	}
}

func (w *World) loses(c Choose) {
	n, i := w.node(c)
	if len(n.inbox) == 0 {
		return
	}
	w.note("the message of version %d to node %d is lost", n.inbox[0].version, i)
	n.inbox = n.inbox[1:]
}

// read lets a reader arrive. It is answered at once, or waits for a flight.
func (w *World) read(c Choose) {
	n, i := w.node(c)
	r := &reader{node: i, which: c(answers), at: w.now, acked: w.acked}
	r.terms.Fresh = []int{3, 0, 1, 8}[c(4)]
	r.terms.Stale = []int{0, 10}[c(2)]
	if c(3) == 2 {
		r.terms.Min = c(w.history.Head() + 2) // beyond the head as well: a token may be forged
	}
	r.delivered = n.delivered[tagOf(r.which)]
	r.direct = r.terms.Fresh == 0
	if n.rec != nil {
		r.known = n.rec.needs(r.which)
	}
	w.order++
	r.order = w.order
	w.note("a reader on node %d asks for answer %d on terms %+v", i, r.which, r.terms)
	if a := n.hit(r.which, r.terms, w.now, w.without); a != nil {
		w.answered(r, a, Hit)
		return
	}
	w.board(r)
}

func (w *World) snapshots(c Choose) {
	if n, f := w.flight(c, false); f != nil {
		w.note("%s reads the store at version %d", w.name(n, f), w.history.Head())
		w.snapshot(f)
	}
}

func (w *World) lands(c Choose) {
	if n, f := w.flight(c, true); f != nil {
		w.note("%s lands", w.name(n, f))
		w.land(n, f, false)
	}
}

func (w *World) fails(c Choose) {
	if n, f := w.flight(c, true); f != nil {
		w.note("%s fails", w.name(n, f))
		w.land(n, f, true)
	}
}

// flight chooses a running flight that has, or has not, taken its snapshot; nil if there is none.
func (w *World) flight(c Choose, taken bool) (*node, *flight) {
	n, _ := w.node(c)
	var some []*flight
	for _, f := range n.flights {
		if f != nil && (f.shot != nil) == taken {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		return nil, nil
	}
	return n, some[c(len(some))]
}

func (w *World) name(n *node, f *flight) string {
	return fmt.Sprintf("node %d's flight for answer %d", slices.Index(w.nodes[:], n), f.which)
}

func (w *World) leaves(c Choose) {
	n, _ := w.node(c)
	f := n.flights[c(answers)]
	if f != nil && f.next != nil && c(2) == 1 {
		f = f.next
	}
	if f == nil || len(f.waiters) == 0 {
		return
	}
	r := f.waiters[c(len(f.waiters))]
	w.note("a reader of answer %d on node %d waits no longer", r.which, r.node)
	w.leave(f, r)
}

func (w *World) dropTag(c Choose) {
	n, i := w.node(c)
	t := c(Tags)
	if n.rec == nil || n.rec.tags[t] == 0 {
		return
	}
	w.note("node %d drops tag %d", i, t)
	n.rec.dropTag(t, w.without)
}

func (w *World) dropAnswer(c Choose) {
	n, i := w.node(c)
	which := c(answers)
	if n.rec == nil || n.rec.answers[which] == nil {
		return
	}
	w.note("node %d drops answer %d", i, which)
	n.rec.answers[which] = nil
}

func (w *World) evict(c Choose) {
	n, i := w.node(c)
	if n.rec == nil {
		return
	}
	w.note("node %d evicts the record", i)
	n.evict(w.without)
}

// restart takes everything from a node but what is under way to it.
func (w *World) restart(c Choose) {
	n, i := w.node(c)
	w.note("node %d restarts", i)
	w.nodes[i] = newNode(w.now)
	w.nodes[i].inbox, w.nodes[i].delivered = n.inbox, n.delivered
}

func (w *World) wait(c Choose) {
	w.now += 1 + c(4)
	w.note("time passes")
}

// sleep stops the monotonic clock of one node while time passes; it notices on waking up.
func (w *World) sleep(c Choose) {
	n, i := w.node(c)
	d := 1 + c(10)
	w.now += d
	n.slept += d
	w.note("node %d slept", i)
	if w.without != Jump {
		n.expire()
	}
}

func (w *World) node(c Choose) (*node, int) {
	i := c(nodes)
	return w.nodes[i], i
}
