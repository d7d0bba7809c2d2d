package secure

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/partita-dev/partita/internal/conns"
)

// A handshake has this long, and so many may be under way, of them so many from one address, as
// conns.Origin has it: who opens connections and says nothing takes the room of its own address. Further
// ones wait, for as long as a handshake has, and are closed then.
const (
	handshakeTime  = 5 * time.Second
	mostHandshakes = 512
	mostOfAddress  = mostHandshakes / 4
)

// Listener gives connections whose handshake is done: *tls.Conn for those that speak HTTP/2, which
// net/http looks for, and *Conn for the others. Make one with Keys.Listen.
type Listener struct {
	net.Listener
	config *tls.Config
	ready  chan accepted
	slots  chan struct{}
	closed chan struct{}
	within time.Duration // of a handshake, and of the wait for it

	mu    sync.Mutex
	shut  bool
	under map[net.Conn]struct{} // handshakes
	from  map[netip.Prefix]*share
	work  sync.WaitGroup
}

// share is the room of one address.
type share struct {
	slots chan struct{}
	users int // connections that have a slot or wait for one
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
func (k *Keys) Listen(l net.Listener) *Listener { return k.listen(l, handshakeTime) }

func (k *Keys) listen(l net.Listener, within time.Duration) *Listener {
	s := &Listener{
		Listener: l, ready: make(chan accepted), slots: make(chan struct{}, mostHandshakes), closed: make(chan struct{}), within: within,
		under: map[net.Conn]struct{}{}, from: map[netip.Prefix]*share{},
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
		raw, err := l.Listener.Accept()
		if err == nil {
			l.work.Go(func() { l.take(raw) })
			continue
		}
		l.give(nil, err)
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// take does one handshake when there is room for it.
func (l *Listener) take(raw net.Conn) {
	own := conns.Origin(raw.RemoteAddr())
	limit := time.NewTimer(l.within)
	defer limit.Stop()
	if own.IsValid() {
		s := l.join(own)
		defer l.part(own, s)
		if !l.enter(s.slots, limit.C) {
			_ = raw.Close() // nothing was asked for yet
			return
		}
		defer func() { <-s.slots }()
	}
	if !l.enter(l.slots, limit.C) {
		_ = raw.Close() // nothing was asked for yet
		return
	}
	defer func() { <-l.slots }()
	l.shake(raw)
}

// enter waits for a slot; false where there is none in time, or the listener ends.
func (l *Listener) enter(slots chan struct{}, limit <-chan time.Time) bool {
	select {
	case slots <- struct{}{}:
		return true
	case <-limit:
	case <-l.closed:
	}
	return false
}

// join gives the share of an address, until part.
func (l *Listener) join(from netip.Prefix) *share {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.from[from]
	if s == nil {
		s = &share{slots: make(chan struct{}, mostOfAddress)}
		l.from[from] = s
	}
	s.users++
	return s
}

func (l *Listener) part(from netip.Prefix, s *share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(l.from, from)
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
	err := raw.SetDeadline(time.Now().Add(l.within))
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
