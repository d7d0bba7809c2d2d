// Package pgtest runs a real PostgreSQL for tests: a cluster of its own in a temporary folder, on a
// free port of the loopback, with its promises of durability as they come.
package pgtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/partita-dev/partita/internal/local"
)

// Server is one PostgreSQL that tests may kill and start again.
type Server struct{ *local.Postgres }

// Start makes a cluster and starts it. It fails where there is no PostgreSQL: `make setup` installs it.
func Start() (*Server, error) {
	s, err := local.StartPostgres("")
	if err != nil {
		return nil, fmt.Errorf("%w; `make setup` installs it", err)
	}
	return &Server{s}, nil
}

// Main starts a server for a package's tests, and removes it afterwards: call it from TestMain. It
// prints the version, so that a log shows what ran.
func Main(m *testing.M, server **Server) {
	s, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		os.Exit(1)
	}
	*server = s
	fmt.Println("ran against", s.Version())
	code := m.Run()
	s.Remove()
	os.Exit(code)
}

// Database makes an empty database and gives its URL.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	url, err := s.Make()
	if err != nil {
		tb.Fatal(err)
	}
	return url
}
