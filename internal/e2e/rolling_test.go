package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// grown is places after a change that only adds: a field, an index with its read, a write.
var grown = strings.NewReplacer(
	"fields: {k: int, n: int}", "fields: {k: int, n: int, paint: {type: string(10), default: plain}}",
	"writes:\n", "  painted: {list: cell, by: [paint], page: 10, fresh: 1h}\nwrites:\n  paint: {update: cell, input: [paint]}\n",
).Replace(places)

// TestTheModelIsChangedNodeByNode takes one node after the other away, in good order, and brings it back
// with a grown model, under load. No request may fail, and no answer be older than its bound.
func TestTheModelIsChangedNodeByNode(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := startFleet(t, 3, places, seed, nil)
	c := newChecker(t, f, 12)
	c.run(seed, 4, 6, func() {
		for i, n := range f.nodes {
			wait(time.Second)
			n.replace(t, grown)
			if i == 0 {
				sideBySide(t, f, rand.New(rand.NewPCG(seed, 9)))
			}
		}
		wait(time.Second)
	})
	c.settle()
	t.Logf("%d answers, %d of them with a version demanded, %d writes; %d requests failed, %d answers were older than their bound",
		c.reads.Load(), c.demanded.Load(), c.writes.Load(), c.failed.Load(), c.old.Load())
	if c.failed.Load() > 0 {
		t.Error("requests failed")
	}
}

// sideBySide writes with a node of the old model what a node of the new one must not overlook: the new
// one lists rows by a field that the old one does not know.
func sideBySide(t *testing.T, f *fleet, r *rand.Rand) {
	recent, old := f.nodes[0], f.nodes[1]
	must := func(a *reply) string {
		t.Helper()
		if a.status >= 300 {
			t.Fatalf("%d %s", a.status, a.body.String())
		}
		return a.header.Get("Partita-Version")
	}
	must(old.ask(t.Context(), "POST", "/v1/count", `{"place_id":"shared","n":0}`))
	must(recent.ask(t.Context(), "POST", "/v1/paint", `{"place_id":"shared","k":0,"paint":"red"}`))
	for n := 3; n < 300; n += 3 {
		must(recent.ask(t.Context(), "GET", "/v1/painted/shared?paint=red", "")) // it is in the cache now
		token := must(old.ask(t.Context(), "POST", "/v1/count", fmt.Sprintf(`{"place_id":"shared","n":%d}`, n)))
		a := recent.ask(t.Context(), "GET", "/v1/painted/shared?paint=red", "", "Partita-Min-Version", token)
		if got, err := valueOf(a); err != nil || got != n {
			t.Fatalf("a list of the new model shows %d (%v), the old one wrote %d: %s %s", got, err, n, a.header.Get("Cache-Status"), a.body.String())
		}
		if r.IntN(4) == 0 {
			wait(5 * time.Millisecond)
		}
	}
}

// TestManyReadersLoadOncePerNode lets a thousand readers ask three nodes for one answer whose time is
// over: each node loads it once, and all get it. Where it takes so long until all have been answered that
// its time is over again, it is loaded again.
func TestManyReadersLoadOncePerNode(t *testing.T) {
	f := startFleet(t, 3, places, 1, nil)
	for n := 1; n <= 5; n++ {
		if a := f.nodes[0].ask(t.Context(), "POST", "/v1/count", fmt.Sprintf(`{"place_id":"p","n":%d}`, n)); a.status >= 300 {
			t.Fatal(a.status, a.body.String())
		}
		for _, node := range f.nodes {
			node.ask(t.Context(), "GET", "/v1/recent/p", "")
		}
		wait(1100 * time.Millisecond) // fresh is 1 s
		var (
			mu    sync.Mutex
			loads = make([]int, len(f.nodes))
			wg    sync.WaitGroup
			begin = make(chan struct{})
		)
		for i := range 1000 {
			wg.Go(func() {
				<-begin
				node := i % len(f.nodes)
				a := f.nodes[node].ask(t.Context(), "GET", "/v1/recent/p", "")
				got, err := valueOf(a)
				status := a.header.Get("Cache-Status")
				mu.Lock()
				defer mu.Unlock()
				if err != nil || got != n {
					t.Errorf("answered %d %s", a.status, a.body.String())
				}
				if strings.Contains(status, "fwd=miss") && !strings.Contains(status, "collapsed") {
					loads[node]++
				}
			})
		}
		began := time.Now()
		close(begin)
		wg.Wait()
		over := over(began)
		for node, n := range loads {
			if n < 1 || n > 1+over {
				t.Errorf("node %d loaded the answer %d times", node, n)
			}
		}
	}
}

// over gives how often since then the time of an answer was over again, that is fresh for a second: it ends up to a
// sixteenth earlier.
func over(began time.Time) int { return int(time.Since(began) / (time.Second * 15 / 16)) }

// TestAllCachesAreCold starts all nodes again at once, while many ask: nothing but what was asked while no
// node was there may fail, and no answer be wrong.
func TestAllCachesAreCold(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := startFleet(t, 3, places, seed, nil)
	c := newChecker(t, f, 200)
	var warm, cold, took [2]float64
	c.run(seed, 4, 24, func() {
		rate := func() (perSecond float64) {
			before := c.reads.Load()
			wait(1500 * time.Millisecond)
			return float64(c.reads.Load()-before) / 1.5
		}
		for round := range warm {
			wait(500 * time.Millisecond)
			warm[round] = rate()
			began := time.Now()
			for _, n := range f.nodes {
				n.gate.Lock()
			}
			for _, n := range f.nodes {
				if err := n.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				n.start(t)
			}
			took[round] = time.Since(began).Seconds()
			for _, n := range f.nodes {
				n.gate.Unlock()
			}
			cold[round] = rate()
		}
	})
	c.settle()
	t.Logf("answers a second, warm and just after the start with empty caches: %.0f and %.0f, %.0f and %.0f; all were away for %.1f s and %.1f s",
		warm[0], cold[0], warm[1], cold[1], took[0], took[1])
	if c.failed.Load() > 0 || c.old.Load() > 0 {
		t.Errorf("%d requests failed, %d answers were older than their bound", c.failed.Load(), c.old.Load())
	}
}
