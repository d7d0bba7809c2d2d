package httpapi_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// holding is an engine whose writes wait to be let go.
type holding struct {
	*engine.Engine
	begun chan struct{}
	goOn  chan struct{}
	panic bool // after each write
}

func (h *holding) Write(ctx context.Context, q *engine.WriteRequest) (engine.WriteResult, error) {
	h.begun <- struct{}{}
	<-h.goOn
	result, err := h.Engine.Write(ctx, q)
	if h.panic {
		panic("a defect with a secret in it")
	}
	return result, err
}

func holdingTwice(t *testing.T, panics bool) (*twice, *holding) {
	t.Helper()
	m, err := model.Parse("desks.yaml", []byte(desks), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &holding{begun: make(chan struct{}, 1), goOn: make(chan struct{}, 1), panic: panics}
	return serve(t, m, func(c *httpapi.Config) {
		h.Engine = c.Engine.(*engine.Engine)
		c.Engine = h
	}).twice(), h
}

// atDoor is a connection whose next request is answered at the door: net/http has nothing of it.
func (s *twice) atDoor() (*net.TCPConn, *bufio.Reader) {
	c, r := s.known(s.door)
	for {
		s.begun.Store(0)
		if s.ask(c, r, "GET /v1/one/h/7 HTTP/1.1\r\nHost: x\r\n\r\n"); s.begun.Load() == 0 {
			return c, r
		}
	}
}

// A write that is under way when its caller goes is done.
func TestAWriteAtTheDoorGoesOnWithoutItsCaller(t *testing.T) {
	s, h := holdingTwice(t, false)
	c, _ := s.atDoor()
	if _, err := io.WriteString(c, post("put", desk)); err != nil {
		t.Fatal(err)
	}
	<-h.begun
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	h.goOn <- struct{}{}
	c, r := s.known(s.door)
	for end := time.Now().Add(time.Minute); ; {
		if a, body := s.ask(c, r, get("/v1/one/h/1")); a.StatusCode == http.StatusOK {
			return
		} else if time.Now().After(end) {
			t.Fatal(a.Status, body)
		}
	}
}

// A server that stops waits for writes at the door, and they are answered.
func TestAStopWaitsForWritesAtTheDoor(t *testing.T) {
	s, h := holdingTwice(t, false)
	c, r := s.atDoor()
	if _, err := io.WriteString(c, post("put", desk)); err != nil {
		t.Fatal(err)
	}
	<-h.begun
	if err := s.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.goOn <- struct{}{}
	a, err := http.ReadResponse(r, nil)
	if err != nil || a.StatusCode != http.StatusCreated {
		t.Fatal(a, err)
	}
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the connection goes on: %d, %v", n, err)
	}
}

// A write that fails inside is told and recorded there: net/http does not do it again.
func TestADefectAtTheDoorIsMetOnce(t *testing.T) {
	s, h := holdingTwice(t, true)
	c, r := s.atDoor()
	h.goOn <- struct{}{}
	a, body := s.ask(c, r, post("put", desk))
	<-h.begun
	if a.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") || !strings.Contains(body, "urn:partita:request:") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	if strings.Count(s.log.String(), "a request failed inside") != 1 || len(h.begun) != 0 {
		t.Errorf("it was done again, or not told of: %s", s.log.String())
	}
}
