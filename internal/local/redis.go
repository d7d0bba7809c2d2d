package local

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
	"time"
)

// Redis is one Redis, or Valkey, that keeps nothing on disk. It is safe for concurrent use.
type Redis struct {
	bin, dir string
	port     int
	args     []string

	mu  sync.Mutex
	cmd *exec.Cmd
}

// StartRedis starts a server, with more arguments if given, such as "--maxmemory", "2mb". The error is
// ErrMissing where there is none.
func StartRedis(args ...string) (*Redis, error) {
	bin, err := RedisBinary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "partita-redis")
	if err != nil {
		return nil, err
	}
	s := &Redis{bin: bin, dir: dir, args: args}
	if s.port, err = FreePort(); err == nil {
		err = s.Run()
	}
	if err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// RedisBinary finds the program. The error is ErrMissing where there is none.
func RedisBinary() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", fmt.Errorf("Redis: %w", ErrMissing)
}

// Run starts the server, after Kill too, and returns when it answers. It has then nothing.
func (s *Redis) Run() error {
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
	apart(cmd, systemUser{})
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

func (s *Redis) answers() bool {
	_, err := s.Do("PING")
	return err == nil || strings.HasPrefix(err.Error(), "NOAUTH")
}

// Do sends one command, and gives the first line of the reply without its kind. An error reply is an
// error.
func (s *Redis) Do(words ...string) (string, error) {
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
func (s *Redis) Kill() {
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
func (s *Redis) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	freeze(s.cmd)
}

// Thaw ends Freeze.
func (s *Redis) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	thaw(s.cmd)
}

// Remove kills the server and deletes its files.
func (s *Redis) Remove() {
	s.Kill()
	os.RemoveAll(s.dir) //nolint:errcheck // of the temporary folder
}

// Addr gives the server's address, for a proxy in front of it.
func (s *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL gives the server's URL.
func (s *Redis) URL() string { return "redis://" + s.Addr() }
