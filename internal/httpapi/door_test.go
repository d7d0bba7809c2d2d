package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

const busyModel = `
service: busy
partitions:
  house: {by: house_id, type: string(20), expect: 1k}
entities:
  ring: {in: house, key: n, expect: 10, fields: {n: {type: int, default: next}, colour: string(20)}}
reads:
  vital: {get: ring, priority: critical}
  plain: {get: ring}
  dull:  {get: ring, priority: bulk}
writes:
  put: {insert: ring, input: [colour]}
`

// behindDoor is a server behind a door that lets few in, whose handler answers when it is told to.
type behindDoor struct {
	t       *testing.T
	door    *admit.Door
	dial    func() net.Conn
	arrived chan string   // paths, as they come to the handler
	answer  chan struct{} // one for each request
	refused chan string   // names of patterns
}

func serveBehind(t *testing.T, inside int) *behindDoor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveBehindOn(t, inside, listener, func() net.Conn {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	})
}

// serveInMemory is serveBehind for a bubble with a time of its own.
func serveInMemory(t *testing.T, inside int) *behindDoor {
	t.Helper()
	listener := newPipes()
	return serveBehindOn(t, inside, listener, func() net.Conn { return listener.dial(t) })
}

func serveBehindOn(t *testing.T, inside int, listener net.Listener, dial func() net.Conn) *behindDoor {
	t.Helper()
	m, err := model.Parse("busy.yaml", []byte(busyModel), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &behindDoor{t: t, dial: dial, arrived: make(chan string, 100), answer: make(chan struct{}), refused: make(chan string, 100)}
	b.door = admit.NewDoor(admit.DoorConfig{Model: m, Inside: inside, Refused: func(r *model.Read, w *model.Write, _ time.Duration) {
		if r != nil {
			b.refused <- r.Name
		} else {
			b.refused <- w.Name
		}
	}})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.arrived <- r.URL.Path + string(body)
		<-b.answer
		fmt.Fprint(w, "done")
	})
	server := httpapi.ServerBehind(b.door, handler)
	var work sync.WaitGroup
	work.Go(func() { server.Serve(b.door.Listen(listener)) })
	t.Cleanup(func() {
		close(b.answer)
		server.Close()
		work.Wait()
	})
	return b
}

// caller is one connection.
type caller struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (b *behindDoor) caller() *caller {
	conn := b.dial()
	b.t.Cleanup(func() { conn.Close() })
	return &caller{b.t, conn, bufio.NewReader(conn)}
}

// ready is a caller that has been answered once, so that its connection is known.
func (b *behindDoor) ready() *caller {
	c := b.caller()
	c.send("GET /v1/vital/h/1 HTTP/1.1\r\nHost: x\r\n\r\n")
	<-b.arrived
	b.answer <- struct{}{}
	c.want(200)
	return c
}

func (c *caller) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) get(name string) { c.send("GET /v1/" + name + "/h/1 HTTP/1.1\r\nHost: x\r\n\r\n") }

// want reads an answer.
func (c *caller) want(status int) (http.Header, string) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(time.Minute))
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		c.t.Fatalf("answered %d, want %d: %s, %v", r.StatusCode, status, body, err)
	}
	return r.Header, string(body)
}

// full lets as many in as there is room for critical ones, and none is answered.
func (b *behindDoor) full(n int) []*caller {
	var inside []*caller
	for range n {
		c := b.caller()
		c.get("vital")
		<-b.arrived
		inside = append(inside, c)
	}
	return inside
}

