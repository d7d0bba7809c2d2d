package e2e

import (
	"fmt"
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
