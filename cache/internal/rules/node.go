package rules

// A node holds the partition's record, the flights under way, and commits of its own that are
// durable but not acknowledged yet.
type node struct {
	rec     *record // nil: not resident
	flights [answers]*flight
	own     []message // to be applied here, then acknowledged, in order
	inbox   []message // under way from other nodes
	slept   int       // how far its monotonic clock is behind the time

	delivered [Tags]int // by tag the newest change whose message was taken in, over restarts
	heard     int       // its clock when a message was last taken in, or when it was started
}

// newNode starts a node at a time.
func newNode(now int) *node { return &node{heard: now} }

type message struct {
	version int
	touched [Tags]bool
	foreign bool // it cannot be interpreted: touched is not known to the receiver
}

// A record is what a node knows of the partition.
type record struct {
	known   bool // through is known
	through int  // messages were taken in up to this version
	floor   int  // answers read below it are not current
	sure    bool // from is known
	from    int  // answers read from here on have every change that the node was told of before
	tags    map[int]int
	answers [answers]*answer
}

// An answer shows what one tag names, as the partition was at version.
type answer struct {
	version int
	time    int // as the node counts it
	taken   int // when its snapshot was really taken: the node does not know
	life    int // the incarnation of the store that it was read from
	second  bool
}

func newRecord() *record { return &record{tags: map[int]int{}} }

// take takes in a message.
func (r *record) take(m message, without Rule) {
	if r.known && m.version <= r.through {
		return
	}
	if (!r.known || m.version > r.through+1) && without != Gap || m.foreign && without != Foreign {
		r.floor = max(r.floor, m.version)
	}
	if !m.foreign {
		for t, touched := range m.touched {
			if touched {
				r.tags[t] = m.version
			}
		}
	}
	r.known, r.through = true, m.version
}

// fill takes in an answer that was read at a.version.
func (r *record) fill(which int, a *answer, without Rule) {
	if !r.sure || a.version < r.from {
		r.sure, r.from = true, a.version
	}
	switch {
	case !r.known:
		r.known, r.through = true, a.version
		if without != FirstFloor {
			r.floor = max(r.floor, a.version)
		}
	case without == Raise:
		r.through = max(r.through, a.version)
	}
	if old := r.answers[which]; old == nil || old.version < a.version || old.version == a.version && old.time < a.time {
		r.answers[which] = a
	}
}

// dropTag lets a tag go for room.
func (r *record) dropTag(t int, without Rule) {
	if without != Drop {
		r.floor = max(r.floor, r.tags[t])
	}
	delete(r.tags, t)
}

// current tells whether no change is known that the answer lacks.
func (r *record) current(which int, a *answer) bool {
	return a.version >= r.floor && a.version >= r.tags[tagOf(which)]
}

// upTo gives the newest version at which the answer is known to be right.
func (r *record) upTo(which int, a *answer) int {
	if r.known && r.current(which, a) {
		return max(a.version, r.through)
	}
	return a.version
}

// needs gives the version from which an answer has every change that is known.
func (r *record) needs(which int) int { return max(r.floor, r.tags[tagOf(which)]) }

// hit returns the answer if it may be given at once, else nil.
func (n *node) hit(which int, t Terms, now int, without Rule) *answer {
	if t.Fresh == 0 && without != Strong || n.rec == nil {
		return nil
	}
	a := n.rec.answers[which]
	switch {
	case a == nil || !n.rec.current(which, a):
		return nil
	case n.clock(now)-a.time > t.Fresh && without != Fresh && t.Fresh > 0:
		return nil
	case n.rec.upTo(which, a) < t.Min && without != MinHit:
		return nil
	}
	return a
}

// help returns the answer if it may be given in trouble, else nil.
func (n *node) help(which int, t Terms, now int, without Rule) *answer {
	if t.Stale == 0 || n.rec == nil {
		return nil
	}
	a := n.rec.answers[which]
	switch {
	case a == nil || n.clock(now)-a.time > t.Stale && without != Stale:
		return nil
	case n.rec.upTo(which, a) < t.Min && without != MinStale:
		return nil
	}
	return a
}

func (n *node) clock(now int) int { return now - n.slept }

// evict lets the record go, if it may.
func (n *node) evict(without Rule) {
	if n.rec == nil || n.pinned() && without != Hold {
		return
	}
	stay := n.rec.answers
	n.rec = nil
	if without == Evict {
		n.rec = newRecord()
		n.rec.answers = stay
	}
}

// expire lets everything go, and no flight that is under way leaves anything behind.
func (n *node) expire() {
	n.rec = nil
	for _, f := range n.flights {
		if f != nil {
			f.expired = true
		}
	}
}

func (n *node) pinned() bool {
	for _, f := range n.flights {
		if f != nil && f.pins && !f.expired {
			return true
		}
	}
	return false
}
