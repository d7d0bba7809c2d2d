package httpapi_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/conns"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// TestDefaultBounds holds the limits of time and size to what docs/security.md says of them.
func TestDefaultBounds(t *testing.T) {
	s := httpapi.Server(http.NotFoundHandler())
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout != 30*time.Second || s.WriteTimeout != 60*time.Second || s.IdleTimeout != 2*time.Minute || s.MaxHeaderBytes != 32<<10 {
		t.Errorf("%+v", s)
	}
	if h := s.HTTP2; h.MaxConcurrentStreams != 100 || h.MaxReceiveBufferPerConnection != 128<<10 || h.MaxReceiveBufferPerStream != 64<<10 {
		t.Errorf("%+v", h)
	}
}

// impatient is a service behind real sockets, whose limits of time are short, but not so short that a slow machine
// does not keep them.
func impatient(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := conns.Wrap(inner)
	s := httpapi.Server(h)
	const limit = 2 * time.Second
	s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = limit, limit, limit, limit
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	ended := make(chan error)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		l.Wait()
	})
	return inner.Addr().String()
}

func dialTo(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// drip sends text a byte at a time, until it is cut off or enough was sent.
func drip(c net.Conn, text string) error {
	for range 2000 {
		for i := range len(text) {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return err
			}
			<-time.After(5 * time.Millisecond) // that it is slow is the test
		}
	}
	return nil
}

// Callers who send headers or bodies for ever are cut off, whatever little they send; many of them at
// once keep nobody else from an answer.
func TestSlowSendersAreCutOff(t *testing.T) {
	m, err := model.Parse("doors.yaml", []byte(doors), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, m, nil)
	address := impatient(t, s.api)
	var slow sync.WaitGroup
	for i := range 40 {
		c := dialTo(t, address)
		slow.Go(func() {
			head, rest := "GET /v1/facade/h HTTP/1.1\r\nHost: 127.0.0.1\r\n", "X: y\r\n"
			if i%2 == 0 {
				head, rest = "POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", " "
			}
			if _, err := io.WriteString(c, head); err != nil {
				t.Error(err)
				return
			}
			if err := drip(c, rest); err == nil {
				t.Error("somebody was let send for ever")
			}
		})
	}
	for range 20 {
		c := dialTo(t, address)
		fmt.Fprint(c, "GET /v1/facade/h HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Error("another caller gets", line, err)
		}
		c.Close()
	}
	idle := dialTo(t, address)
	if _, err := io.ReadAll(idle); err != nil {
		t.Error("who says nothing is not cut off in good order:", err)
	}
	slow.Wait()
}

// Who does not take an answer is cut off, and the handler goes on to others.
func TestSlowReadersAreCutOff(t *testing.T) {
	done := make(chan error, 1)
	address := impatient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := bytes.Repeat([]byte("x"), 1<<20)
		var err error
		for range 200 {
			if _, err = w.Write(piece); err != nil {
				break
			}
		}
		done <- err
	}))
	c := dialTo(t, address)
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-done; err == nil {
		t.Error("200 MiB were written to somebody who reads nothing")
	}
}

// Sizes are bounded before anything is kept.
func TestSizesAreBounded(t *testing.T) {
	m, err := model.Parse("doors.yaml", []byte(doors), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, m, nil)
	address := impatient(t, s.api)
	post := func(headers, body string) string {
		return fmt.Sprintf("POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", len(body), headers, body)
	}
	for name, test := range map[string]struct{ send, want string }{
		"an endless address":    {"GET /v1/facade/" + strings.Repeat("h", 64<<10) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "431"},
		"endless headers":       {"GET /v1/facade/h HTTP/1.1\r\nHost: 127.0.0.1\r\n" + strings.Repeat("X-More: of it\r\n", 8<<10) + "\r\n", "431"},
		"many parameters":       {"GET /v1/facade/h?" + strings.Repeat("a=b&", 5000) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "422"},
		"a compressed body":     {post("Content-Encoding: gzip\r\n", "{}"), "415"},
		"a deep body":           {post("", strings.Repeat("[", 100_000)), "400"},
		"a body that is deeper": {post("", strings.Repeat(`{"a":`, 100_000)), "400"},
		"two lengths":           {"POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		"a length and chunks":   {"POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked, identity\r\n\r\n{}", "501"},
		"a body that is said":   {"POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n", "413"},
		"endless chunks": {"POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("10000\r\n"+strings.Repeat(" ", 1<<16)+"\r\n", 20), "413"},
	} {
		c := dialTo(t, address)
		go io.WriteString(c, test.send)
		line, err := bufio.NewReader(c).ReadString('\n')
		if !strings.HasPrefix(line, "HTTP/1.1 "+test.want) {
			t.Errorf("%s: %q, %v; want %s", name, line, err, test.want)
		}
		c.Close()
	}
}

// Bodies that are being read take so much memory together, and no more; others are told to come again.
func TestBodiesUnderWayAreBounded(t *testing.T) {
	m, err := model.Parse("doors.yaml", []byte(doors), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, m, func(c *httpapi.Config) { c.Bodies = 2 << 20 })
	var held []net.Conn
	answers := make(chan string, 8)
	for range 8 {
		c := dialTo(t, strings.TrimPrefix(s.url, "http://"))
		held = append(held, c)
		go func() {
			line, _ := bufio.NewReader(c).ReadString('\n') // "" where it is closed
			answers <- line
		}()
		go fmt.Fprintf(c, "POST /v1/ring HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", 1<<20, strings.Repeat(" ", 600<<10))
	}
	for range 6 { // of 1 MiB each, two find room
		if line := <-answers; !strings.Contains(line, "503") {
			t.Errorf("one of too many gets %q", line)
		}
	}
	for _, c := range held {
		c.Close()
	}
}
