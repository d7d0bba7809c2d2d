package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
)

// Queue collects the writes that wait for their group. Many submit; one goroutine takes, by Take, or
// several do, by TakeApart. Nothing waits for a timer: a group is what is there when a taker is free.
type Queue struct {
	bound int // writes that may wait
	group int // writes of one group

	mu      sync.Mutex
	waiting []Item
	apart   apart
	refusal error // set once: what everyone is told from then on
	wake    chan struct{}
	calls   sync.Pool // of *call
}

// Item is one write that waits, or one job that has to run where writes are carried out.
type Item struct {
	Write *Write
	Job   func()
	call  *call
}

// call is one caller that waits for its items.
type call struct {
	left int // guarded by Queue.mu
	done chan struct{}
}

// NewQueue returns a queue; bound and group take the defaults of Options where they are 0.
func NewQueue(bound, group int) *Queue {
	if bound <= 0 {
		bound = 4096
	}
	if group <= 0 {
		group = 256
	}
	q := &Queue{bound: bound, group: group, wake: make(chan struct{}, 1)}
	q.calls.New = func() any { return &call{done: make(chan struct{}, 1)} }
	return q
}

// Bound gives the number of writes that may wait.
func (q *Queue) Bound() int { return q.bound }

// Len gives the number of writes that wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length()
}

func (q *Queue) length() int { return len(q.waiting) + q.apart.behind }

// Submit queues writes and returns when each has its Result. A write that finds no room is refused
// with fault.Overloaded; one that still waits when ctx ends is taken out with fault.Deadline.
func (q *Queue) Submit(ctx context.Context, ws ...*Write) {
	if ctx.Err() != nil {
		for _, w := range ws {
			w.Result = WriteResult{Err: tooLate()}
		}
		return
	}
	c := q.calls.Get().(*call)
	q.mu.Lock()
	for _, w := range ws {
		switch {
		case q.refusal != nil:
			w.Result = WriteResult{Err: q.refusal}
		case q.length() >= q.bound:
			err := fault.New(fault.Overloaded, "The store has more writes waiting than it takes. Try again shortly.")
			err.RetryAfter = time.Second
			w.Result = WriteResult{Err: err}
		default:
			q.waiting = append(q.waiting, Item{Write: w, call: c})
			c.left++
		}
	}
	q.wait(ctx, c, ws)
}

// Do runs a job where the writes are carried out, between two groups, and returns when it is done.
// The error tells that it was not run.
func (q *Queue) Do(ctx context.Context, job func()) error {
	if ctx.Err() != nil {
		return tooLate()
	}
	c := q.calls.Get().(*call)
	ran := false
	q.mu.Lock()
	if q.refusal != nil {
		q.mu.Unlock()
		return q.refusal
	}
	q.waiting = append(q.waiting, Item{Job: func() { ran = true; job() }, call: c})
	c.left++
	q.wait(ctx, c, nil)
	if !ran {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.refusal != nil {
			return q.refusal
		}
		return tooLate()
	}
	return nil
}

// wait unlocks the queue and returns when nothing of the call is left, or when ctx ends and what is
// left may be left alone.
func (q *Queue) wait(ctx context.Context, c *call, ws []*Write) {
	left := c.left
	q.mu.Unlock()
	if left > 0 {
		q.signal()
		select {
		case <-c.done:
		case <-ctx.Done():
			underWay, signalled := q.takeOut(c)
			if underWay && len(ws) > 0 && ws[0].Leave {
				for _, w := range ws {
					w.Left = true
				}
				return // the call is still of use to the one who carries it out
			}
			if underWay || signalled {
				<-c.done
			}
		}
	}
	q.calls.Put(c)
}

// takeOut removes what still waits of a call, and tells whether something of it is under way, or
// its end was signalled already.
func (q *Queue) takeOut(c *call) (underWay, signalled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.left == 0 {
		return false, true
	}
	out := func(it Item) bool {
		if it.call != c {
			return false
		}
		if it.Write != nil {
			it.Write.Result = WriteResult{Err: tooLate()}
		}
		c.left--
		return true
	}
	q.waiting = slices.DeleteFunc(q.waiting, out)
	for _, it := range q.apart.leave(c) {
		out(it)
	}
	return c.left > 0, false
}

// Take waits for work and appends it to dst: a job, a write that runs alone, or a group. It returns
// dst as it was when the queue is closed and empty.
func (q *Queue) Take(dst []Item) []Item {
	for {
		q.mu.Lock()
		if n := q.next(); n > 0 {
			dst = append(dst, q.waiting[:n]...)
			rest := copy(q.waiting, q.waiting[n:])
			clear(q.waiting[rest:])
			q.waiting = q.waiting[:rest]
			q.mu.Unlock()
			return dst
		}
		closed := q.refusal != nil
		q.mu.Unlock()
		if closed {
			return dst
		}
		<-q.wake
	}
}

// next gives the number of items that go together now.
func (q *Queue) next() int {
	alone := func(it Item) bool { return it.Job != nil || it.Write.Alone }
	if len(q.waiting) == 0 || alone(q.waiting[0]) {
		return min(1, len(q.waiting))
	}
	n := min(q.group, len(q.waiting))
	if i := slices.IndexFunc(q.waiting[:n], alone); i >= 0 {
		n = i
	}
	return n
}

// Done tells the callers of items that their results stand.
func (q *Queue) Done(items []Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.apart.free(q, items) {
		q.signal()
	}
	tell(items)
}

// tell wakes the callers of whom nothing is left. The queue's lock is held.
func tell(items []Item) {
	for _, it := range items {
		if it.call.left--; it.call.left == 0 {
			it.call.done <- struct{}{}
		}
	}
}

// Close refuses new work with err. What waits already is still taken, unless now is set: then it is
// refused too. Only the first call has an effect, but that a later one may set now.
func (q *Queue) Close(err error, now bool) {
	q.mu.Lock()
	if q.refusal == nil {
		q.refusal = err
	}
	var refused []Item
	if now {
		refused, q.waiting = append(q.waiting, q.apart.leave(nil)...), nil
		for _, it := range refused {
			if it.Write != nil {
				it.Write.Result = WriteResult{Err: err}
			}
		}
	}
	tell(refused)
	q.mu.Unlock()
	q.signal()
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func tooLate() error {
	return fault.New(fault.Deadline, "The write was still waiting when its time was over; nothing was changed.")
}
