// Package pgtest runs a real PostgreSQL for tests: a cluster of its own in a temporary folder, on a
// free port of the loopback, with its promises of durability as they come.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is one PostgreSQL that tests may kill and start again.
type Server struct {
	bin, dir string
	port     int
	cred     *syscall.Credential // nil: the tests' own user
	number   atomic.Int64        // of databases made so far

	mu  sync.Mutex
	cmd *exec.Cmd
}

// Start makes a cluster and starts it. It fails where there is no PostgreSQL: `make test` installs it.
func Start() (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "partita-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := s.chooseUser(); err != nil {
		return nil, err
	}
	init := s.command("initdb", "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		s.Remove()
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := s.Run(); err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
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

// binaries finds the newest installed PostgreSQL.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return major(b) - major(a) })
		return filepath.Dir(found[0]), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("there is no PostgreSQL on this machine; `make setup` installs it")
}

func major(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// chooseUser picks another user where the tests run as root: PostgreSQL refuses to.
func (s *Server) chooseUser() error {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(s.dir, uid, gid)
	}
	return fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true}
	return cmd
}

// Run starts the server, after Kill or Stop too, and returns when it takes connections.
func (s *Server) Run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "shared_buffers=256MB")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select { // the server's readiness has no signal
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("PostgreSQL does not answer: %w: %s", err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server and all its backends at once, as a crash does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(syscall.SIGKILL)
}

// Stop ends the server and its connections in good order.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(syscall.SIGINT)
}

func (s *Server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	pid := s.cmd.Process.Pid
	var backends []int
	if sig == syscall.SIGKILL {
		// A backend that outlives the server holds the memory that the next one wants, so nothing is
		// started any more before all are killed, and they are waited for.
		syscall.Kill(pid, syscall.SIGSTOP)
		await(func() bool { return state(pid) == 'T' })
		backends = children(pid)
		for _, child := range backends {
			syscall.Kill(child, sig)
		}
	}
	syscall.Kill(pid, sig)
	s.cmd.Wait()
	s.cmd = nil
	for _, child := range backends {
		await(func() bool { return state(child) == 0 || state(child) == 'Z' })
	}
}

// await waits, not for ever, until something is so of a process; that has no signal.
func await(so func() bool) {
	for end := time.Now().Add(10 * time.Second); !so() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// state gives the state of a process as /proc has it, 0 where there is none.
func state(pid int) byte {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	if _, after, ok := strings.Cut(string(b), ") "); ok && after != "" {
		return after[0]
	}
	return 0
}

// Freeze stops all its processes in place, and Thaw lets them go on: a database that hangs.
func (s *Server) Freeze() { s.signalAll(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signalAll(syscall.SIGCONT) }

func (s *Server) signalAll(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	for _, pid := range append(children(s.cmd.Process.Pid), s.cmd.Process.Pid) {
		syscall.Kill(pid, sig)
	}
}

// children lists the processes that a process started: backends have groups of their own.
func children(pid int) (out []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, field := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(field); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// Remove kills the server and deletes its files.
func (s *Server) Remove() {
	s.Kill()
	os.RemoveAll(s.dir)
}

// Addr gives the server's address, for a proxy in front of it.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s", s.port, database)
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

// Make makes an empty database and gives its URL.
func (s *Server) Make() (string, error) {
	name := fmt.Sprintf("test%d", s.number.Add(1))
	conn, err := pgx.Connect(context.Background(), s.url("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.url(name), nil
}

// Version names the server that runs.
func (s *Server) Version() string {
	conn, err := pgx.Connect(context.Background(), s.url("postgres"))
	if err != nil {
		return "PostgreSQL, which does not answer"
	}
	defer conn.Close(context.Background())
	var v string
	if err := conn.QueryRow(context.Background(), "SELECT version()").Scan(&v); err != nil {
		return "PostgreSQL, which does not answer"
	}
	return v
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
