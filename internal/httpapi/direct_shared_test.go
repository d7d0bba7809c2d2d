package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqlite"
)

// gated is a service at the door whose reads of the store pass a gate with room for one.
func gated(t *testing.T) (address string, gate *admit.Gate) {
	t.Helper()
	s, gate := throughGate(t, rooms)
	return s.twice().door, gate
}

// throughGate is a service whose reads of the store pass a gate with room for one.
func throughGate(t *testing.T, source string) (*service, *admit.Gate) {
	t.Helper()
	m, err := model.Parse("rooms.yaml", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Model: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	answers := cache.New(cache.Config{})
	t.Cleanup(answers.Close)
	gate := admit.NewGate(admit.GateConfig{Initial: 1, Least: 1, Most: 1})
	paths, err := engine.New(engine.Config{Model: m, Store: kept, Cache: answers, Reads: gate})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, m, func(c *httpapi.Config) { c.Engine = paths }), gate
}

// Others may wait for what one caller asked for first: they have it though that one goes away.
func TestALoadAtTheDoorGoesOnForThoseWhoJoined(t *testing.T) {
	address, gate := gated(t)
	var last string
	for range 100 { // who waits at a gate for long is refused: on a slow machine that may be so now and then
		pass, err := gate.Enter(t.Context(), admit.Ask{Priority: model.Normal})
		if err != nil {
			continue
		}
		ask := func() net.Conn {
			c := dialTo(t, address)
			if _, err := io.WriteString(c, "GET /v1/later/h/1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			return c
		}
		first := ask()
		for end := time.Now().Add(50 * time.Millisecond); gate.Figures().Waiting == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		second := ask()
		time.Sleep(30 * time.Millisecond) // so long that it is worth a look whether somebody is still there
		first.Close()
		pass.Leave()
		a, err := http.ReadResponse(bufio.NewReader(second), nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode == http.StatusNotFound { // there is no such row
			return
		}
		last = a.Status
	}
	t.Errorf("the second caller was never answered: %s", last)
}

// While nobody is let in, old answers are given at the door, where there are any.
func TestOldAnswersAreGivenAtTheDoor(t *testing.T) {
	s, gate := throughGate(t, strings.Replace(rooms, "one:   {get: room, ", "one:   {get: room, stale: 1h, ", 1))
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var shut atomic.Bool
	door := admit.NewDoor(admit.DoorConfig{Model: s.model, Reads: gate, Shut: shut.Load})
	server := httpapi.ServerBehind(door, s.api)
	var begun atomic.Int64
	before := server.ConnState
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateActive {
			begun.Add(1)
		}
		before(c, state)
	}
	go server.Serve(door.Listen(inner))
	t.Cleanup(func() { server.Close() })
	ask := func(n int) *http.Response {
		c := dialTo(t, inner.Addr().String())
		if _, err := io.WriteString(c, get(fmt.Sprint("/v1/one/h/", n))); err != nil {
			t.Fatal(err)
		}
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		return a
	}
	s.want(201, "POST", "/v1/put", `{"house_id":"h","n":1,"note":"a"}`)
	if a := ask(1); a.StatusCode != http.StatusOK {
		t.Error(a.Status)
	}
	shut.Store(true)
	if a := ask(1); a.StatusCode != http.StatusOK || !strings.Contains(a.Header.Get("Cache-Status"), "stale") {
		t.Error(a.Status, a.Header)
	}
	if a := ask(2); a.StatusCode != http.StatusServiceUnavailable {
		t.Error(a.Status, a.Header)
	}
	if n := begun.Load(); n != 0 {
		t.Errorf("net/http began %d requests", n)
	}
	if d, g := door.Figures().Classes[1].Refused, gate.Figures().Classes[1].Refused; d != 0 || g != 1 {
		t.Errorf("one was refused: %d at the door and %d at the gate", d, g)
	}
}

// Those who are slow to take a long answer from the cache have no copy of it each.
func TestSlowCallersShareALongAnswer(t *testing.T) {
	s := serveTwice(t, strings.NewReplacer("text(4000)", "text(1000000)", "{list: room, ", "{list: room, fresh: 10m, ").Replace(rooms))
	for n := range 8 {
		s.want(201, "POST", "/v1/put", fmt.Sprintf(`{"house_id":"h","n":%d,"note":"%s"}`, n, strings.Repeat("x", 500_000)))
	}
	for range 2 {
		s.want(200, "GET", "/v1/all/h", "")
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	const callers = 20
	for range callers {
		c := dialTo(t, s.door)
		if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, get("/v1/all/h")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil { // the rest is not taken
			t.Fatal(err)
		}
	}
	if more := heap() - before; more > callers*4_000_000/2 {
		t.Errorf("%d callers of one answer of 4 MB hold %d MB", callers, more/1_000_000)
	}
}
