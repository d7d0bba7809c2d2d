package local

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Redis is one Redis, or Valkey, that keeps nothing on disk. It is safe for concurrent use.
type Redis struct {
	process
	bin, dir string
	port     int
	args     []string
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
	args := append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}, s.args...)
	cmd := exec.Command(s.bin, args...)
	apart(cmd, systemUser{})
	return s.run("Redis", s.dir, cmd, func(context.Context) error {
		_, err := s.Do("PING")
		if err != nil && strings.HasPrefix(err.Error(), "NOAUTH") {
			return nil // it wants a password, so it answers
		}
		return err
	})
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

// Remove kills the server and deletes its files.
func (s *Redis) Remove() {
	s.Kill()
	os.RemoveAll(s.dir) //nolint:errcheck // of the temporary folder
}

// Addr gives the server's address, for a proxy in front of it.
func (s *Redis) Addr() string { return address(s.port) }

// URL gives the server's URL.
func (s *Redis) URL() string { return "redis://" + s.Addr() }
