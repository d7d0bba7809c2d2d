package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

const rooms = `
service: rooms
partitions: {house: {by: house_id, type: string(20), expect: 10}}
entities:
  room: {in: house, key: n, expect: 100, fields: {n: int, note: text(4000)}}
access:
  rules: {owner: auth.house == house_id}
  allow: [owner]
reads:
  one:   {get: room, allow: public}
  all:   {list: room, allow: public}
  later: {get: room, fresh: 1m, allow: public}
  own:   {get: room}
writes:
  put: {upsert: room, input: [note], allow: public}
`

// What needs the store is answered at the door too, with the words of net/http, problems included.
func TestReadsOfTheStoreAtTheDoorAreThoseOfNetHTTP(t *testing.T) {
	s := serveTwice(t, rooms)
	s.want(201, "POST", "/v1/put", `{"house_id":"h","n":1,"note":"a"}`)
	s.want(201, "POST", "/v1/put", `{"house_id":"h","n":2,"note":"`+strings.Repeat("x", 3000)+`"}`)
	for n := range 10 {
		s.want(201, "POST", "/v1/put", fmt.Sprintf(`{"house_id":"big","n":%d,"note":"%s"}`, n, strings.Repeat("x", 3000)))
	}
	some := token(t, "ann")
	s.want(200, "GET", "/v1/one/h/1", "", some) // the token is known from now on
	for _, test := range []struct{ address, field, status string }{
		{"one/h/1", "", "200"},
		{"one/h/1", some, "200"},
		{"one/h/2", "", "200"}, // longer than net/http finds out by itself
		{"all/h", "", "200"},
		{"all/big", "", "200"}, // so long that it is sent from where it lies
		{"all/empty", "", "200"},
		{"one/h/3", "", "404"},
		{"one/h/1", "Partita-Min-Version: no", "400"},
		{"own/h/1", some, "403"},
	} {
		request := "GET /v1/" + test.address + " HTTP/1.1\r\nHost: x\r\n"
		if test.field != "" {
			request += test.field + "\r\n"
		}
		request += "\r\n"
		var want, got string
		direct := false
		for range 50 { // net/http may have looked for the caller just when the request came; then it is net/http's
			want = s.told(s.plain, request)
			s.begun.Store(0)
			got = s.told(s.door, request)
			if direct = s.begun.Load() == 1; direct && got == want {
				break
			}
		}
		if got != want || !strings.HasPrefix(got, "HTTP/1.1 "+test.status) {
			t.Errorf("%s %s: behind the door\n%s\nand without it\n%s", test.address, test.field, got, want)
		}
		if !direct {
			t.Errorf("%s %s was not answered at the door", test.address, test.field)
		}
	}
	c, r := s.known(s.door)
	for _, outcome := range []string{"fwd=miss", "hit"} {
		a, _ := s.ask(c, r, "GET /v1/later/h/1 HTTP/1.1\r\nHost: x\r\n\r\n")
		if status := a.Header.Get("Cache-Status"); !strings.Contains(status, outcome) {
			t.Errorf("%s instead of %s", status, outcome)
		}
	}
}

// doorBefore makes a Door, and a listener to put it before.
func doorBefore(t *testing.T) (*admit.Door, net.Listener) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("doors.yaml", []byte(doors), nil)
	if err != nil {
		t.Fatal(err)
	}
	return admit.NewDoor(admit.DoorConfig{Model: m}), inner
}

// dialThrough gives both ends of a connection.
func dialThrough(t *testing.T, l net.Listener) (dialled, accepted net.Conn) {
	t.Helper()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

// net/http takes a connection for idle whose request is answered at the door: it is closed after the answer.
func TestAConnectionIsClosedAfterTheAnswerAtTheDoor(t *testing.T) {
	door, inner := doorBefore(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	door.Answer(admit.Direct{Idle: time.Hour, Write: time.Hour, Answer: func(ctx context.Context, b, _ []byte) ([]byte, []byte, bool) {
		close(begun)
		<-goOn
		door.Abandon()
		<-ctx.Done()
		return append(b, "pong"...), nil, true
	}})
	listener := door.Listen(inner)
	defer listener.Close()
	dialled, accepted := dialThrough(t, listener)
	defer dialled.Close()
	accepted.(*admit.Conn).Idle() // as after the first request
	ended := make(chan error, 1)
	go func() {
		_, err := accepted.Read(make([]byte, 100))
		ended <- err
	}()
	if _, err := io.WriteString(dialled, "ping"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := accepted.Close(); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if all, err := io.ReadAll(dialled); string(all) != "pong" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	if err := <-ended; err == nil {
		t.Error("the connection goes on")
	}
	if n := door.Figures().Connections; n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// A server may close a connection just when its first request comes.
func TestAConnectionIsClosedWhileItsFirstRequestComes(t *testing.T) {
	door, inner := doorBefore(t)
	door.Answer(admit.Direct{Idle: time.Hour, Write: time.Hour, Answer: func(_ context.Context, b, _ []byte) ([]byte, []byte, bool) {
		return append(b, "pong"...), nil, true
	}})
	listener := door.Listen(inner)
	defer listener.Close()
	for range 200 {
		dialled, accepted := dialThrough(t, listener)
		ended := make(chan error, 1)
		go func() {
			_, err := accepted.Read(make([]byte, 100))
			ended <- err
		}()
		if _, err := io.WriteString(dialled, "ping"); err != nil {
			t.Fatal(err)
		}
		if err := accepted.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil {
			t.Error("the connection goes on")
		}
		dialled.Close()
	}
	if n := door.Figures().Connections; n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// A defect at the door leaves a connection that can be closed.
func TestAConnectionIsClosedAfterADefectAtTheDoor(t *testing.T) {
	door, inner := doorBefore(t)
	server := httpapi.ServerBehind(door, http.NotFoundHandler())
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	door.Answer(admit.Direct{Answer: func(context.Context, []byte, []byte) ([]byte, []byte, bool) { panic("a defect") }})
	go server.Serve(door.Listen(inner))
	defer server.Close()
	dialled, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	if _, err := io.WriteString(dialled, "ping"); err != nil {
		t.Fatal(err)
	}
	dialled.SetReadDeadline(time.Now().Add(20 * time.Second))
	if all, err := io.ReadAll(dialled); len(all) > 0 || err != nil {
		t.Errorf("%q, %v", all, err)
	}
}
