package relay

import (
	"context"
	"sync"
	"time"

	"github.com/partita-dev/partita/model"
)

// lane carries out the jobs of one endpoint in one shard, in the order in which they are due, as far
// as the endpoint keeps up. It works only while something is due.
type lane struct {
	desk     *desk
	name     string
	endpoint *Endpoint // nil: the model has none of this name any more
	running  sync.WaitGroup

	mu      sync.Mutex
	busy    map[string]bool // jobs that are under way, or whose result is not durable yet
	freed   map[string]bool // jobs that were given back since the last listing: it may show them as they were
	working bool            // run is going on
	again   bool            // and must look once more
	timer   *time.Timer
	next    time.Time // when timer fires; zero: it does not
	stopped bool
}

// mostBusy bounds the jobs of a lane that are in memory.
const mostBusy = 1024

// at has the lane look for jobs at a time.
func (l *lane) at(due time.Time) {
	wait := due.Sub(l.desk.events.now())
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopped:
	case wait <= 0:
		l.start()
	case l.next.IsZero() || due.Before(l.next):
		if l.timer != nil {
			l.timer.Stop()
		}
		l.next = due
		l.timer = time.AfterFunc(wait, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.next = time.Time{}
			if !l.stopped {
				l.start()
			}
		})
	}
}

// start has the lane look for jobs now. The lock is held.
func (l *lane) start() {
	if l.working {
		l.again = true
		return
	}
	l.working = true
	l.running.Go(l.run)
}

func (l *lane) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// run hands out what is due, until nothing is.
func (l *lane) run() {
	for {
		l.round(l.desk.events.life)
		l.mu.Lock()
		if !l.again || l.stopped {
			l.working = false
			l.mu.Unlock()
			return
		}
		l.again = false
		l.mu.Unlock()
	}
}

// goesOn tells whether the lane may hand out more.
func (l *lane) goesOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.stopped && len(l.busy) < mostBusy && l.desk.held()
}

func (l *lane) round(ctx context.Context) {
	const pause = time.Second
	closed, err := l.desk.events.isClosed(ctx, l.name)
	var cursor []model.Value
	for err == nil && l.goesOn() {
		var jobs []*Job
		l.lists()
		jobs, cursor, err = l.desk.list(ctx, l.desk.events.books.Due, l.name, cursor)
		now := l.desk.events.now()
		for _, j := range jobs {
			if j.Due.After(now) {
				l.at(j.Due)
				return
			}
			if !l.goesOn() {
				break
			}
			if !l.claim(j) {
				continue
			}
			if closed != "" || l.endpoint == nil {
				l.desk.report(result{lane: l, job: j, err: &Failure{Err: errUntold(closed), Final: true}})
			} else if !l.hand(ctx, j) {
				l.free(j)
				return
			}
		}
		if cursor == nil {
			return
		}
	}
	if err != nil && ctx.Err() == nil {
		l.at(l.desk.events.now().Add(pause)) // the store says what is wrong; the relay tells it
	}
}

// lists says that jobs are going to be listed.
func (l *lane) lists() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.freed)
}

// claim takes a job; false where it is under way already.
func (l *lane) claim(j *Job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[j.key()] || l.freed[j.key()] {
		return false
	}
	l.busy[j.key()] = true
	return true
}

// free gives a job back, and tells whether there is room again that a lane may wait for.
func (l *lane) free(j *Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := len(l.busy) >= mostBusy
	delete(l.busy, j.key())
	if l.working {
		l.freed[j.key()] = true
	}
	if full && !l.stopped {
		l.start()
	}
}

// hand starts an attempt as soon as the endpoint has room for it.
func (l *lane) hand(ctx context.Context, j *Job) bool {
	select {
	case l.endpoint.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	l.running.Go(func() {
		err := l.endpoint.tell(ctx, j)
		<-l.endpoint.slots
		l.desk.report(result{lane: l, job: j, err: err})
	})
	return true
}
