package admit

import "context"

// Stream lets in a request that shares its connection with others, as in HTTP/2: at once or after a
// wait; false: it is to be refused. target is as in a request's first line. Conn.Idle says that it was
// answered.
//
// Such a request was read before it came here, so to refuse it costs more than to refuse one of
// HTTP/1.1. So many of each priority are held, and no more.
func (d *Door) Stream(ctx context.Context, method, target, remote string) (*Conn, bool) {
	c := &Conn{door: d, stream: true, address: origin(remote)}
	head := []byte(method + " " + target + " HTTP/2")
	p := d.pattern(head, 0)
	coming := &d.sharing[p.priority]
	defer coming.Add(-1)
	if coming.Add(1) > mostHeld {
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
