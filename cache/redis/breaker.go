package redis

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// breaker says whether the tier is to be asked. It opens when the last three calls failed, or half of
// the last sixteen. It is closed by probes that are made in the background, never by a request: no
// reader pays a deadline to find out that the server is still away.
type breaker struct {
	shut  atomic.Bool // the tier is asked
	watch func(State)
	wake  chan struct{} // there is something to probe

	mu    sync.Mutex
	past  uint16 // of the last calls, 1 for a failure, the latest in the lowest bit
	state State
}

const (
	inARow   = 3
	ofRecent = 8
)

func (b *breaker) init() {
	b.wake = make(chan struct{}, 1)
	b.state = State{Since: time.Now(), Cause: "it is not connected yet"}
	b.wake <- struct{}{}
}

// done takes in how a call ended; cause is "" where it succeeded. It tells whether the breaker opened.
func (b *breaker) done(cause string) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.shut.Load() {
		return false
	}
	b.past <<= 1
	if cause == "" {
		return false
	}
	b.past |= 1
	if b.past&(1<<inARow-1) == 1<<inARow-1 || bits.OnesCount16(b.past) >= ofRecent {
		return b.open(cause)
	}
	return false
}

// trip opens at once, and tells whether there is news in that.
func (b *breaker) trip(cause string) (news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open(cause)
}

// open is called with the lock held.
func (b *breaker) open(cause string) (news bool) {
	if b.shut.Swap(false) {
		b.past = 0
		b.state = State{Since: time.Now()}
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	news = b.state.Cause != cause
	b.state.Cause = cause
	if news {
		b.tell()
	}
	return news
}

// close lets the tier be asked again.
func (b *breaker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.past = 0
	b.state = State{OK: true, Since: time.Now()}
	b.shut.Store(true)
	b.tell()
}

func (b *breaker) tell() {
	if b.watch != nil {
		b.watch(b.state)
	}
}

func (b *breaker) now() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
