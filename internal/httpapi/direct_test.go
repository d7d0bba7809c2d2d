package httpapi_test

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/conns"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// twice is one API behind net/http alone, and behind a door that answers what it can.
type twice struct {
	*service
	plain, door string       // addresses
	begun       atomic.Int64 // requests that net/http began to read behind the door
	modes       *modes
	server      *http.Server // behind the door
}

// modes is what of the service is said not to be well.
type modes struct{ now atomic.Pointer[[]string] }

func (m *modes) Read(*model.Read) []string   { return m.value() }
func (m *modes) Write(*model.Write) []string { return m.value() }

func (m *modes) value() []string {
	if v := m.now.Load(); v != nil {
		return *v
	}
	return nil
}

func serveTwice(t testing.TB, source string, set ...func(*http.Server)) *twice {
	t.Helper()
	m, err := model.Parse("twice.yaml", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	modes := &modes{}
	s := serve(t, m, func(c *httpapi.Config) { c.Modes = modes }).twice(set...)
	s.modes = modes
	return s
}

// twice puts the service behind a door too.
func (s *service) twice(set ...func(*http.Server)) *twice {
	t := s.t
	both := &twice{service: s}
	both.plain = strings.TrimPrefix(s.url, "http://")
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	both.door = inner.Addr().String()
	door, listener := admit.NewDoor(admit.DoorConfig{Model: s.model}), conns.Wrap(inner)
	server := httpapi.ServerBehind(door, s.api)
	both.server = server
	for _, change := range set {
		change(server)
	}
	before := server.ConnState
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateActive {
			both.begun.Add(1)
		}
		before(c, state)
	}
	var work sync.WaitGroup
	work.Go(func() { server.Serve(door.Listen(listener)) })
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		work.Wait()
		listener.Wait()
	})
	return both
}

// known is a connection that has been answered once.
func (s *twice) known(address string) (*net.TCPConn, *bufio.Reader) {
	s.t.Helper()
	c, r := s.dial(address)
	s.ask(c, r, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	return c, r
}

// dial is a new connection.
func (s *twice) dial(address string) (*net.TCPConn, *bufio.Reader) {
	s.t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c.(*net.TCPConn), bufio.NewReader(c)
}

func (s *twice) ask(c net.Conn, r *bufio.Reader, request string) (*http.Response, string) {
	s.t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		s.t.Fatal(err)
	}
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return a, string(body)
}

// moment are the parts of an answer that differ from one moment to the next.
var moment = regexp.MustCompile(`(?m)^Date: .*|dur=[0-9.]+|ttl=[0-9]+|^Age: [0-9]+|"urn:uuid:[^"]*"`)

// told gives all that a server says to a request after which the caller sends nothing more. net/http may
// take that end for a caller who has gone, and let a load of the answer go too: what is then said, and
// whether the next one finds it in the cache, is a matter of luck. So those who compare ask more than once.
func (s *twice) told(address, request string) string {
	s.t.Helper()
	c, r := s.known(address)
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		s.t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		s.t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return moment.ReplaceAllString(string(all), "…")
}

