//go:build unix

package admit

import "syscall"

// peeker tells whether the other side has closed a connection. It is used by one goroutine at a time.
type peeker struct {
	raw    syscall.RawConn // nil: not looked at yet
	look   func(fd uintptr)
	closed bool // as look has found it
}

func (p *peeker) gone(c syscall.Conn) bool {
	if p.raw == nil {
		raw, err := c.SyscallConn()
		if err != nil {
			return true
		}
		p.raw, p.look = raw, func(fd uintptr) {
			var b [1]byte
			n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			p.closed = n == 0 && err == nil || err == syscall.ECONNRESET
		}
	}
	p.closed = false
	return p.raw.Control(p.look) != nil || p.closed
}
