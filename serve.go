package partita

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/conns"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/internal/secure"
)

// server is one listener with what answers on it. A nil *server is none.
type server struct {
	listener *conns.Listener
	keys     *secure.Keys // nil: plain HTTP
	http     *http.Server
	door     *admit.Door // nil: there is none
	logger   *slog.Logger
	done     chan struct{}
}

// When the server stops, a caller who has begun to send a request must go on within silentFor, and be
// done in sendingFor: less than the time that a stop has, so that nobody holds it up.
const (
	silentFor  = time.Second
	sendingFor = 4 * time.Second
)

// An address of the page takes so many connections, and one of the API so many: more than the door takes,
// for connections of HTTP/2 do not come to it.
const (
	mostAdmin = 1 << 10
	mostAPI   = 20 << 10
	mostEach  = 1 << 10 // from one address, where Config does not say
)

// listen opens an address, or none, without answering on it yet.
func (c *Config) listen(ctx context.Context, field string) (*server, error) {
	address, files, tlsField, bounds := c.Listen, c.TLS, "TLS", conns.Bounds{Total: mostAPI, Each: mostEach}
	if field == "Admin" {
		address, files, tlsField, bounds.Total = c.Admin, c.AdminTLS, "AdminTLS", mostAdmin
	}
	if address == None {
		return nil, nil
	}
	s := &server{logger: c.Logger, done: make(chan struct{})}
	if files.Cert != "" {
		var err error
		if s.keys, err = secure.Load(secure.Files(files), "Config."+tlsField, c.Logger); err != nil {
			return nil, fmt.Errorf("partita: %w", err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("partita: %s is in use: stop what listens there, or choose another address (Config.%s)", address, field)
	case err != nil:
		return nil, fmt.Errorf("partita: cannot listen on %s (Config.%s): %w", address, field, err)
	}
	if c.ConnectionsPerAddress > 0 {
		bounds.Each, bounds.Loopback = c.ConnectionsPerAddress, true
	}
	bounds.Tell = func(from string) {
		c.Logger.Warn("connections were closed, since their address has too many open: if a proxy is there, raise Config.ConnectionsPerAddress",
			"address", address, "from", from, "most", bounds.Each)
	}
	s.listener = conns.Wrap(l)
	s.listener.Bound(bounds)
	return s, nil
}

// serve answers with h until shutdown, behind a door if there is one.
func (s *server) serve(h http.Handler, door *admit.Door, failed func(error)) {
	if s == nil {
		return
	}
	s.http = httpapi.Server(h)
	listener := net.Listener(s.listener)
	if s.keys != nil {
		listener = s.keys.Listen(listener)
	}
	if s.door = door; door != nil {
		s.http = httpapi.ServerBehind(door, h)
		listener = door.Listen(listener)
	}
	s.http.ErrorLog = slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug)
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed(fmt.Errorf("partita: the listener on %s failed: %w", s.addr(), err))
		}
	}()
}

// shutdown takes no new connections and waits for the requests under way until ctx ends. Those of
// which the rest does not come are given up: nothing was done for them yet.
func (s *server) shutdown(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if s.door != nil {
		defer context.AfterFunc(ctx, func() {
			s.door.Abandon()
			s.listener.End(silentFor) // net/http does not close what the door answers
		})()
	}
	defer s.listener.Wait()
	if s.http == nil { // never served
		return s.listener.Close()
	}
	s.listener.Hurry(silentFor, sendingFor)
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("partita: requests were still under way on %s when the time to stop was over", s.addr()), s.http.Close())
	}
	<-s.done
	if n := s.listener.Cut(); n > 0 {
		s.logger.Warn("connections were cut: their callers had begun a request and did not send the rest of it while the service was stopping; nothing was written for them",
			"address", s.addr(), "connections", n)
	}
	return err
}

func (s *server) addr() string {
	if s == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// url gives where the server is reached; "" for none.
func (s *server) url() string {
	if s == nil {
		return ""
	}
	if s.keys != nil {
		return "https://" + s.addr()
	}
	return "http://" + s.addr()
}

// watch takes up certificates that are replaced, until ctx ends.
func (s *server) watch(ctx context.Context) {
	if s != nil && s.keys != nil {
		s.keys.Watch(ctx)
	}
}