func TestAnswersAtTheDoorAreThoseOfNetHTTP(t *testing.T) {
	s := serveTwice(t, doors)
	s.want(201, "POST", "/v1/ring", ring)
	some := token(t, "ann")
	for _, warm := range []string{"/v1/facade/h", "/v1/hall/h", "/v1/facade/empty"} {
		s.want(200, "GET", warm, "", some)
	}
	const line = "GET /v1/facade/h HTTP/1.1\r\n"
	for _, test := range []struct {
		name, request string
		direct        bool
	}{
		{"plain", line + "Host: x\r\n\r\n", true},
		{"what browsers send", line + "Host: localhost:8080\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11)\r\naccept: */*\r\nAccept-Encoding: gzip, br\r\nCookie: a=b\r\n\r\n", true},
		{"a token that is known", "GET /v1/hall/h HTTP/1.1\r\nHost: x\r\n" + some + "\r\n\r\n", true},
		{"a partition without rows", "GET /v1/facade/empty HTTP/1.1\r\nHost: x\r\n\r\n", true},
		{"a version to be waited for", line + "Host: x\r\nPartita-Min-Version: no\r\n\r\n", false},
		{"no token", "GET /v1/hall/h HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"a bad token", line + "Host: x\r\n" + some + "x\r\n\r\n", false},
		{"two tokens", line + "Host: x\r\n" + some + "\r\n" + some + "\r\n\r\n", false},
		{"not allowed", "GET /v1/room/h/1 HTTP/1.1\r\nHost: x\r\n" + some + "\r\n\r\n", false},
		{"hidden", "GET /v1/safe/h HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"a parameter", "GET /v1/facade/h?a=b HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"an escape", "GET /v1/facade/%68 HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"too many segments", "GET /v1/facade/h/1 HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"a tag", line + "Host: x\r\nIf-None-Match: *\r\n\r\n", false},
		{"another type", line + "Host: x\r\nAccept: text/html\r\n\r\n", false},
		{"the last one", line + "Host: x\r\nConnection: close\r\n\r\n", false},
		{"an old version", "GET /v1/facade/h HTTP/1.0\r\nHost: x\r\n\r\n", false},
		{"no host", line + "\r\n", false},
		{"two hosts", line + "Host: x\r\nHost: y\r\n\r\n", false},
		{"a body", line + "Host: x\r\nContent-Length: 2\r\n\r\n{}", false},
		{"a body in chunks", line + "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		{"a folded field", line + "Host: x\r\nA: b\r\n c\r\n\r\n", false},
		{"a space before the colon", line + "Host : x\r\n\r\n", false},
		{"bare line ends", "GET /v1/facade/h HTTP/1.1\nHost: x\n\n", false},
		{"two at once", line + "Host: x\r\n\r\n" + line + "Host: x\r\n\r\n", false},
		{"only the head", "HEAD /v1/facade/h HTTP/1.1\r\nHost: x\r\n\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want, got string
			direct := false
			for range 50 { // net/http may have looked for the caller just when the request came; then it is net/http's
				want = s.told(s.plain, test.request) // it is in the cache from now on, if it can be
				s.begun.Store(0)
				got = s.told(s.door, test.request)
				// The first request of a connection is net/http's; what it refuses does not count as begun.
				direct = s.begun.Load() == 1 && strings.HasPrefix(got, "HTTP/1.1 200")
				if got == want && direct == test.direct {
					return
				}
			}
			if got != want {
				t.Errorf("behind the door\n%s\nand without it\n%s", got, want)
			}
			if direct != test.direct {
				t.Errorf("answered at the door: %v", direct)
			}
		})
	}
}

// Requests that are damaged in some place are never taken for good ones at the door alone.
func TestDamagedRequestsAreThoseOfNetHTTP(t *testing.T) {
	s := serveTwice(t, doors)
	s.want(201, "POST", "/v1/ring", ring)
	s.want(200, "GET", "/v1/facade/h", "")
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"\r", "\n", "\r\n", ":", " ", "\t", "\x00", "\xff", "%", "/", "?", "Host: y\r\n", "Content-Length: 0\r\n", "H", "0", "é"}
	for range 400 {
		b := []byte("GET /v1/facade/h HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nX-Other: 1\r\n\r\n")
		for range 1 + r.IntN(2) {
			at := r.IntN(len(b))
			switch piece := pieces[r.IntN(len(pieces))]; r.IntN(3) {
			case 0:
				b = append(b[:at:at], b[at+1:]...)
			case 1:
				b[at] = piece[0]
			default:
				b = append(b[:at:at], append([]byte(piece), b[at:]...)...)
			}
		}
		var got, want string
		for range 20 {
			want, got = s.told(s.plain, string(b)), s.told(s.door, string(b))
			if got == want {
				break
			}
		}
		if got != want {
			t.Fatalf("%q: behind the door\n%s\nand without it\n%s", b, got, want)
		}
	}
}

