package conns

import (
	"net"
	"net/netip"
	"time"
)

// Bounds say how many connections may be open at the same time. The zero value of a field is no bound.
type Bounds struct {
	// Total is for all callers together. Further ones wait to be accepted.
	Total int
	// Each is for one address, or for one /64 network of IPv6, since a caller there has all of it.
	// Further ones are closed at once.
	Each int
	// Loopback says that Each holds for callers on this machine too.
	Loopback bool
	// Tell is called when connections of an address are closed, once a minute at most.
	Tell func(address string)
}

// tellEvery is how often Bounds.Tell is called at most.
const tellEvery = time.Minute

// Bound sets the bounds. It is called before the first Accept.
func (l *Listener) Bound(b Bounds) { l.bounds = b }

// Refused gives how many connections were closed since their address had too many.
func (l *Listener) Refused() int64 { return l.refused.Load() }

// room waits until one more connection may be open. It is false when the listener is closed.
func (l *Listener) room() bool {
	if l.bounds.Total <= 0 {
		return true
	}
	for {
		l.mu.Lock()
		free, closed := len(l.open) < l.bounds.Total, l.closed
		l.mu.Unlock()
		if free || closed {
			return !closed
		}
		select {
		case <-l.freed:
		case <-l.shut:
		}
	}
}

// take counts a connection. It is false, and the connection is closed, where its address has too many.
func (l *Listener) take(c *conn) bool {
	if l.bounds.Each > 0 {
		c.from = Origin(c.RemoteAddr())
		if c.from.IsValid() && c.from.Addr().IsLoopback() && !l.bounds.Loopback {
			c.from = netip.Prefix{}
		}
	}
	l.mu.Lock()
	if !c.from.IsValid() {
		l.open[c] = struct{}{}
		l.mu.Unlock()
		return true
	}
	if l.from[c.from] < l.bounds.Each {
		l.from[c.from]++
		l.open[c] = struct{}{}
		l.mu.Unlock()
		return true
	}
	now := time.Now()
	tell := l.bounds.Tell != nil && now.Sub(l.told) >= tellEvery
	if tell {
		l.told = now
	}
	l.mu.Unlock()
	l.refused.Add(1)
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // nothing of it stays behind
	}
	_ = c.Conn.Close() // it is of no use to anybody
	if tell {
		l.bounds.Tell(c.from.Addr().String())
	}
	return false
}

// give counts a connection no more. The lock is held.
func (l *Listener) give(c *conn) {
	delete(l.open, c)
	if c.from.IsValid() {
		if l.from[c.from]--; l.from[c.from] <= 0 {
			delete(l.from, c.from)
		}
	}
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// Origin is what connections are counted by: an address, or the /64 network of one of IPv6. It is not
// valid where the address is none of IP.
func Origin(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
		if ip.IsLoopback() {
			bits = 128
		}
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
