package admit

import (
	"context"
	"os"
	"sync/atomic"
	"time"
)

// A request that needs nothing but processors runs from its first byte to its answer in one go, so that
// few are ever inside: those who wait do so in the scheduler and in the kernel, in the order in which they came,
// whatever they are for and however old. Therefore Watch measures how long what has arrived waits there. While
// that is long, all that has arrived is read and held first, and a few at a time go on, by the order
// of the Door.
//
// The runtime looks for what has arrived on connections when it has nothing else to do. So who goes on next
// is called by a byte in a pipe: it is found when everything else that has arrived is read.
const (
	watchEvery = 5 * time.Millisecond
	watchIdle  = 50 * time.Millisecond // while no requests come
	longLine   = 5 * time.Millisecond  // some hundred requests
	endless    = 2 * longLine          // then some go on before all is read
)

// pump calls those who are held when all that has arrived is read.
type pump struct {
	in    *os.File
	asked atomic.Int64 // when a call was asked for, in Unix nanoseconds; 0: none is on its way
}

// ask asks for a call.
func (p *pump) ask() bool {
	if p.asked.Load() != 0 || !p.asked.CompareAndSwap(0, time.Now().UnixNano()) {
		return true
	}
	_, err := p.in.Write([]byte{0})
	return err == nil
}

// pumped tells whether the pump calls, and asks it to where there is room.
func (d *Door) pumped() bool {
	if !d.backlog.Load() {
		return false
	}
	return d.inside.Load() >= d.room() || d.pump.ask()
}

// endless tells whether a call has been on its way for so long that all that arrives may never be read: to read it
// takes all that processors can do, of which nobody has an answer.
func (p *pump) endless(now time.Time) bool {
	asked := p.asked.Load()
	return asked > 0 && now.UnixNano()-asked > int64(endless)
}

// Watch measures how long it takes until what has arrived is read, until ctx ends.
func (d *Door) Watch(ctx context.Context) {
	out, in, err := os.Pipe()
	if err != nil {
		return // without it, requests are held by the number of those inside only
	}
	defer in.Close()
	d.pump.in = in
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer out.Close()
		d.heed(out)
	}()
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	last := uint64(0)
	for {
		select {
		case <-ctx.Done():
			d.backlog.Store(false)
			in.Close() // ends the other, which calls once more
			<-ended
			return
		case <-timer.C:
		}
		next := watchEvery
		passed := d.passed.Load()
		if passed == last && d.held.Load() == 0 {
			next = watchIdle
		}
		last = passed
		d.pump.ask()
		timer.Reset(next)
	}
}

// heed lets in those whose turn it is, each time it is asked to, until nobody can ask any more.
func (d *Door) heed(out *os.File) {
	var b [1]byte
	for {
		_, err := out.Read(b[:])
		d.allRead(err == nil)
		if err != nil {
			return
		}
	}
}

// allRead says that all is read that had arrived when it was asked for last. more: it can be asked for again.
func (d *Door) allRead(more bool) {
	asked := d.pump.asked.Swap(0)
	late := more && asked > 0 && d.many() && time.Now().UnixNano()-asked > int64(longLine)
	d.backlog.Store(more && (late || d.held.Load() > 0 && d.backlog.Load()))
	if d.held.Load() > 0 {
		d.mu.Lock()
		d.callLocked(time.Now())
		d.mu.Unlock()
	}
}

// many tells whether more requests can come at once than may be looked at: otherwise nobody need ever be held,
// however long it takes until somebody is looked at.
func (d *Door) many() bool { return d.open.Load()+d.streams.Load() > int64(d.config.Inside) }

// room is how many may be looked at, at the same time.
func (d *Door) room() int64 {
	if d.backlog.Load() {
		return min(d.few, int64(d.config.Inside))
	}
	return int64(d.config.Inside)
}
