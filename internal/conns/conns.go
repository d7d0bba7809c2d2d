// Package conns is a listener for servers that set many limits of time and seldom see one pass.
//
// net/http moves a connection's deadline seven times for each request, and each time the runtime's
// timers are changed under locks. Here a deadline is a number beside the connection, and one clock
// looks at all of them twice a second: it costs a store, and a limit is kept to half a second.
//
// Since the clock knows who is waited for, it can also hurry callers when the server is to stop.
package conns

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// tick is how often the clock looks at the connections.
const tick = 500 * time.Millisecond

// Listener hands out connections whose deadlines are kept by one clock: late by tick at most, never
// early. One that is set to a time before the last tick takes effect at once, as net/http needs it.
// It is safe for concurrent use.
type Listener struct {
	net.Listener
	began time.Time
	now   atomic.Int64 // at the last tick, since began
	quick atomic.Int64 // ticks in which something must come since Hurry; 0: nobody is hurried
	last  atomic.Int64 // since began: when hurried reads end in any case
	cut   atomic.Int64
	end   atomic.Int64 // since began: when nobody is waited for any more; 0: never

	bounds  Bounds
	refused atomic.Int64
	freed   chan struct{} // a connection has gone
	shut    chan struct{} // closed with the listener

	mu     sync.Mutex
	open   map[*conn]struct{}
	from   map[netip.Prefix]int // connections by origin, where they are bounded
	told   time.Time            // when Bounds.Tell was called
	closed bool
	over   chan struct{} // closed when the listener and all its connections are
	clock  sync.WaitGroup
}

// Wrap returns a Listener over l. Its clock runs until it and its connections are closed.
func Wrap(l net.Listener) *Listener {
	k := &Listener{Listener: l, began: time.Now(), open: map[*conn]struct{}{}, from: map[netip.Prefix]int{},
		freed: make(chan struct{}, 1), shut: make(chan struct{}), over: make(chan struct{})}
	k.now.Store(1)
	k.clock.Go(k.run)
	return k
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for l.room() {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: inner, of: l}
		c.read.set, c.write.set = inner.SetReadDeadline, inner.SetWriteDeadline
		if l.take(c) {
			return c, nil
		}
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener. The connections stay open.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.shut)
	}
	l.endIfOver()
	return err
}

// Wait returns when the listener and all its connections are closed and its clock has stopped.
func (l *Listener) Wait() { l.clock.Wait() }

// Hurry cuts, from now on, each connection on which a read with a deadline gets nothing for about
// patience: somebody who began to send a request and does not go on. When limit is over, it cuts those
// who are still sending as well. Reads without a deadline, which only look whether the caller is still
// there, are left alone.
func (l *Listener) Hurry(patience, limit time.Duration) {
	l.last.Store(int64(time.Since(l.began) + limit))
	l.quick.Store(max(1, int64((patience+tick-1)/tick)))
}

// End cuts, after patience, all connections that are open then, also those whose answers are not taken.
func (l *Listener) End(patience time.Duration) {
	l.end.Store(int64(time.Since(l.began) + patience))
}

// Cut gives how many connections were cut since Hurry.
func (l *Listener) Cut() int { return int(l.cut.Load()) }

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.give(c)
	l.endIfOver()
}

// endIfOver is called with the lock held.
func (l *Listener) endIfOver() {
	if !l.closed || len(l.open) > 0 {
		return
	}
	select {
	case <-l.over:
	default:
		close(l.over)
	}
}

func (l *Listener) run() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-l.over:
			return
		case <-t.C:
			l.look()
		}
	}
}

// look is one tick of the clock.
func (l *Listener) look() {
	now, quick := int64(time.Since(l.began)), l.quick.Load()
	last, end := now >= l.last.Load(), l.end.Load()
	l.now.Store(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.read.expire(now)
		c.write.expire(now)
		if quick > 0 && c.hurry(quick, last) {
			l.cut.Add(1)
		}
		if end > 0 && now >= end {
			c.read.pass(c.read.at.Load())
			c.write.pass(c.write.at.Load())
		}
	}
}

// since gives a deadline as the limits have it. What is before the last tick has passed already.
func (l *Listener) since(t time.Time) int64 {
	if t.IsZero() {
		return none
	}
	d := int64(t.Sub(l.began))
	if d <= l.now.Load() {
		return passed
	}
	return d
}
