// Package redistest runs a real Redis for tests: a server of its own in a temporary folder, on a free
// port of the loopback, that keeps nothing on disk.
package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/local"
)

// Server is one Redis that tests may kill, freeze and start again.
type Server = local.Redis

// New starts a server for one test, with more arguments if given. It fails where there is no Redis:
// `make setup` installs it.
func New(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s, err := local.StartRedis(args...)
	if err != nil {
		tb.Fatal("redistest: ", err, "; `make setup` installs it")
	}
	tb.Cleanup(s.Remove)
	return s
}

// Main prints which version of Redis runs, so that a log shows it, and runs a package's tests: call it
// from TestMain. It fails where there is no Redis.
func Main(m *testing.M) int {
	bin, err := local.RedisBinary()
	if err != nil {
		fmt.Fprintln(os.Stderr, "redistest:", err, "; `make setup` installs it")
		return 1
	}
	version, err := exec.Command(bin, "--version").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "redistest:", err)
		return 1
	}
	fmt.Println("ran against", strings.TrimSpace(string(version)))
	return m.Run()
}
