package observe_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
)

// peerOf is a node as another sees it, through its exported parts in any order.
func peerOf(t *testing.T, r *observe.Recorder, w observe.Window, most int) observe.Peer {
	t.Helper()
	p := observe.Peer{Node: r.Self(), Figures: &observe.Figures{}}
	parts := r.Export(w, most)
	slices.Reverse(parts)
	for _, part := range parts {
		read, ok := observe.ReadPart(part)
		if !ok {
			t.Fatal("a part cannot be read")
		}
		p.Figures.Add(read)
	}
	return p
}

// TestFiguresOfManyNodesAreThoseOfOne gives samples to three nodes, one of them much slower than the
// others, and all of them to a fourth: the three together must show what the one shows.
func TestFiguresOfManyNodesAreThoseOfOne(t *testing.T) {
	for _, most := range []int{1 << 20, 600} {
		synctest.Test(t, func(t *testing.T) {
			m := shop()
			var nodes [3]*observe.Recorder
			for i := range nodes {
				nodes[i] = observe.New(observe.Config{Model: m, Node: string(rune('a' + i))})
				defer nodes[i].Close()
			}
			one := observe.New(observe.Config{Model: m, Node: "one"})
			defer one.Close()
			random := rand.New(rand.NewPCG(7, 7))
			for second := range 90 {
				for i, n := range nodes {
					for range 20 * (i + 1) {
						d := time.Duration(math.Exp(random.NormFloat64()) * float64(time.Millisecond) * math.Pow(10, float64(i)))
						s := engine.ReadSample{Outcome: cache.Outcome(random.IntN(6)), Total: d, Store: d / 2, Age: time.Second}
						if random.IntN(10) == 0 {
							s.Code = fault.Unavailable
						}
						w := engine.WriteSample{Total: d, Store: d, Replayed: second%2 == 0}
						for _, r := range []*observe.Recorder{n, one} {
							r.Read(m.Reads[0], s)
							r.Write(m.Writes[0], w)
							r.Metric(m.Metrics[0], nil, 2)
						}
					}
				}
				pass(time.Second)
			}
			for _, w := range []observe.Window{observe.Last10s, observe.Last1m, observe.Last5m, observe.SinceStart} {
				want := one.Snapshot(t.Context(), w)
				got := nodes[1].Snapshot(t.Context(), w, peerOf(t, nodes[0], w, most), peerOf(t, nodes[2], w, most))
				if got.Merged != 3 || len(got.Nodes) != 3 || got.Node != "b" || !got.Nodes[1].This {
					t.Fatalf("%s: %d merged, nodes %+v", w, got.Merged, got.Nodes)
				}
				round(got.Reads, got.Writes)
				round(want.Reads, want.Writes)
				for name, pair := range map[string][2]any{
					"latency": {got.Total.Latency, want.Total.Latency}, "requests": {got.Total.Requests, want.Total.Requests},
					"reads": {got.Reads, want.Reads}, "writes": {got.Writes, want.Writes},
					"business":    {got.Business[0].Total, want.Business[0].Total},
					"window":      {got.Business[0].Window, want.Business[0].Window},
					"p99 by step": {got.Chart.P99, want.Chart.P99}, "p50 by step": {got.Chart.P50, want.Chart.P50},
				} {
					if !reflect.DeepEqual(pair[0], pair[1]) {
						t.Errorf("%s: %s of three nodes is %+v, of one %+v", w, name, pair[0], pair[1])
					}
				}
				if slow, fast := got.Nodes[2].Total.P50, got.Nodes[0].Total.P50; slow < 20*fast {
					t.Errorf("%s: the nodes' own figures are lost: p50 %v and %v", w, fast, slow)
				}
			}
		})
	}
}

// round takes from rates what adding in another order changes.
func round(lists ...[]observe.Pattern) {
	for _, list := range lists {
		for i := range list {
			list[i].Rate = math.Round(list[i].Rate*1e6) / 1e6
			for j := range list[i].Trend {
				list[i].Trend[j] = math.Round(list[i].Trend[j]*1e6) / 1e6
			}
		}
	}
}

func TestNodesThatAreGoneCountNoMore(t *testing.T) {
	m := shop()
	r := observe.New(observe.Config{Model: m, Node: "a"})
	defer r.Close()
	other := observe.New(observe.Config{Model: m, Node: "b"})
	defer other.Close()
	other.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Millisecond})
	p := peerOf(t, other, observe.SinceStart, 1<<20)
	p.Gone = true
	s := r.Snapshot(t.Context(), observe.SinceStart, p, observe.Peer{Node: observe.Node{Name: "c"}})
	if s.Merged != 1 || s.Total.Requests != 0 || len(s.Nodes) != 3 || s.Nodes[1].Total != nil || !s.Nodes[1].Gone {
		t.Errorf("%d merged, %d requests, %+v", s.Merged, s.Total.Requests, s.Nodes)
	}
	// Figures of one window say nothing about another.
	p.Gone = false
	if s := r.Snapshot(t.Context(), observe.Last1h, p); s.Merged != 1 {
		t.Errorf("figures since the start were taken for those of an hour")
	}
}

// FuzzFigures gives bytes that another node might send: whatever they are, nothing breaks.
func FuzzFigures(f *testing.F) {
	m := shop()
	r := observe.New(observe.Config{Model: m})
	r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Millisecond})
	f.Cleanup(func() { r.Close() })
	for _, part := range r.Export(observe.SinceStart, 1<<20) {
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, part []byte) {
		p := observe.Peer{Figures: &observe.Figures{}}
		if read, ok := observe.ReadPart(part); ok {
			p.Figures.Add(read)
			if _, err := json.Marshal(r.Snapshot(t.Context(), observe.SinceStart, p)); err != nil {
				t.Error(err)
			}
		}
	})
}
