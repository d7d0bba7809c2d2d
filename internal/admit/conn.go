package admit

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// socket is a TCP connection, or what stands before one.
type socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error // net/http looks for it
}

// Conn is a connection whose requests pass the Door: the first bytes of a request are given out when it
// is let in. net/http reads from it in one goroutine at a time.
type Conn struct {
	socket
	door    *Door
	address uint64

	first bool          // net/http was given no request yet
	began time.Time     // when it began to wait for one
	early bool          // requests were answered or refused here nevertheless
	put   time.Duration // by which the limits of the first one that it was given are put off
	fresh bool          // what comes next is the beginning of a request
	timed bool          // its time has begun
	room  int           // for the beginning of a request, where net/http has nothing of it
	has   int           // bytes that net/http has of it already: what came with the request before, or as a sign of life
	came  bool          // the request that net/http has came here, and not with the one before

	inside  atomic.Pointer[entry]   // what the request is inside the Door as; nil: it is not inside
	counted atomic.Pointer[pattern] // where it counts whether the request comes to its gate; nil: nowhere
	held    time.Duration           // how long the request was held
	shed    atomic.Bool             // the request was let in for an old answer only
	refuse  atomic.Bool             // the request was let in to be refused
	refused time.Time               // when the limits of time were set for refusals; zero: they are net/http's
	peeker  peeker
	closed  atomic.Bool
	stream  bool                 // the request shares its connection with others
	waits   atomic.Pointer[held] // nil: the request is not held
	holding held

	direct atomic.Int32       // whether a request is being answered directly
	ctx    context.Context    // of what is answered directly
	end    context.CancelFunc // of ctx; nil: nothing is answered directly
}

// enter notes that the request was let in, and lets it be counted whether it comes to its gate.
func (c *Conn) enter(p *pattern, k kind) {
	c.inside.Store(p.entry(k))
	if p.kind != processor {
		c.counted.Store(p)
	}
}

// Aside says that the request is not at work any more: it is answered, or waits for something.
func (c *Conn) Aside() {
	if c.inside.Load() == nil {
		return
	}
	if e := c.inside.Swap(nil); e != nil {
		c.door.leave(e)
	}
}

// atGate says that the request has come to a Gate.
func (c *Conn) atGate() {
	c.count(true)
	c.Aside()
}

func (c *Conn) count(came bool) {
	if c.counted.Load() == nil {
		return
	}
	if p := c.counted.Swap(nil); p != nil {
		p.came(came)
	}
}

// Read gives bytes of requests. Those that begin a request pass the Door.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 1 { // net/http looks whether the caller is still there, and may find its next request
		return c.socket.Read(b)
	}
	if !c.fresh { // the rest of a request may be long in coming
		c.Aside()
		return c.socket.Read(b)
	}
	c.room = max(c.room, len(b))
	c.has = c.room - len(b)
	for {
		n, err := c.socket.Read(b)
		if n == 0 || err != nil {
			if !c.refused.IsZero() {
				c.unheard(err)
			}
			return n, err
		}
		if c.door.enter(c, b[:n]) {
			if c.left() {
				c.Aside()
				return 0, io.EOF // to which net/http says nothing
			}
			if done, err := c.answered(b[:n]); err != nil {
				return 0, err
			} else if done {
				continue
			}
			return c.handOver(n)
		}
		if c.closed.Load() {
			return 0, net.ErrClosed
		}
		if c.has > 0 || !whollyRead(b[:n]) {
			if c.left() {
				return 0, io.EOF
			}
			c.door.marked.Add(1)
			c.refuse.Store(true)
			return c.handOver(n)
		}
		c.held = 0
		if err := c.refuseNow(); err != nil {
			c.unheard(err)
			return 0, err
		}
	}
}

// handOver gives what has arrived of a request, n bytes, to net/http. Of the first that it gets it takes the connection's
// beginning for the request's, though others may have been answered here in between.
func (c *Conn) handOver(n int) (int, error) {
	c.fresh, c.came = false, true
	if !c.early {
		return n, nil
	}
	c.early = false
	if !c.door.early.remove(c) {
		return 0, net.ErrClosed
	}
	now := time.Now()
	c.put = now.Sub(c.began)
	if by := c.door.direct; by != nil {
		if err := c.socket.SetReadDeadline(end(now, by.Header)); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// SetReadDeadline implements net.Conn. net/http sets one before it waits for a request, and another when the request has
// come. Where nothing was read in between, the request came with the one before: what is read from now on is the rest of
// it, which may look like a request.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.fresh {
		c.fresh, c.timed = !c.timed, true
	}
	if c.put > 0 && !t.IsZero() {
		t = t.Add(c.put)
	}
	return c.socket.SetReadDeadline(t)
}

// settled says that a request was answered or refused without net/http.
func (c *Conn) settled() error {
	if !c.first || c.early {
		return nil
	}
	if c.early = c.door.early.add(c); !c.early {
		return c.Close()
	}
	return nil
}

// refuseNow refuses the request that has arrived. Its caller may have gone: that is found by what becomes of the
// answer, for to look before would cost as much as the answer.
func (c *Conn) refuseNow() error {
	if now := time.Now(); now.Sub(c.refused) >= untilNext/4 {
		if err := c.socket.SetDeadline(now.Add(untilNext)); err != nil {
			return err
		}
		c.refused = now
	}
	if err := c.door.refuser.write(c.socket); err != nil {
		return err
	}
	return c.settled()
}

// unheard looks whether nobody was there any more to hear a refusal.
func (c *Conn) unheard(err error) {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		c.door.missed()
	}
}

// left tells whether the caller of a request that was held has given up.
func (c *Conn) left() bool {
	if c.held <= goneAfter || !c.peeker.gone(c.socket) {
		return false
	}
	c.door.missed()
	return true
}

// goneAfter: the caller of a request that was held for longer may have gone away.
const goneAfter = 20 * time.Millisecond

// Write gives out an answer; the request is not at work any more then.
func (c *Conn) Write(b []byte) (int, error) {
	c.Aside()
	return c.socket.Write(b)
}

// Came tells whether the request that net/http has passed the Door, and did not come unseen with the one before.
func (c *Conn) Came() bool { return c.came }

// Idle says that net/http has answered a request, and that the connection waits for the next.
func (c *Conn) Idle() {
	c.first, c.put = false, 0
	c.idle()
}

func (c *Conn) idle() {
	c.count(false)
	c.Aside()
	c.Unmark()
	c.shed.Store(false)
	if c.stream {
		c.door.streams.Add(-1)
	}
	c.fresh, c.timed, c.came, c.held, c.refused = true, false, false, 0, time.Time{}
}

// Close closes the connection, also where its request is held. One whose request is being answered directly is
// closed when that is done: net/http takes it for idle.
func (c *Conn) Close() error {
	if c.direct.CompareAndSwap(answering, closing) {
		return nil
	}
	if c.closed.CompareAndSwap(false, true) {
		c.drop()
		c.Aside()
		c.Unmark()
		if c.end != nil {
			c.end()
		}
		c.door.early.remove(c)
		c.door.open.Add(-1)
		if c.door.stuck.Load() {
			c.door.ease()
		}
	}
	return c.socket.Close()
}

// Unmark tells, once, whether the request was let in to be refused.
func (c *Conn) Unmark() bool {
	if !c.refuse.Load() || !c.refuse.CompareAndSwap(true, false) {
		return false
	}
	c.door.marked.Add(-1)
	return true
}
