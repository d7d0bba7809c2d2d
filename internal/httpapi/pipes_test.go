package httpapi_test

import (
	"net"
	"syscall"
	"testing"
)

// pipes is a network in memory, whose connections are as good as TCP's for what stands behind a door. In it time can be
// virtual, so that nobody is held for longer than a test says.
type pipes struct {
	accepts chan net.Conn
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

// dial is a new connection.
func (p *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	p.accepts <- pipe{far}
	return near
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepts:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It is called once.
func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// pipe is what was accepted.
type pipe struct{ net.Conn }

// CloseWrite is what TCP has.
func (p pipe) CloseWrite() error { return p.Close() }

// SyscallConn implements syscall.Conn.
func (p pipe) SyscallConn() (syscall.RawConn, error) { return unseen{}, nil }

// unseen shows nothing of a connection: its caller has not gone.
type unseen struct{}

func (unseen) Control(func(uintptr)) error    { return nil }
func (unseen) Read(func(uintptr) bool) error  { return nil }
func (unseen) Write(func(uintptr) bool) error { return nil }
