package admit

import (
	"context"
	"hash/maphash"
	"net"
)

// Stream lets in a request that shares its connection with others, as in HTTP/2: at once or after a
// wait; false: it is to be refused. target is as in a request's first line. Conn.Idle says that it was
// answered.
//
// Such a request was read before it came here, so to refuse it costs more than to refuse one of
// HTTP/1.1. No more of them are held than of those.
func (d *Door) Stream(ctx context.Context, method, target, remote string) (*Conn, bool) {
	c := &Conn{door: d, stream: true}
	if host, _, err := net.SplitHostPort(remote); err == nil {
		c.address = maphash.String(addresses, host)
	}
	head := []byte(method + " " + target + " HTTP/2")
	if d.held.Load() >= mostHeld {
		p := d.pattern(head, 0)
		d.passed.Add(1)
		d.count(p, Full)
		d.tell(p, 0)
		return c, false
	}
	d.streams.Add(1)
	stop := context.AfterFunc(ctx, func() { c.drop() })
	defer stop()
	in := d.enter(c, head)
	if in && c.held > goneAfter && ctx.Err() != nil {
		c.Idle() // the caller has gone: nothing is to be done for it
		return c, false
	}
	if !in {
		d.streams.Add(-1)
	}
	return c, in
}

// drop ends the wait of a request that is held.
func (c *Conn) drop() {
	if w := c.waits.Load(); w != nil && c.door.abort(w) {
		w.answer <- false
	}
}
