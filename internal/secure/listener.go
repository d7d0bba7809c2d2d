package secure

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// A handshake has this long, and so many may be under way. Further callers wait to be accepted.
const (
	handshakeTime  = 5 * time.Second
	mostHandshakes = 512
)

// Listener gives connections whose handshake is done: *tls.Conn for those that speak HTTP/2, which
// net/http looks for, and *Conn for the others. Make one with Keys.Listen.
type Listener struct {
	net.Listener
	config *tls.Config
	ready  chan accepted
	slots  chan struct{}
	closed chan struct{}

	mu    sync.Mutex
	shut  bool
	under map[net.Conn]struct{} // handshakes
	work  sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

// Conn is a connection that speaks HTTP/1.1.
type Conn struct {
	*tls.Conn
	raw net.Conn
}

// SyscallConn implements syscall.Conn: it gives what the encrypted bytes go through.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if raw, ok := c.raw.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Listen puts TLS before a listener. The handshakes go on until Close.
func (k *Keys) Listen(l net.Listener) *Listener {
	s := &Listener{
		Listener: l, ready: make(chan accepted), slots: make(chan struct{}, mostHandshakes), closed: make(chan struct{}), under: map[net.Conn]struct{}{},
		config: &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: k.config},
	}
	s.work.Go(s.run)
	return s
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Handshakes that are under way are given up; connections stay open.
func (l *Listener) Close() error {
	l.mu.Lock()
	if !l.shut {
		l.shut = true
		close(l.closed)
	}
	for c := range l.under {
		_ = c.Close() // nothing was asked for yet
	}
	l.mu.Unlock()
	err := l.Listener.Close()
	l.work.Wait()
	return err
}

func (l *Listener) run() {
	for {
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return
		}
		raw, err := l.Listener.Accept()
		if err == nil {
			l.work.Go(func() {
				defer func() { <-l.slots }()
				l.shake(raw)
			})
			continue
		}
		<-l.slots
		l.give(nil, err)
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// shake does one handshake and gives the connection out.
func (l *Listener) shake(raw net.Conn) {
	l.mu.Lock()
	if l.shut {
		l.mu.Unlock()
		_ = raw.Close() // nothing was asked for yet
		return
	}
	l.under[raw] = struct{}{}
	l.mu.Unlock()

	c := tls.Server(raw, l.config)
	err := raw.SetDeadline(time.Now().Add(handshakeTime))
	if err == nil {
		err = c.Handshake()
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	l.mu.Lock()
	delete(l.under, raw)
	l.mu.Unlock()
	if err != nil {
		refuse(raw, err)
		return
	}
	if c.ConnectionState().NegotiatedProtocol == "h2" {
		l.give(c, nil)
		return
	}
	l.give(&Conn{c, raw}, nil)
}

// give hands something to Accept, or drops it where nobody accepts any more.
func (l *Listener) give(c net.Conn, err error) {
	select {
	case l.ready <- accepted{c, err}:
	case <-l.closed:
		if c != nil {
			_ = c.Close() // nothing was asked for yet
		}
	}
}

const plain = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 63\r\n\r\n" +
	"This address speaks HTTPS: ask it with https:// before its name"

// refuse ends a connection without a handshake. Who spoke plain HTTP is told.
func refuse(raw net.Conn, err error) {
	if bad, ok := errors.AsType[tls.RecordHeaderError](err); ok && bad.Conn != nil && looksLikeHTTP(bad.RecordHeader) {
		_, _ = io.WriteString(raw, plain) // it may be gone
	}
	_ = raw.Close() // it is of no use any more
}

func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}
