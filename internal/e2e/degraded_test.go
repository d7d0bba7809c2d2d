package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/logtest"
	"github.com/partita-dev/partita/internal/observe"
)

// degrading is the ledger with a read for each way in which answers get old, and writes of each mode.
var degrading = strings.NewReplacer(
	"cached:  {get: account, fresh: 1m, stale: 10m}", "tolerant: {get: account, fresh: 100ms, stale: 10m}\n  brief: {get: account, fresh: 5m}",
	"set: {upsert: account, input: [balance]}", "set: {upsert: account, input: [balance]}\n  note: {insert: entry, input: [amount], async: offered}",
).Replace(accepting)

// logLines keeps what a node logs.
type logLines struct{ logtest.Buffer }

// count gives the lines that have all words.
func (l *logLines) count(words ...string) (n int) {
	for line := range strings.Lines(l.String()) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			n++
		}
	}
	return n
}

// startDegrading runs nodes that can be looked at.
func startDegrading(t *testing.T, n int) (*fleet, *logLines) {
	t.Helper()
	lines := &logLines{}
	f := startFleet(t, n, degrading, 1, func(i int, c *partita.Config) {
		c.Admin = "127.0.0.1:0"
		if i == 0 {
			c.Logger = slog.New(slog.NewTextHandler(lines, nil))
		}
	})
	return f, lines
}

// must asks a node and fails the test unless the status is the one that is wanted.
func (n *fleetNode) must(t *testing.T, status int, method, path, body string, header ...string) *reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // longer than any deadline of the service
	defer cancel()
	a := n.ask(ctx, method, path, body, header...)
	if ctx.Err() != nil {
		t.Fatalf("%s %s was not answered", method, path)
	}
	if a.status != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body.String())
	}
	return a
}

func component(s observe.Snapshot, name string) health.Component {
	for _, c := range s.Components {
		if c.Name == name {
			return c
		}
	}
	return health.Component{}
}

// episode gives the latest trouble of a part that is over.
func episode(s observe.Snapshot, name string) health.Episode {
	for _, e := range s.History {
		if e.Component == name {
			return e
		}
	}
	return health.Episode{}
}

func effectOn(c health.Component, pattern string) string {
	for _, e := range c.Effects {
		if slices.Contains(e.Reads, pattern) || slices.Contains(e.Writes, pattern) {
			return e.How
		}
	}
	return ""
}

