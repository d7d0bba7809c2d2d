package e2e

import (
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/observe"
)

// TestTheBusIsAway cuts the line to the bus, and lets it swallow everything: what is synchronous goes on, an
// insert that was to be accepted is carried out at once, other accepted writes are refused while it is not
// known whether earlier ones still wait, and all is well again by itself.
func TestTheBusIsAway(t *testing.T) {
	for _, how := range []string{silent, broken} {
		t.Run(how, func(t *testing.T) { testBusAway(t, how) })
	}
}

func testBusAway(t *testing.T, how string) {
	f, lines := startDegrading(t, 1)
	n := f.nodes[0]
	n.must(t, 201, "POST", "/v1/set", `{"account_id":"a","balance":1}`)
	n.must(t, 202, "POST", "/v1/add", `{"account_id":"b","amount":1}`, "Prefer", "respond-async")
	if err := n.bus.sever(how); err != nil {
		t.Fatal(err)
	}
	away := until(t, n, func(s observe.Snapshot) bool { return component(s, health.Bus).State == health.Degraded })
	bus := component(away, health.Bus)
	for pattern, want := range map[string]string{"balance": "", "tolerant": health.Delayed, "set": "", "note": health.AtOnce, "add": health.Refused} {
		if got := effectOn(bus, pattern); got != want {
			t.Errorf("for %s the state means %q, want %q", pattern, got, want)
		}
	}
	if a := n.must(t, 200, "POST", "/v1/set", `{"account_id":"a","balance":2}`); a.header.Get("Partita-Degraded") != "" {
		t.Errorf("a synchronous write says %v", a.header)
	}
	if a := n.must(t, 200, "GET", "/v1/tolerant/a", ""); !strings.Contains(a.body.String(), `"balance":2`) || !strings.Contains(a.header.Get("Partita-Degraded"), "bus; state=degraded; since=@") {
		t.Errorf("%v %s", a.header, a.body.String())
	}
	if a := n.must(t, 201, "POST", "/v1/note", `{"account_id":"a","amount":5}`, "Prefer", "respond-async"); a.header.Get("Preference-Applied") != "" || !strings.Contains(a.header.Get("Partita-Degraded"), "effect=at-once") {
		t.Errorf("an insert says %v", a.header)
	}
	if a := n.must(t, 503, "POST", "/v1/add", `{"account_id":"a","amount":5}`, "Prefer", "respond-async"); a.header.Get("Retry-After") == "" || !strings.Contains(a.header.Get("Partita-Degraded"), "effect=refused") {
		t.Errorf("an update says %v", a.header)
	}
	n.must(t, 200, "POST", "/v1/add", `{"account_id":"a","amount":5}`) // not to be accepted, but done
	n.must(t, 200, "GET", "/readyz", "")

	if err := n.bus.mend(); err != nil {
		t.Fatal(err)
	}
	well := until(t, n, func(s observe.Snapshot) bool { return s.State.State == health.OK })
	if episode(well, health.Bus).Ended != "it answers again" {
		t.Errorf("the history is %+v", well.History)
	}
	if began, ended := lines.count("bus is degraded"), lines.count("bus is ok again", "lasted="); began != 1 || ended != 1 {
		t.Errorf("the log has %d lines of the beginning and %d of the end", began, ended)
	}
	n.must(t, 202, "POST", "/v1/add", `{"account_id":"a","amount":5}`, "Prefer", "respond-async")
}

// TestANodeWithoutItsStoreIsReadyUnlessAnotherHasIt cuts one node of three off from the database, then all
// of them.
func TestANodeWithoutItsStoreIsReadyUnlessAnotherHasIt(t *testing.T) {
	f, _ := startDegrading(t, 3)
	ready := func(n *fleetNode) bool { return n.ask(t.Context(), "GET", "/readyz", "").status == 200 }
	if err := f.nodes[0].store.sever(silent); err != nil {
		t.Fatal(err)
	}
	until(t, f.nodes[0], func(observe.Snapshot) bool { return !ready(f.nodes[0]) })
	if !ready(f.nodes[1]) || !ready(f.nodes[2]) {
		t.Error("nodes that have the store are not ready")
	}
	if err := f.nodes[0].store.mend(); err != nil {
		t.Fatal(err)
	}
	until(t, f.nodes[0], func(observe.Snapshot) bool { return ready(f.nodes[0]) })

	database.Freeze()
	defer database.Thaw()
	down := 0
	until(t, f.nodes[0], func(s observe.Snapshot) bool {
		unready := 0
		for _, n := range f.nodes {
			if !ready(n) {
				unready++
			}
		}
		if unready == len(f.nodes) {
			t.Error("no node is ready")
			return true
		}
		down = 0
		for _, other := range s.Nodes {
			for _, c := range other.Components {
				if c.Name == health.Store && c.State == health.Down {
					down++
				}
			}
		}
		return down == len(f.nodes) && unready == 0
	})
}
