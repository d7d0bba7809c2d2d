package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/bus/bustest"
)

// eventually waits for what must come, once nothing fails any more.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); !so(); wait(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it does not come to this: %s", what)
		}
	}
}

// soak tells whether the long form of the tests is wanted: make soak, or PARTITA_SOAK=1.
func soak() bool { return os.Getenv("PARTITA_SOAK") != "" }

// fleet is a number of nodes that share one PostgreSQL. Each speaks to the database and to a NATS server
// of its own through a proxy that can be cut, and the NATS servers pass on to each other what the
// bridge lets through.
type fleet struct {
	nodes  []*fleetNode
	bridge *bridge
}

type fleetNode struct {
	*partita.App
	config     partita.Config
	handler    http.Handler
	store, bus *link
	gate       sync.RWMutex // held by requests, and by who takes the node away in good order
}

// replace stops the node when its requests are done, and starts it anew with another model.
func (n *fleetNode) replace(t *testing.T, source string) {
	n.gate.Lock()
	defer n.gate.Unlock()
	if err := n.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	n.config.ModelSource = []byte(source)
	app, err := partita.Open(n.config)
	if err != nil {
		t.Error(err)
		return
	}
	n.App, n.handler = app, app.Handler()
	n.start(t)
}

// one gives a node that is not being taken away, and what to call when the request is done.
func (f *fleet) one(r *rand.Rand) (i int, done func()) {
	for {
		i = r.IntN(len(f.nodes))
		if f.nodes[i].gate.TryRLock() {
			return i, f.nodes[i].gate.RUnlock
		}
		wait(time.Millisecond) // where all are away, those who start them need the processors
	}
}

// startFleet runs n nodes of a model for the length of a test.
func startFleet(t *testing.T, n int, source string, seed uint64, change func(i int, c *partita.Config)) *fleet {
	t.Helper()
	f := &fleet{}
	place, err := url.Parse(database.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	var servers []string
	for range n {
		servers = append(servers, bustest.Start(t, 1).URLs()[0])
	}
	f.bridge = startBridge(t, servers, seed)
	for i := range n {
		node := &fleetNode{store: newLink(t, place.Host), bus: newLink(t, strings.TrimPrefix(servers[i], "nats://"))}
		own := *place
		own.Host = node.store.addr()
		c := partita.Config{
			Model: "test.yaml", ModelSource: []byte(source), DataDir: t.TempDir(), Store: own.String(), Bus: []string{"nats://" + node.bus.addr()},
			Node: fmt.Sprintf("n%d", i), Listen: partita.None, Admin: partita.None, RequestTimeout: 3 * time.Second, Logger: slog.New(slog.DiscardHandler),
		}
		if change != nil {
			change(i, &c)
		}
		if node.App, err = partita.Open(c); err != nil {
			t.Fatal(err)
		}
		node.config, node.handler = c, node.Handler()
		f.nodes = append(f.nodes, node)
		node.start(t)
		t.Cleanup(func() {
			node.store.mend()
			node.bus.mend()
			if err := node.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return f
}

// start starts the node; while its database is cut off, it tries again until that is mended.
func (n *fleetNode) start(t *testing.T) {
	for again := time.NewTicker(50 * time.Millisecond); ; <-again.C {
		err := n.Start(t.Context())
		if err == nil || t.Context().Err() != nil {
			return
		}
		if !n.store.isCut() {
			t.Errorf("the node does not start: %v", err)
			return
		}
	}
}

// listen gives an address at which the node answers for the length of a test, also while it is being
// started again.
func (n *fleetNode) listen(t *testing.T) string {
	s := httptest.NewServer(n.handler)
	t.Cleanup(s.Close)
	return s.URL
}

// reply is an answer of a node that was asked without a connection.
type reply struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *reply) Header() http.Header         { return r.header }
func (r *reply) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *reply) WriteHeader(status int)      { r.status = status }

// ask asks a node.
func (n *fleetNode) ask(ctx context.Context, method, path, body string, header ...string) *reply {
	req, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.RemoteAddr = "127.0.0.1:1"
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	r := &reply{status: http.StatusOK, header: http.Header{}}
	n.handler.ServeHTTP(r, req)
	return r
}
