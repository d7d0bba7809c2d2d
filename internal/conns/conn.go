package conns

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is a connection with its own idea of deadlines.
type conn struct {
	net.Conn
	of          *Listener
	from        netip.Prefix // what it counts for, where connections are bounded by it
	read, write limit
	quiet       int64 // ticks since Hurry in which a read waited and nothing came; of the clock only
	closing     sync.Once
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	for {
		if !c.read.enter() {
			return 0, os.ErrDeadlineExceeded
		}
		n, err := c.Conn.Read(p)
		c.read.leave(n)
		if n > 0 || err == nil || !c.read.tooEarly(err) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (done int, err error) {
	for {
		if !c.write.enter() {
			return done, os.ErrDeadlineExceeded
		}
		var n int
		n, err = c.Conn.Write(p[done:])
		c.write.leave(n)
		if done += n; err == nil || !c.write.tooEarly(err) {
			return done, err
		}
	}
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() { c.of.forget(c) })
	return err
}

// CloseWrite ends what is sent, so that the last answer arrives although the caller still sends.
// net/http looks for it.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SyscallConn implements syscall.Conn.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if raw, ok := c.Conn.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.read.put(c.of.since(t)) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.write.put(c.of.since(t)) }

// hurry ends a read that got nothing in so many ticks, or every one, and tells whether it did so just
// now.
func (c *conn) hurry(ticks int64, every bool) bool {
	l := &c.read
	came, at := l.came.Swap(false), l.at.Load()
	if at == passed || at == none {
		c.quiet = 0
		return false
	}
	if every {
		return l.pass(at)
	}
	if came || l.busy.Load() == 0 {
		c.quiet = 0
		return false
	}
	if c.quiet++; c.quiet <= ticks { // the first tick begins somewhere in its middle
		return false
	}
	return l.pass(at)
}

// A limit is the deadline of one direction.
type limit struct {
	at   atomic.Int64 // since Listener.began; or none, or passed
	busy atomic.Int32 // calls under way, which may wait
	came atomic.Bool  // something came since the last tick
	real atomic.Bool  // the connection's own deadline has passed too: somebody was waiting

	mu  sync.Mutex // guards the connection's own deadline
	set func(time.Time) error
}

const (
	none   = int64(0)
	passed = int64(-1)
)

// longAgo wakes whoever waits.
var longAgo = time.Unix(1, 0)

// enter begins a call, unless its time is over. Whoever lets the time pass later sees it as busy.
func (l *limit) enter() bool {
	l.busy.Add(1)
	if l.at.Load() == passed {
		l.busy.Add(-1)
		return false
	}
	return true
}

func (l *limit) leave(n int) {
	l.busy.Add(-1)
	if n > 0 && !l.came.Load() {
		l.came.Store(true)
	}
}

// put sets the deadline.
func (l *limit) put(at int64) error {
	l.at.Store(at)
	if at == passed {
		if l.busy.Load() > 0 {
			return l.settle()
		}
		return nil
	}
	if l.real.Load() {
		return l.settle()
	}
	return nil
}

// settle makes the connection's own deadline agree with the limit: passed where that is, else none.
func (l *limit) settle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		over := l.at.Load() == passed
		if over == l.real.Load() {
			return nil
		}
		at := time.Time{}
		if over {
			at = longAgo
		}
		l.real.Store(over)
		if err := l.set(at); err != nil {
			return err
		}
	}
}

// pass lets the time of a deadline be over, unless another was set meanwhile.
func (l *limit) pass(at int64) bool {
	if !l.at.CompareAndSwap(at, passed) {
		return false
	}
	if l.busy.Load() > 0 {
		_ = l.settle() // a connection that is gone already needs no deadline
	}
	return true
}

// expire is the clock's look at the limit.
func (l *limit) expire(now int64) {
	if at := l.at.Load(); at > 0 && at <= now {
		l.pass(at)
	}
}

// tooEarly tells whether a call ended by a deadline that has been put off meanwhile, so that it has to
// go on.
func (l *limit) tooEarly(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || l.at.Load() == passed {
		return false
	}
	return l.settle() == nil
}
