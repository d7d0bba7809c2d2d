package e2e

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/trouble"
)

// onBrittleDisk runs a node with everything embedded, on a disk that can fail.
func onBrittleDisk(t *testing.T) (*fleetNode, *trouble.Drill, *logLines) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "drill")
	drill, err := trouble.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drill.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv(trouble.Variable, socket)
	lines := &logLines{}
	n := &fleetNode{config: partita.Config{
		Model: "test.yaml", ModelSource: []byte(degrading), DataDir: t.TempDir(), Listen: partita.None, Admin: "127.0.0.1:0",
		RequestTimeout: 2 * time.Second, Logger: slog.New(slog.NewTextHandler(lines, nil)),
	}}
	if n.App, err = partita.Open(n.config); err != nil {
		t.Fatal(err)
	}
	n.handler = n.Handler()
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		drill.Set(trouble.State{})
		if err := n.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n, drill, lines
}

// TestTheDiskIsFull fills the disk under the embedded store: reads go on, writes are refused and say why, what
// is accepted waits, and all is well again when there is room.
func TestTheDiskIsFull(t *testing.T) {
	n, drill, lines := onBrittleDisk(t)
	n.must(t, 201, "POST", "/v1/set", `{"account_id":"a","balance":1}`)
	drill.Set(trouble.State{Full: true})
	a := n.must(t, 503, "POST", "/v1/set", `{"account_id":"a","balance":2}`)
	if !strings.Contains(a.body.String(), "disk is full") || a.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", a.header, a.body.String())
	}
	full := until(t, n, func(s observe.Snapshot) bool { return component(s, health.Store).State == health.Degraded })
	c := component(full, health.Store)
	if !strings.Contains(c.Cause, "disk is full") || effectOn(c, "set") != health.Refused || effectOn(c, "balance") != "" {
		t.Errorf("the status says %+v", c)
	}
	if a := n.must(t, 503, "POST", "/v1/set", `{"account_id":"a","balance":2}`); !strings.Contains(a.header.Get("Partita-Degraded"), "store; state=degraded") {
		t.Errorf("a write says %v", a.header)
	}
	if a := n.must(t, 200, "GET", "/v1/balance/a", ""); !strings.Contains(a.body.String(), `"balance":1`) || a.header.Get("Partita-Degraded") != "" {
		t.Errorf("a read says %v %s", a.header, a.body.String())
	}
	n.must(t, 200, "GET", "/readyz", "")
	waiting := n.must(t, 202, "POST", "/v1/add", `{"account_id":"a","amount":10}`, "Prefer", "respond-async")

	drill.Set(trouble.State{})
	n.must(t, 200, "GET", waiting.header.Get("Location")+"?wait=20s", "")
	well := until(t, n, func(s observe.Snapshot) bool { return s.State.State == health.OK })
	if episode(well, health.Store).Ended != "there is room on its disk again" {
		t.Errorf("the history is %+v", well.History)
	}
	if a := n.must(t, 200, "GET", "/v1/balance/a", ""); !strings.Contains(a.body.String(), `"balance":11`) {
		t.Error("what was accepted is not carried out:", a.body.String())
	}
	if began, ended := lines.count("store is degraded", "full"), lines.count("store is ok again"); began != 1 || ended != 1 {
		t.Errorf("the log has %d lines of the beginning and %d of the end", began, ended)
	}
}

// TestASyncFails lets an fsync fail: the write is not acknowledged, nothing is tried again, the node stops and
// says why, and a new start has all that was acknowledged.
func TestASyncFails(t *testing.T) {
	n, drill, lines := onBrittleDisk(t)
	n.must(t, 201, "POST", "/v1/set", `{"account_id":"a","balance":1}`)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(context.WithoutCancel(t.Context())) }()
	drill.Set(trouble.State{Fail: true})
	if a := n.ask(t.Context(), "POST", "/v1/set", `{"account_id":"a","balance":2}`); a.status < 500 {
		t.Errorf("a write whose sync failed is answered with %d %s", a.status, a.body.String())
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "the store must not be used any more") {
		t.Errorf("the node stops with %v", err)
	}
	if lines.count("the node stops: ", "must not be used any more") != 1 {
		t.Error("the log does not say why")
	}
	drill.Set(trouble.State{})
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := n.must(t, 200, "GET", "/v1/balance/a", "")
	if body := a.body.String(); !strings.Contains(body, `"balance":1`) && !strings.Contains(body, `"balance":2`) {
		t.Error("what was acknowledged is lost:", body)
	}
	n.must(t, 200, "POST", "/v1/set", `{"account_id":"a","balance":3}`)
}

// TestTheDiskHangs lets operations on the store's files not come back: nobody waits beyond the deadline, and all
// is well again by itself.
func TestTheDiskHangs(t *testing.T) {
	n, drill, _ := onBrittleDisk(t)
	n.must(t, 201, "POST", "/v1/set", `{"account_id":"a","balance":1}`)
	n.must(t, 200, "GET", "/v1/tolerant/a", "")
	drill.Set(trouble.State{Hang: true})
	if a := n.must(t, 504, "POST", "/v1/set", `{"account_id":"a","balance":2}`); !strings.Contains(a.body.String(), "not known") {
		t.Errorf("a write under way is answered with %s", a.body.String())
	}
	until(t, n, func(s observe.Snapshot) bool { return effectOn(component(s, health.Store), "set") == health.Refused }) // it may be said to be slow before
	a := n.must(t, 503, "POST", "/v1/set", `{"account_id":"a","balance":3}`)
	if a.header.Get("Retry-After") == "" {
		t.Errorf("%v", a.header)
	}
	n.must(t, 200, "GET", "/v1/tolerant/a", "")
	drill.Set(trouble.State{})
	until(t, n, func(s observe.Snapshot) bool { return s.State.State == health.OK })
	if a := n.must(t, 200, "GET", "/v1/balance/a", ""); !strings.Contains(a.body.String(), `"balance":2`) {
		t.Error("the write that was under way is not there:", a.body.String()) // the disk came back, so it went on
	}
	n.must(t, 200, "POST", "/v1/set", `{"account_id":"a","balance":3}`)
}
