package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/internal/work"
)

// attempts are jobs that are tried before they are rows. What does not end in time goes on, and its
// row is changed when it ends.
type attempts struct {
	endpoint *Endpoint
	lane     *lane
	jobs     []*Job
	closed   chan struct{} // when nobody waits for them any more
	ends     *atomic.Int64 // counts attempts that ended

	mu    sync.Mutex
	next  int
	over  bool
	state []attemptState
	errs  []error
}

type attemptState uint8

const (
	untried attemptState = iota
	trying
	tried
)

// prompt tells endpoints at once, where they are quick, and gives back what has to be kept: rest, and
// late, which is under way. release must be closed when the rows of late stand.
func (d *desk) prompt(ctx context.Context, jobs []*Job) (rest, late []*Job, release chan struct{}) {
	release = make(chan struct{})
	now := d.events.now()
	var all []*attempts
	of := map[*Endpoint]*attempts{}
	for _, j := range jobs {
		x := d.events.lanes[j.Lane]
		if x == nil || j.State != work.Pending || !x.prompt(now) {
			rest = append(rest, j)
			continue
		}
		a := of[x]
		if a == nil {
			if a = (&attempts{endpoint: x, lane: d.lane(j.Lane), closed: make(chan struct{})}); a.lane == nil {
				rest = append(rest, j) // the desk is closed
				continue
			}
			of[x], all = a, append(all, a)
		}
		a.jobs = append(a.jobs, j)
	}
	if len(all) == 0 {
		return rest, nil, release
	}
	var running sync.WaitGroup
	var ends atomic.Int64
	for _, a := range all {
		a.ends = &ends
		a.state, a.errs = make([]attemptState, len(a.jobs)), make([]error, len(a.jobs))
		for range min(a.endpoint.Limit, len(a.jobs)) {
			running.Add(1)
			a.lane.running.Go(func() {
				defer running.Done()
				a.work(d.events.life, release)
			})
		}
	}
	d.await(ctx, &running, &ends)
	for _, a := range all {
		kept, slow := a.end(d.events.now())
		rest, late = append(rest, kept...), append(late, slow...)
	}
	return rest, late, release
}

// await waits until the attempts end, or none has ended for a while, or it takes too long in all.
func (d *desk) await(ctx context.Context, running *sync.WaitGroup, ends *atomic.Int64) {
	const longest = 10 // times the while
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	every := time.NewTicker(d.events.config.Prompt)
	defer every.Stop()
	for range longest {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-every.C:
			if ends.Swap(0) == 0 {
				return
			}
		}
	}
}

// work tries one job after the other, as long as there is time, whenever the endpoint has room.
func (a *attempts) work(ctx context.Context, release <-chan struct{}) {
	for {
		select {
		case a.endpoint.slots <- struct{}{}:
		case <-a.closed:
			return
		}
		i, ok := a.begin()
		if !ok {
			<-a.endpoint.slots
			return
		}
		err := a.endpoint.tell(ctx, a.jobs[i])
		<-a.endpoint.slots
		if a.ended(i, err) {
			continue
		}
		a.lane.desk.report(result{lane: a.lane, job: a.jobs[i], err: err, late: release})
		return
	}
}

func (a *attempts) begin() (i int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.next == len(a.jobs) {
		return 0, false
	}
	i = a.next
	a.next++
	a.state[i] = trying
	return i, true
}

// ended notes the end of an attempt; false where nobody waits for it any more.
func (a *attempts) ended(i int, err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errs[i] = err
	if a.over {
		return false
	}
	a.state[i] = tried
	a.ends.Add(1)
	return true
}

// end gives what has to be kept: the jobs that were not tried or failed, and those under way.
func (a *attempts) end(now time.Time) (kept, late []*Job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	close(a.closed)
	for i, j := range a.jobs {
		switch a.state[i] {
		case trying:
			a.lane.claim(j)
			late = append(late, j)
		case untried:
			kept = append(kept, j)
		case tried:
			if next := outcome(a.endpoint, j, a.errs[i], now); next != nil {
				kept = append(kept, next)
			}
		}
	}
	if a.next < len(a.jobs) || len(late) > 0 {
		a.endpoint.tooSlow(now)
	} else {
		a.endpoint.calm.Store(0)
	}
	return kept, late
}
