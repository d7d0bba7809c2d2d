package admit

import (
	"time"

	"github.com/partita-dev/partita/model"
)

// held is a request that is held.
type held struct {
	waiter[uint64]
	priority       model.Priority
	pattern        *pattern
	head           []byte // how it begins; it stays there for as long as it is held
	line           int    // of the Door's lines
	older, younger *held  // of those of its line and priority
	stale          bool   // in no lane any more: it has been held for too long
	left           bool   // its caller has gone
}

// ages are those of one line and priority who are held, from the oldest to the newest.
type ages struct {
	oldest, newest *held
	fresh          *held // the oldest that is not stale
	n              int64
	lets           int     // how many were let in since the last look
	lately, pace   float64 // let in per second, and at the best
	brisk          bool    // the last of them is let in soon
}

// look notes at which pace they are let in, d after the look before.
func (a *ages) look(d time.Duration) {
	if a.n == 0 {
		return
	}
	a.lately += (float64(a.lets)/d.Seconds() - a.lately) * min(1, float64(d)/float64(paceOver))
	a.pace = max(a.lately, a.pace*(1-min(1, float64(d)/float64(paceKept))))
	a.lets, a.brisk = 0, float64(a.n) <= a.pace*briskFor.Seconds()
}

// standing tells whether more of them come than can be done: one has been held for long.
func (a *ages) standing(now time.Time) bool {
	return a.oldest != nil && now.Sub(a.oldest.asked) >= overloadAfter
}

// long tells whether there are so many besides that most would be let in too late if all kept their order. Otherwise
// something came to a halt for a moment: with the newest first some would wait until the line is empty, others not at all.
func (a *ages) long(now time.Time) bool { return a.standing(now) && !a.brisk }

func (a *ages) add(h *held) {
	h.older, h.younger, h.stale = a.newest, nil, false
	if a.newest != nil {
		a.newest.younger = h
	} else {
		a.oldest = h
	}
	a.newest = h
	if a.fresh == nil {
		a.fresh = h
	}
	a.n++
}

func (a *ages) remove(h *held) {
	if a.fresh == h {
		a.fresh = h.younger
	}
	if h.older != nil {
		h.older.younger = h.younger
	} else {
		a.oldest = h.younger
	}
	if h.younger != nil {
		h.younger.older = h.older
	} else {
		a.newest = h.older
	}
	h.older, h.younger = nil, nil
	a.n--
}
