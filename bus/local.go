package bus

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Local is one server with a listener on the loopback, for trying out what nodes do that share a bus.
// It is no cluster, so what it is for must not matter.
type Local struct {
	server *server.Server
	addr   string
}

// StartLocal starts a server on a free port, with its files in dir.
func StartLocal(dir string) (*Local, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "partita-local", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		MaxPayload: serverPayload, JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxMemory: serverMemory, JetStreamMaxStore: 4 << 30,
	})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("bus: the local server does not start in %s", startTimeout.Round(time.Second))
	}
	port := s.Addr().(*net.TCPAddr).Port
	return &Local{server: s, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

// Addr gives host:port of the server.
func (l *Local) Addr() string { return l.addr }

// Stop ends the server. It may be called twice.
func (l *Local) Stop() {
	l.server.Shutdown()
	l.server.WaitForShutdown()
}
