package admit

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Direct answers requests where they arrive, if they are of a kind for which nothing of net/http is
// needed: the connection is idle for it all the while.
type Direct struct {
	// Answer appends the whole answer, headers and all, to a request that was let in: the bytes are all
	// that has arrived. What is long may be given as rest, which is sent behind it and never changed: a copy would be kept for
	// each caller who is slow to take it. With false the request is net/http's, and Answer has left no trace. ctx is the
	// connection's, as requests have it from net/http, but it does not end when the caller goes.
	Answer func(ctx context.Context, room, request []byte) (answer, rest []byte, ok bool)
	// Header, Idle and Write are the server's limits of time: for the head of a request, until the next request, and for
	// an answer. Zero or less: there is none.
	Header, Idle, Write time.Duration
}

// Answer lets some requests be answered directly. It is called before the first connection comes.
func (d *Door) Answer(by Direct) { d.direct = &by }

// Abandon ends the context of what is being answered directly: those who stop the server wait no longer.
func (d *Door) Abandon() { d.abandon() }

// answers are pieces of memory in which answers are made.
var answers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// mostKept bounds the memory of an answer that is kept for the next.
const mostKept = 16 << 10

// What a connection does directly.
const (
	nothing   = iota
	answering // a request
	closing   // likewise, and it is to be closed then
)

// answered answers a request that was let in, if that can be done directly, and tells whether it was.
func (c *Conn) answered(request []byte) (done bool, err error) {
	by := c.door.direct
	if by == nil || by.Answer == nil || c.has > 0 {
		return false, nil
	}
	c.direct.Store(answering)
	defer func() { // also after a panic: net/http closes the connection then
		if !c.direct.CompareAndSwap(answering, nothing) {
			c.direct.Store(nothing)
			done, err = false, errors.Join(net.ErrClosed, c.Close())
		}
	}()
	return c.answer(by, request)
}

func (c *Conn) answer(by *Direct, request []byte) (bool, error) {
	room := answers.Get().(*[]byte)
	answer, rest, ok := by.Answer(c.ctx, (*room)[:0], request)
	if cap(answer) <= mostKept {
		*room = answer
	}
	defer answers.Put(room)
	if !ok {
		return false, nil
	}
	c.Aside()
	now := time.Now()
	if err := c.socket.SetWriteDeadline(end(now, by.Write)); err != nil {
		return false, err
	}
	if _, err := c.socket.Write(answer); err != nil {
		return false, err
	}
	if len(rest) > 0 {
		if _, err := c.socket.Write(rest); err != nil {
			return false, err
		}
	}
	c.idle()
	return true, errors.Join(c.settled(), c.socket.SetReadDeadline(end(now, by.Idle)))
}

// end gives the end of a time that begins now, as deadlines have it.
func end(now time.Time, limit time.Duration) time.Time {
	if limit <= 0 {
		return time.Time{}
	}
	return now.Add(limit)
}

// leftDirectly tells whether the caller of a request that waited so long has given up, where net/http does not see to
// that.
func leftDirectly(ctx context.Context, waited time.Duration) bool {
	c := ConnOf(ctx)
	return c != nil && waited > goneAfter && c.direct.Load() != nothing && new(peeker).gone(c.socket)
}
