package admit

import (
	"context"
	"hash/maphash"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/internal/conns"
)

// Listener gives connections whose requests pass a Door. Make one with Door.Listen.
type Listener struct {
	net.Listener
	door   *Door
	closed chan struct{}
	once   atomic.Bool
}

// Listen puts the Door before a listener of TCP connections.
func (d *Door) Listen(l net.Listener) *Listener {
	return &Listener{Listener: l, door: d, closed: make(chan struct{})}
}

// Accept waits while too many connections are open.
func (l *Listener) Accept() (net.Conn, error) {
	d := l.door
	for d.open.Load() >= int64(d.config.Connections) {
		d.stuck.Store(true)
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-d.eased:
		case <-time.After(shortPatience):
		}
		d.stuck.Store(false)
	}
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s, ok := raw.(socket)
	if !ok {
		return raw, nil
	}
	d.open.Add(1)
	c := &Conn{socket: s, door: d, first: true, began: time.Now(), fresh: true, address: origin(s.RemoteAddr().String())}
	if d.direct != nil {
		c.ctx, c.end = context.WithCancel(WithConn(d.base, c))
	}
	return c, nil
}

var addresses = maphash.MakeSeed()

// origin gives the caller of an address, as connections are counted too: those of one network of IPv6 are one.
func origin(remote string) uint64 {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return 0
	}
	return maphash.Comparable(addresses, conns.Origin(net.TCPAddrFromAddrPort(at)))
}

// Close ends the listening.
func (l *Listener) Close() error {
	if l.once.CompareAndSwap(false, true) {
		close(l.closed)
	}
	return l.Listener.Close()
}
