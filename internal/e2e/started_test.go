package e2e

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/observe"
)

const tallies = `service: tallies
partitions: {box: {by: box_id, type: string(20), expect: 100}}
entities: {mark: {in: box, key: n, fields: {n: {type: int, default: next}, color: string(10)}}}
views: {colors: {from: mark, by: color, fold: {marks: count}}}
reads: {color: {get: colors, fresh: 30s}}
writes: {add: {insert: mark, input: [color]}}
`

// TestAStartedNodeAnswersViews takes a node away and brings it back, again and again, while another one
// is written to: once it is there it knows how old the views are, and answers.
func TestAStartedNodeAnswersViews(t *testing.T) {
	f := startFleet(t, 2, tallies, 1, nil)
	add := func(i int) int {
		return f.nodes[0].ask(t.Context(), "POST", "/v1/add", fmt.Sprintf(`{"box_id":"box-%d","color":"red"}`, i%50)).status
	}
	add(0)
	eventually(t, "the view has the first mark", func() bool {
		return f.nodes[1].ask(t.Context(), "GET", "/v1/color/red", "").status == 200
	})
	var writing sync.WaitGroup
	stop := make(chan struct{})
	for w := range 2 {
		writing.Go(func() {
			for i := w; ; i += 2 {
				select {
				case <-stop:
					return
				default:
					if status := add(i); status != 201 {
						t.Errorf("a write was answered %d", status)
						return
					}
				}
			}
		})
	}
	for range 5 {
		f.nodes[1].replace(t, tallies)
		if a := f.nodes[1].ask(t.Context(), "GET", "/v1/color/red", ""); a.status != 200 {
			t.Errorf("just started, the node answers %d %s", a.status, a.body.String())
		}
	}
	close(stop)
	writing.Wait()
}

// TestNodesShareWhatFollowsCommits starts three nodes one after the other: the first one does all the
// work behind commits for a moment, and then each about a third.
func TestNodesShareWhatFollowsCommits(t *testing.T) {
	f := startFleet(t, 3, tallies, 1, func(_ int, c *partita.Config) { c.Admin = "127.0.0.1:0" })
	until(t, f.nodes[0], func(s observe.Snapshot) bool {
		sum := 0
		for _, n := range s.Nodes {
			if n.Shards < 4 || n.Shards > 6 {
				return false
			}
			sum += n.Shards
		}
		return len(s.Nodes) == 3 && sum == 16
	})
}

// TestAnyNodeTellsWhoIsNotTold lets a webhook refuse its events: whichever node is asked says how many
// wait over all, and why.
func TestAnyNodeTellsWhoIsNotTold(t *testing.T) {
	source := strings.Replace(tallies, "input: [color]}", "input: [color], emit: added}", 1) + `events: {added: {data: [mark.color], deliver: "http://127.0.0.1:1/hook"}}` + "\n"
	f := startFleet(t, 2, source, 1, func(_ int, c *partita.Config) {
		c.Admin = "127.0.0.1:0"
		c.Webhooks.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Webhooks.Secrets = []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	})
	const events = 20
	for i := range events {
		if a := f.nodes[0].ask(t.Context(), "POST", "/v1/add", fmt.Sprintf(`{"box_id":"box-%d","color":"red"}`, i)); a.status != 201 {
			t.Fatal(a.status, a.body.String())
		}
	}
	for _, n := range f.nodes {
		until(t, n, func(s observe.Snapshot) bool {
			return slices.ContainsFunc(s.Endpoints, func(e observe.EndpointFigures) bool {
				return e.Name == "127.0.0.1:1" && e.Waiting == events && e.Failures > 0 && strings.Contains(e.Failed, "refused")
			})
		})
	}
}
