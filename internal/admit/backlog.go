package admit

import (
	"context"
	"runtime"
	"time"
)

// A request that needs nothing but processors runs from its first byte to its answer in one go, so that
// few are ever inside: those who wait do so in the scheduler, in the order in which they came, whatever they
// are for. Therefore Watch measures how long somebody waits there. While that is long, each connection whose
// request has arrived steps back, so that all are read, and only a few at a time go on, by the order of the Door.
const (
	watchEvery = 5 * time.Millisecond
	watchIdle  = 50 * time.Millisecond // while no requests come
	longLine   = time.Millisecond
)

// Watch measures how long it takes until a processor is free, until ctx ends.
func (d *Door) Watch(ctx context.Context) {
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	defer d.backlog.Store(false)
	last := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := watchEvery
		passed := d.passed.Load()
		if passed == last && d.held.Load() == 0 {
			next = watchIdle
		}
		last = passed
		at := time.Now()
		runtime.Gosched() // behind all who are ready to run
		d.backlog.Store(time.Since(at) > longLine || d.held.Load() > 0 && d.backlog.Load())
		timer.Reset(next)
	}
}

// room is how many may be looked at, at the same time.
func (d *Door) room() int64 {
	if d.backlog.Load() {
		return min(d.few, int64(d.config.Inside))
	}
	return int64(d.config.Inside)
}

// stepBack lets all others run who are ready to, so that what they have to say is known first.
func (d *Door) stepBack() {
	if d.backlog.Load() {
		runtime.Gosched()
	}
}
