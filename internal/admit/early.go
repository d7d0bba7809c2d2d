package admit

import "sync"

// early are the connections of which net/http was given no request yet, though some were answered or refused here. It
// takes them for new, not for idle, and would wait for a request of theirs for some seconds when it stops.
type early struct {
	mu    sync.Mutex
	conns map[*Conn]struct{}
	over  bool // the server stops
}

// add tells whether the connection may go on.
func (e *early) add(c *Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return false
	}
	if e.conns == nil {
		e.conns = map[*Conn]struct{}{}
	}
	e.conns[c] = struct{}{}
	return true
}

// remove tells whether it was there: otherwise it is being closed.
func (e *early) remove(c *Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.conns[c]
	delete(e.conns, c)
	return ok
}

// Leave closes the connections that net/http does not know to be idle, as it closes those that it knows. It is called
// when a server begins to stop.
func (d *Door) Leave() {
	d.early.mu.Lock()
	all := d.early.conns
	d.early.conns, d.early.over = nil, true
	d.early.mu.Unlock()
	for c := range all {
		_ = c.Close() // nobody is to be told of what becomes of it
	}
}
