package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/observe"
)

func status(t *testing.T, n *fleetNode) (s observe.Snapshot) {
	t.Helper()
	res, err := http.Get("http://" + n.AdminAddr() + "/status?window=1h")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// until asks for the status again and again until it is as it should be.
func until(t *testing.T, n *fleetNode, so func(s observe.Snapshot) bool) observe.Snapshot {
	t.Helper()
	for began := time.Now(); ; wait(50 * time.Millisecond) {
		s := status(t, n)
		if so(s) {
			return s
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the status never became what it should: %+v; %+v; %+v", s.State, s.Components, s.Nodes)
		}
	}
}

// TestAnyNodeShowsAll gives each of three nodes other work, and asks one of them about all.
func TestAnyNodeShowsAll(t *testing.T) {
	f := startFleet(t, 3, places, 1, func(_ int, c *partita.Config) { c.Admin = "127.0.0.1:0" })
	for i, n := range f.nodes {
		for k := range 10 * (i + 1) {
			n.ask(t.Context(), "POST", "/v1/count", fmt.Sprintf(`{"place_id":"p%d","n":%d}`, i, k))
			n.ask(t.Context(), "GET", fmt.Sprintf("/v1/recent/p%d", i), "")
		}
	}
	for _, n := range f.nodes {
		s := until(t, n, func(s observe.Snapshot) bool { return s.Merged == 3 && s.Total.Requests == 120 })
		if len(s.Nodes) != 3 || s.Nodes[0].Name != "n0" || s.Nodes[0].Total.Requests != 20 || s.Nodes[2].Total.Requests != 60 {
			t.Errorf("%+v", s.Nodes)
		}
	}
	// One that says nothing for five seconds is gone, and comes back.
	if err := f.nodes[2].bus.sever(silent); err != nil {
		t.Fatal(err)
	}
	s := until(t, f.nodes[0], func(s observe.Snapshot) bool { return s.Nodes[2].Gone && s.Merged == 2 })
	if s.Nodes[2].Since == nil || s.Total.Requests != 60 {
		t.Errorf("%d requests, %+v", s.Total.Requests, s.Nodes[2])
	}
	if err := f.nodes[2].bus.mend(); err != nil {
		t.Fatal(err)
	}
	until(t, f.nodes[0], func(s observe.Snapshot) bool { return s.Merged == 3 && s.Total.Requests == 120 })
	// One that stops says so itself.
	if err := f.nodes[1].Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	until(t, f.nodes[0], func(s observe.Snapshot) bool { return s.Nodes[1].Left && s.Merged == 2 })
}

// TestFeedsHearOfOtherNodes follows a place at one node and writes at another, with a bus between them,
// without, and while the reader's node is cut off from it.
func TestFeedsHearOfOtherNodes(t *testing.T) {
	source := places + "feeds:\n  place: {of: [mark]}\n"
	for _, bus := range []string{"there", "none", broken, silent} {
		t.Run("bus "+bus, func(t *testing.T) {
			f := startFleet(t, 2, source, 1, func(_ int, c *partita.Config) {
				if bus == "none" {
					c.Bus = nil
				}
			})
			write := func(n int) {
				if a := f.nodes[0].ask(t.Context(), "POST", "/v1/count", fmt.Sprintf(`{"place_id":"p","n":%d}`, n)); a.status >= 300 {
					t.Fatal(a.status, a.body.String())
				}
			}
			write(1)
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second) // a feed looks into the log by itself each 15 s
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", f.nodes[1].listen(t)+"/v1/feeds/place/p", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "text/event-stream")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if bus == broken || bus == silent {
				if err := f.nodes[1].bus.sever(bus); err != nil {
					t.Fatal(err)
				}
			}
			write(2)
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() {
				if strings.Contains(lines.Text(), `"n":2`) {
					return
				}
			}
			t.Fatal("the feed ends without the change: ", lines.Err())
		})
	}
}