func get(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheStoreIsAway freezes the database, cuts the line to it, and lets the line swallow everything, under
// readers: cached answers go on, accepted writes are accepted and later carried out once and in order,
// everything else is refused at once, each answer says so, and all is well again by itself.
func TestTheStoreIsAway(t *testing.T) {
	for _, how := range []string{"frozen", silent, broken} {
		t.Run(how, func(t *testing.T) { testStoreAway(t, how) })
	}
}

func testStoreAway(t *testing.T, how string) {
	f, lines := startDegrading(t, 1)
	n := f.nodes[0]
	n.must(t, 201, "POST", "/v1/set", `{"account_id":"a","balance":0}`)
	n.must(t, 200, "GET", "/v1/tolerant/a", "")
	n.must(t, 200, "GET", "/v1/brief/a", "")

	var stopped, mending atomic.Bool
	var readers sync.WaitGroup
	for _, path := range []string{"/v1/tolerant/a", "/v1/brief/a"} {
		readers.Go(func() {
			// Once the store is back, a write that was accepted may make what is cached old before reads are
			// let through again.
			for !stopped.Load() && (path == "/v1/tolerant/a" || !mending.Load()) {
				if a := n.ask(t.Context(), "GET", path, ""); a.status != 200 && (path == "/v1/tolerant/a" || !mending.Load()) {
					t.Errorf("%s: %d %s", path, a.status, a.body.String())
					return
				}
				wait(2 * time.Millisecond)
			}
		})
	}
	for _, path := range []string{"/v1/balance/a", "/v1/balance/b"} { // what only the store can answer
		readers.Go(func() {
			for !stopped.Load() {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				n.ask(ctx, "GET", path, "")
				if ctx.Err() != nil {
					t.Errorf("%s was not answered", path)
				}
				cancel()
				wait(2 * time.Millisecond)
			}
		})
	}
	var mend func()
	switch how {
	case "frozen":
		database.Freeze()
		mend = sync.OnceFunc(database.Thaw)
	default:
		if err := n.store.sever(how); err != nil {
			t.Fatal(err)
		}
		mend = sync.OnceFunc(func() {
			if err := n.store.mend(); err != nil {
				t.Error(err)
			}
		})
	}
	defer mend()
	down := until(t, n, func(s observe.Snapshot) bool { return component(s, health.Store).State == health.Down })
	store := component(down, health.Store)
	if store.Cause == "" || store.Since.IsZero() || down.State.State != health.Degraded {
		t.Errorf("the store is %+v, the service %+v", store, down.State)
	}
	for pattern, want := range map[string]string{"balance": health.Refused, "tolerant": health.Stale, "brief": health.Cached, "set": health.Refused, "add": health.Accepted, "note": health.Accepted} {
		if got := effectOn(store, pattern); got != want {
			t.Errorf("for %s the state means %q, want %q", pattern, got, want)
		}
	}

	a := n.must(t, 200, "GET", "/v1/tolerant/a", "")
	for strings.Contains(a.header.Get("Cache-Status"), "hit") { // it is fresh still
		wait(20 * time.Millisecond)
		a = n.must(t, 200, "GET", "/v1/tolerant/a", "")
	}
	if h := a.header; h.Get("Age") == "" || !strings.Contains(h.Get("Cache-Status"), "detail=stale") || h.Get("Warning") != "" ||
		!strings.Contains(h.Get("Partita-Degraded"), "store; state=down; since=@") || !strings.Contains(h.Get("Partita-Degraded"), "effect=stale") {
		t.Errorf("a stale answer has the headers %v", h)
	}
	for _, c := range [][3]string{{"GET", "/v1/balance/a", ""}, {"GET", "/v1/tolerant/never-read", ""}, {"POST", "/v1/set", `{"account_id":"a","balance":1}`}, {"POST", "/v1/add", `{"account_id":"a","amount":1000}`}} {
		a := n.must(t, 503, c[0], c[1], c[2])
		if a.header.Get("Retry-After") == "" || a.header.Get("Partita-Degraded") == "" || !strings.Contains(a.body.String(), "urn:partita:problem:unavailable") {
			t.Errorf("%s: %v %s", c[1], a.header, a.body.String())
		}
	}
	added := &additions{account: "a", next: 1, accepted: map[int]string{}}
	for range 20 {
		a := n.must(t, 202, "POST", "/v1/add", fmt.Sprintf(`{"account_id":"a","amount":%d}`, added.next), "Prefer", "respond-async")
		var o struct{ ID string }
		if err := json.Unmarshal(a.body.Bytes(), &o); err != nil || !strings.Contains(a.header.Get("Partita-Degraded"), "effect=accepted") {
			t.Error(err, a.header)
		}
		added.accepted[added.next] = o.ID
		added.next++
	}
	if a := n.must(t, 200, "GET", "/readyz", ""); !strings.Contains(a.body.String(), "store: ") {
		t.Errorf("/readyz says %s", a.body.String())
	}
	if text := get(t, "http://"+n.AdminAddr()+"/metrics"); !strings.Contains(text, `partita_component_state{component="store"} 2`) ||
		!strings.Contains(text, `partita_component_entered_total{component="store",state="down"} 1`) {
		t.Error("/metrics does not say that the store is away")
	}

	if soak() {
		wait(time.Minute)
	}
	mending.Store(true)
	mend()
	well := until(t, n, func(s observe.Snapshot) bool { return s.State.State == health.OK })
	stopped.Store(true)
	readers.Wait()
	if e := episode(well, health.Store); e.State != health.Down || e.Ended != "it answers again" || !e.Until.After(e.Since) || e.Cause == "" {
		t.Errorf("the history has %+v", well.History)
	}
	if began, ended := lines.count("store is down"), lines.count("store is ok again", "lasted="); began != 1 || ended != 1 {
		t.Errorf("the log has %d lines of the beginning and %d of the end:\n%s", began, ended, lines.String())
	}
	added.check(t, func(path string) []byte { return n.must(t, 200, "GET", path, "").body.Bytes() })
	if a := n.must(t, 200, "POST", "/v1/set", `{"account_id":"a","balance":7}`); a.header.Get("Partita-Degraded") != "" {
		t.Errorf("after all is well: %v", a.header)
	}
	n.must(t, 200, "GET", "/v1/balance/a", "")
}
