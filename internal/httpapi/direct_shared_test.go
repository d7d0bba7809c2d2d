package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
	m, err := model.Parse("rooms.yaml", []byte(rooms), nil)
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
	gate = admit.NewGate(admit.GateConfig{Initial: 1, Least: 1, Most: 1})
	paths, err := engine.New(engine.Config{Model: m, Store: kept, Cache: answers, Reads: gate})
	if err != nil {
		t.Fatal(err)
	}
	both := serve(t, m, func(c *httpapi.Config) { c.Engine = paths }).twice()
	return both.door, gate
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
