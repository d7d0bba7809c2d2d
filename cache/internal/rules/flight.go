package rules

import "slices"

// Terms say what a reader accepts, as in package cache; times are in ticks.
type Terms struct{ Fresh, Stale, Min int }

func (t Terms) useful() bool { return t.Fresh > 0 || t.Stale > 0 }

// A reader waits for a flight.
type reader struct {
	node, which int
	terms       Terms
	order       int // of its arrival
	at          int // the time of its arrival
	known       int // the version from which an answer has every change that the node knew
	acked       int // the newest commit that was acknowledged, on any node
	delivered   int // the newest change to the answer whose message the node had taken in
	direct      bool
}

// A flight is one load. Others gather in next while it runs.
type flight struct {
	which   int
	start   int  // order of its start; 0: not started
	time    int  // the node's clock before the snapshot
	pins    bool // somebody has a use for the answer afterwards
	rec     *record
	shot    *answer // nil: the snapshot is still to come
	expired bool
	waiters []*reader
	next    *flight

	direct bool // somebody waits who must be answered from the store
	shared bool // it may be answered by the second tier
	asked  bool // the second tier replied
	ticket int  // its time then
}

// offered tells whether the answer is the second tier's.
func (f *flight) offered() bool { return f.shot != nil && f.shot.second }

// launch starts a flight: it pins the record.
func (w *World) launch(n *node, f *flight) {
	w.order++
	f.start = w.order
	f.time = n.clock(w.now)
	f.shared = w.second && !f.direct
	if f.pins && w.without != Pin {
		if n.rec == nil {
			n.rec = newRecord()
		}
		f.rec = n.rec
	}
	n.flights[f.which] = f
}

// board finds the flight that may serve the reader, or makes it.
func (w *World) board(r *reader) {
	n := w.nodes[r.node]
	f := n.flights[r.which]
	direct := r.direct && w.without != Direct
	switch {
	case f == nil:
		f = &flight{which: r.which, pins: r.terms.useful(), direct: direct}
		w.launch(n, f)
	case w.without == Join:
	case (f.start > r.order || r.terms.Fresh > 0 && !f.expired && (f.pins || w.without == Unpinned)) && !(direct && f.shared):
	default:
		if f.next == nil {
			f.next = &flight{which: r.which}
		}
		f = f.next
		f.pins = f.pins || r.terms.useful()
		f.direct = f.direct || direct
	}
	f.waiters = append(f.waiters, r)
}

// snapshot lets a flight read the store.
func (w *World) snapshot(f *flight) {
	f.shot = &answer{version: w.history.Head(), time: f.time, taken: w.now, life: w.life}
}

// land ends a flight with its answer, or with a failure that may pass.
func (w *World) land(n *node, f *flight, failed bool) {
	if f.offered() && !failed && !w.fits(n, f) {
		w.note("… its offer is not good enough")
		f.shot = nil
		return
	}
	if w.without == Age {
		f.shot.time = n.clock(w.now)
	}
	upTo := 0
	if !failed {
		upTo = f.shot.version
		if f.pins && w.without == Pin && !f.expired {
			if n.rec == nil {
				n.rec = newRecord()
			}
			f.rec = n.rec
		}
		if f.rec == n.rec && f.rec != nil {
			f.rec.fill(f.which, f.shot, w.without)
			upTo = f.rec.upTo(f.which, f.shot)
		}
	}
	if !failed && !f.expired && f.asked && !f.offered() {
		w.late = append(w.late, &put{w.key(f.which), f.shot, f.ticket, 0})
	}
	n.flights[f.which] = nil
	if f.next != nil && len(f.next.waiters) > 0 {
		w.launch(n, f.next)
	}
	for _, r := range f.waiters {
		switch {
		case failed:
			w.fallBack(r)
		case w.sees(f, r, upTo):
			w.answered(r, f.shot, Loaded)
		case f.offered(): // good enough for others
			r.direct = true
			w.board(r)
		case f.start > r.order: // the store itself has not reached the minimum
			w.fallBack(r)
		default:
			w.board(r)
		}
	}
}

// sees tells whether the flight's result is right for the reader.
func (w *World) sees(f *flight, r *reader, upTo int) bool {
	if upTo < r.terms.Min {
		return false
	}
	if f.offered() && w.without != Offered { // it had every change that was known when it landed
		return r.terms.Fresh > 0 && w.nodes[r.node].clock(w.now)-f.shot.time <= r.terms.Fresh
	}
	if f.start > r.order || w.without == Join {
		return true
	}
	return r.terms.Fresh > 0 && !f.expired &&
		w.nodes[r.node].clock(w.now)-f.shot.time <= r.terms.Fresh &&
		(f.shot.version >= r.known || w.without == Known)
}

// fallBack answers a reader whose load failed, if what is at hand will do.
func (w *World) fallBack(r *reader) {
	n := w.nodes[r.node]
	r.at, r.acked, r.delivered = w.now, 0, 0
	if a := n.hit(r.which, r.terms, w.now, w.without); a != nil {
		r.delivered = n.delivered[tagOf(r.which)]
		w.answered(r, a, Hit)
	} else if a := n.help(r.which, r.terms, w.now, w.without); a != nil {
		w.answered(r, a, Help)
	} else if a := w.rescue(n, r); a != nil {
		w.answered(r, a, Help)
	}
}

// leave takes a reader out of whatever it waits for.
func (w *World) leave(f *flight, r *reader) {
	f.waiters = slices.DeleteFunc(f.waiters, func(x *reader) bool { return x == r })
	w.fallBack(r)
}
