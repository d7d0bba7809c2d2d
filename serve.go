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
)

// server is one listener with what answers on it. A nil *server is none.
type server struct {
	listener *conns.Listener
	http     *http.Server
	logger   *slog.Logger
	done     chan struct{}
}

// When the server stops, a caller who has begun to send a request must go on within silentFor, and be
// done in sendingFor: less than the time that a stop has, so that nobody holds it up.
const (
	silentFor  = time.Second
	sendingFor = 4 * time.Second
)

// listen opens an address, or none, without answering on it yet.
func listen(ctx context.Context, field, address string) (*server, error) {
	if address == None {
		return nil, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("partita: %s is in use: stop what listens there, or choose another address (Config.%s)", address, field)
	case err != nil:
		return nil, fmt.Errorf("partita: cannot listen on %s (Config.%s): %w", address, field, err)
	}
	return &server{listener: conns.Wrap(l), done: make(chan struct{})}, nil
}

// serve answers with h until shutdown, behind a door if there is one.
func (s *server) serve(h http.Handler, door *admit.Door, logger *slog.Logger, failed func(error)) {
	if s == nil {
		return
	}
	s.http, s.logger = httpapi.Server(h), logger
	listener := net.Listener(s.listener)
	if door != nil {
		s.http = httpapi.ServerBehind(door, h)
		listener = door.Listen(listener)
	}
	s.http.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
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
	return "http://" + s.addr()
}