// What is answered at the door is answered by what is known at that moment, and in turns with net/http.
func TestAnswersAtTheDoorChangeWithWhatTheyShow(t *testing.T) {
	s := serveTwice(t, doors)
	s.want(201, "POST", "/v1/ring", ring)
	c, r := s.known(s.door)
	const get = "GET /v1/facade/h HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, colour := range []string{"blue", "green", "white"} {
		body := strings.Replace(ring, "red", colour, 1)
		s.want(200, "POST", "/v1/ring", body)
		for i := range 3 {
			a, text := s.ask(c, r, get)
			status := a.Header.Get("Cache-Status")
			if !strings.Contains(text, colour) || strings.Contains(status, "hit") != (i > 0) {
				t.Errorf("read %d after %s was written: %s, %s", i, colour, status, text)
			}
		}
	}
}

// watched is a connection whose deadlines are counted.
type watched struct {
	*net.TCPConn
	reads, writes atomic.Int64
}

func (w *watched) SetReadDeadline(t time.Time) error {
	w.reads.Add(1)
	return w.TCPConn.SetReadDeadline(t)
}

func (w *watched) SetWriteDeadline(t time.Time) error {
	w.writes.Add(1)
	return w.TCPConn.SetWriteDeadline(t)
}

type watching struct {
	net.Listener
	last *watched
}

func (l *watching) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.last = &watched{TCPConn: c.(*net.TCPConn)}
	return l.last, nil
}

// Without limits of time, answers at the door have none, and neither has what is net/http's.
func TestAnswersAtTheDoorNeedNoLimitsOfTime(t *testing.T) {
	door, inner := doorBefore(t)
	door.Answer(admit.Direct{Answer: func(_ context.Context, b, request []byte) ([]byte, []byte, bool) {
		return append(b, "pong"...), nil, string(request) == "ping"
	}})
	listener := door.Listen(inner)
	defer listener.Close()
	dialled, accepted := dialThrough(t, listener)
	defer dialled.Close()
	defer accepted.Close()
	dialled.SetDeadline(time.Now().Add(time.Minute))
	came := make(chan string)
	go func() {
		defer close(came)
		for range 2 {
			b := make([]byte, 100)
			n, err := accepted.Read(b)
			if err != nil {
				t.Error(err)
				return
			}
			came <- string(b[:n])
		}
	}()
	for range 2 {
		var answer [4]byte
		if _, err := io.WriteString(dialled, "ping"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(dialled, answer[:]); err != nil {
			t.Fatal(err)
		}
	}
	for _, piece := range []string{"other", "its rest"} {
		if _, err := io.WriteString(dialled, piece); err != nil {
			t.Fatal(err)
		}
		if got := <-came; got != piece {
			t.Fatalf("net/http got %q instead of %q", got, piece)
		}
	}
}

// A connection that lives by answers at the door is as little idle as any other, and what is not for the
// door comes out of it unchanged.
func TestAnswersAtTheDoorPutOffTheEndOfAConnection(t *testing.T) {
	door, inner := doorBefore(t)
	door.Answer(admit.Direct{Idle: time.Hour, Write: time.Hour, Answer: func(_ context.Context, b, request []byte) ([]byte, []byte, bool) {
		return append(b, "pong"...), nil, string(request) == "ping"
	}})
	watch := &watching{Listener: inner}
	listener := door.Listen(watch)
	defer listener.Close()
	dialled, accepted := dialThrough(t, listener)
	defer dialled.Close()
	defer accepted.Close()
	accepted.(*admit.Conn).Idle() // as after the first request
	got := make(chan string, 1)
	go func() {
		b := make([]byte, 100)
		n, err := accepted.Read(b)
		if err != nil {
			t.Error(err)
		}
		got <- string(b[:n])
	}()
	for range 3 {
		var answer [4]byte
		if _, err := io.WriteString(dialled, "ping"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(dialled, answer[:]); err != nil || string(answer[:]) != "pong" {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	if _, err := io.WriteString(dialled, "other"); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "other" {
		t.Errorf("net/http got %q", text)
	}
	if r, w := watch.last.reads.Load(), watch.last.writes.Load(); r != 3 || w != 3 {
		t.Errorf("the time to be idle was put off %d times, that to write %d times", r, w)
	}
}
