package admit

import (
	"container/heap"
	"time"

	"github.com/partita-dev/partita/model"
)

// priorities is how many there are.
const priorities = int(model.Critical) + 1

// waiter is one who waits to be let in.
type waiter[K comparable] struct {
	lane       *lane[K]
	prev, next *waiter[K] // in its lane, from the oldest to the newest
	asked      time.Time
	weight     int64
	answered   bool
	of         *held     // whose it is; nil: of a Gate
	answer     chan bool // true: let in; room for one
}

// lane are those of one key who wait, and how many of them are inside. What is short is shared out
// by lanes: who has the least inside comes next.
type lane[K comparable] struct {
	key            K
	priority       model.Priority
	inside         int64 // of those who have waited
	oldest, newest *waiter[K]
	turn           uint64 // when it was served last
	place          int    // in the heap; -1: nobody waits
}

// lanes are all who wait. They are guarded by the lock of whoever has them.
type lanes[K comparable] struct {
	byKey   [priorities]map[K]*lane[K]
	ready   [priorities]order[K]
	waiting [priorities]int
	turns   uint64
}

// add lets somebody wait, as the newest of its lane.
func (l *lanes[K]) add(p model.Priority, key K, now time.Time, weight int64) *waiter[K] {
	w := &waiter[K]{asked: now, weight: weight, answer: make(chan bool, 1)}
	l.put(w, p, key)
	return w
}

// put is add with a waiter that is there already.
func (l *lanes[K]) put(w *waiter[K], p model.Priority, key K) {
	if l.byKey[p] == nil {
		l.byKey[p] = map[K]*lane[K]{}
	}
	at := l.byKey[p][key]
	if at == nil {
		l.turns++
		at = &lane[K]{key: key, priority: p, place: -1, turn: l.turns}
		l.byKey[p][key] = at
	}
	w.lane, w.prev, w.next = at, at.newest, nil
	if at.newest != nil {
		at.newest.next = w
	} else {
		at.oldest = w
	}
	at.newest = w
	if at.place < 0 {
		heap.Push(&l.ready[p], at)
	}
	l.waiting[p]++
}

// next gives who comes next of a priority, of the lane that has the least inside: the newest, or the
// one who waits longest. Nobody is taken out.
func (l *lanes[K]) next(p model.Priority, newest bool) *waiter[K] {
	if len(l.ready[p]) == 0 {
		return nil
	}
	at := l.ready[p][0]
	if newest {
		return at.newest
	}
	return at.oldest
}

// remove takes somebody out who waits.
func (l *lanes[K]) remove(w *waiter[K]) {
	at := w.lane
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		at.oldest = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		at.newest = w.prev
	}
	w.prev, w.next = nil, nil
	l.waiting[at.priority]--
	if at.oldest == nil {
		heap.Remove(&l.ready[at.priority], at.place)
		l.drop(at)
		return
	}
	heap.Fix(&l.ready[at.priority], at.place)
}

// serve takes somebody out whose turn it was.
func (l *lanes[K]) serve(w *waiter[K]) {
	l.turns++
	w.lane.turn = l.turns
	l.remove(w)
}

// enter takes somebody out whose turn it was, and notes it as being inside.
func (l *lanes[K]) enter(w *waiter[K]) {
	w.lane.inside += w.weight
	l.serve(w)
}

// leave notes that somebody who has waited is not inside any more.
func (l *lanes[K]) leave(at *lane[K], weight int64) {
	at.inside -= weight
	if at.place >= 0 {
		heap.Fix(&l.ready[at.priority], at.place)
		return
	}
	l.drop(at)
}

// drop forgets a lane in which nobody is.
func (l *lanes[K]) drop(at *lane[K]) {
	if at.inside <= 0 && at.oldest == nil {
		delete(l.byKey[at.priority], at.key)
	}
}

// order is a heap of lanes in which somebody waits: those that have the least inside come first, and among
// them the one that was served the longest ago.
type order[K comparable] []*lane[K]

func (o order[K]) Len() int { return len(o) }

func (o order[K]) Less(i, j int) bool {
	if o[i].inside != o[j].inside {
		return o[i].inside < o[j].inside
	}
	return o[i].turn < o[j].turn
}

func (o order[K]) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}

// Push implements heap.Interface.
func (o *order[K]) Push(x any) {
	at := x.(*lane[K])
	at.place = len(*o)
	*o = append(*o, at)
}

// Pop implements heap.Interface.
func (o *order[K]) Pop() any {
	old := *o
	at := old[len(old)-1]
	old[len(old)-1] = nil
	*o = old[:len(old)-1]
	at.place = -1
	return at
}
