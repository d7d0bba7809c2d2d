package load

import (
	"net"
	"sync"
)

// stock are the connections that nobody uses just now. It is safe for concurrent use.
type stock struct {
	addresses []string

	mu   sync.Mutex
	free []*line
}

// take gives a connection that is there, or one that is made when it is used first; the number decides to
// which node.
func (s *stock) take(number int) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		l := s.free[n-1]
		s.free = s.free[:n-1]
		return l
	}
	return &line{addresses: s.addresses, at: number % len(s.addresses)}
}

// put keeps a connection for whoever comes next.
func (s *stock) put(l *line) {
	if l.conn == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, l)
}

// hangUp closes all that nobody uses. They are reset: one that is closed in good order keeps its port for
// a minute, and a machine has no more than some 28,000 of them for one address.
func (s *stock) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.free {
		if c, ok := l.conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0) // it is closed anyway
		}
		l.drop()
	}
	s.free = nil
}