// held waits until so many are held.
func (b *behindDoor) held(n int64) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); b.door.Figures().Waiting != n; {
		if time.Now().After(end) {
			b.t.Fatalf("%d are held, want %d", b.door.Figures().Waiting, n)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWhoFindsNoRoomIsHeldAndLetInWhenThereIs(t *testing.T) { synctest.Test(t, heldAndLetIn) }

func heldAndLetIn(t *testing.T) {
	b := serveInMemory(t, 8)
	bulk, critical := b.ready(), b.ready()
	inside := b.full(10) // two more than there is room for: they are critical
	bulk.get("dull")
	b.held(1)
	critical.get("vital")
	b.held(2)
	b.answer <- struct{}{} // one place: the critical one takes it
	if first := <-b.arrived; first != "/v1/vital/h/1" {
		t.Errorf("first came %s", first)
	}
	for range 11 {
		b.answer <- struct{}{}
	}
	for _, c := range append(inside, critical, bulk) {
		c.want(200)
	}
	if second := <-b.arrived; second != "/v1/dull/h/1" {
		t.Errorf("then came %s", second)
	}
	if f := b.door.Figures(); f.Waiting != 0 || f.Classes[0].Waited != 1 || f.Classes[2].Waited != 1 || f.Classes[0].Refused+f.Classes[2].Refused != 0 {
		t.Errorf("%+v", f)
	}
}

func TestWhoIsHeldForTooLongIsRefused(t *testing.T) {
	b := serveBehind(t, 8)
	known := map[string]*caller{"get": b.ready(), "post": b.ready(), "head": b.ready(), "chunked": b.ready()}
	inside := b.full(10)
	known["first"] = b.caller()
	requests := map[string]string{
		"get":     "GET /v1/plain/h/1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"first":   "GET /v1/plain/h/1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"post":    "POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"house_id\":\"hh\"}",
		"head":    "HEAD /v1/plain/h/1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"chunked": "POST /v1/put HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	}
	for name, c := range known {
		c.send(requests[name])
	}
	for name, c := range known {
		if name == "head" {
			c.conn.SetReadDeadline(time.Now().Add(time.Minute))
			r, err := http.ReadResponse(c.r, &http.Request{Method: http.MethodHead})
			if err != nil || r.StatusCode != 503 || r.ContentLength != int64(len(admit.RefusalBody)) {
				t.Errorf("HEAD: %v, %v", r, err)
			}
			continue
		}
		h, body := c.want(503)
		after := h.Get("Retry-After")
		if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || len(after) != 1 || after < "1" || after > "5" ||
			!strings.Contains(body, "urn:partita:problem:overloaded") {
			t.Errorf("%s: %v %s", name, h, body)
		}
	}
	counted := map[string]int{}
	for range 5 {
		counted[<-b.refused]++
	}
	if counted["plain"] != 3 || counted["put"] != 2 {
		t.Errorf("refused: %v", counted)
	}
	for range inside {
		b.answer <- struct{}{}
	}
	// A connection on which a request was refused is as good as before.
	for _, name := range []string{"get", "post", "head", "first"} {
		known[name].get("plain")
		if path := <-b.arrived; path != "/v1/plain/h/1" {
			t.Errorf("%s: then came %s", name, path)
		}
		b.answer <- struct{}{}
		known[name].want(200)
	}
	if f := b.door.Figures(); f.Waiting != 0 || b.door.Marked() {
		t.Errorf("%+v", f)
	}
}

func TestWhoGoesAwayIsNotHeld(t *testing.T) {
	b := serveBehind(t, 8)
	gone := b.ready()
	inside := b.full(10)
	gone.get("plain")
	b.held(1)
	gone.conn.Close()
	time.Sleep(30 * time.Millisecond) // so long that it is worth a look whether somebody is still there
	for range inside {
		b.answer <- struct{}{}
	}
	for _, c := range inside {
		c.want(200)
	}
	b.held(0)
	next := b.ready()
	next.get("plain")
	if path := <-b.arrived; path != "/v1/plain/h/1" || len(b.arrived) != 0 {
		t.Errorf("came %s, and %d more", path, len(b.arrived))
	}
	b.answer <- struct{}{}
	next.want(200)
}

// A body that is slow in coming holds nobody up.
func TestSlowBodiesTakeNoRoom(t *testing.T) {
	b := serveBehind(t, 4)
	for range 20 {
		c := b.caller()
		c.send("POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	}
	quick := b.caller()
	quick.get("plain")
	if path := <-b.arrived; path != "/v1/plain/h/1" {
		t.Errorf("came %s", path)
	}
	b.answer <- struct{}{}
	quick.want(200)
}

// One who has gone away while it was held is told nothing: that its first request was bad above all.
func TestWhoGoesAwayBeforeItsFirstAnswerIsNotBlamed(t *testing.T) {
	b := serveBehind(t, 8)
	inside := b.full(10)
	gone := b.caller()
	gone.get("plain")
	b.held(1)
	if err := gone.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Millisecond) // so long that it is worth a look whether somebody is still there
	for range inside {
		b.answer <- struct{}{}
	}
	for _, c := range inside {
		c.want(200)
	}
	if all, err := io.ReadAll(gone.r); len(all) > 0 || err != nil {
		t.Errorf("%q, %v", all, err)
	}
}
