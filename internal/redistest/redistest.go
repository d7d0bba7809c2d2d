// Package redistest runs a real Redis for tests: a server of its own in a temporary folder, on a free
// port of the loopback, that keeps nothing on disk.
package redistest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is one Redis that tests may kill, freeze and start again.
type Server struct {
	bin, dir string
	port     int
	args     []string

	mu  sync.Mutex
	cmd *exec.Cmd
}

// Start starts a server, with more arguments if given, such as "--maxmemory", "2mb". It fails where there
// is no Redis: `make setup` installs it.
func Start(args ...string) (*Server, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("there is no Redis on this machine; `make setup` installs it")
	}
	dir, err := os.MkdirTemp("", "partita-redis")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, args: args}
	if s.port, err = freePort(); err == nil {
		err = s.Run()
	}
	if err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// New starts a server for one test.
func New(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s, err := Start(args...)
	if err != nil {
		tb.Fatal("redistest: ", err)
	}
	tb.Cleanup(s.Remove)
	return s
}

// Main prints which version of Redis runs, so that a log shows it, and runs a package's tests: call it
// from TestMain. It fails where there is no Redis.
func Main(m *testing.M) int {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		fmt.Fprintln(os.Stderr, "redistest: there is no Redis on this machine; `make setup` installs it")
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

// Run starts the server, after Kill too, and returns when it answers. It has then nothing.
func (s *Server) Run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}, s.args...)
	cmd := exec.Command(s.bin, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !s.answers() {
		select { // the server's readiness has no signal
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("no answer from Redis: %s", text)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func (s *Server) answers() bool {
	_, err := s.Do("PING")
	return err == nil || strings.HasPrefix(err.Error(), "NOAUTH")
}

// Do sends one command, and gives the first line of the reply without its kind. An error reply is an
// error.
func (s *Server) Do(words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	switch line[0] {
	case '-':
		return "", fmt.Errorf("%s", line[1:])
	case '$':
		text, err := in.ReadString('\n')
		return strings.TrimSpace(text), err
	}
	return line[1:], nil
}

// Kill ends the server at once, as a crash does. What it had is gone.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill() //nolint:errcheck // it may be gone already
	s.cmd.Wait()         //nolint:errcheck // it was killed
	s.cmd = nil
}

// Freeze stops the server in place, and Thaw lets it go on: one that hangs.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.cmd.Process.Signal(sig) //nolint:errcheck // it may be gone already
	}
}

// Remove kills the server and deletes its files.
func (s *Server) Remove() {
	s.Kill()
	os.RemoveAll(s.dir) //nolint:errcheck // of the temporary folder
}

// Addr gives the server's address, for a proxy in front of it.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL gives the server's URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
