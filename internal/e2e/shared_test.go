package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/redistest"
)

// startSharing runs nodes that share a Redis, and waits until they use it.
func startSharing(t *testing.T, seed uint64, timeout time.Duration) (*fleet, *redistest.Server) {
	t.Helper()
	s := redistest.New(t)
	f := startFleet(t, 3, places, seed, func(_ int, c *partita.Config) {
		c.Admin, c.SharedCache, c.SharedCacheTimeout = "127.0.0.1:0", s.URL(), timeout
	})
	f.sharing(t, observe.OK)
	return f, s
}

// sharing waits until all nodes say that their shared cache is so.
func (f *fleet) sharing(t *testing.T, want observe.State) {
	t.Helper()
	for _, n := range f.nodes {
		until(t, n, func(s observe.Snapshot) bool {
			for _, c := range s.Components {
				if c.Name == "shared cache" {
					return c.State == want
				}
			}
			return false
		})
	}
}

// lease is how long the others leave a load to the node that began it.
const lease = 500 * time.Millisecond

// TestManyReadersLoadOnceOverAllNodes lets a thousand readers ask three nodes for one answer whose time is
// over: one node loads it, the others take it from the cache that they share, and say so.
func TestManyReadersLoadOnceOverAllNodes(t *testing.T) {
	f, _ := startSharing(t, 1, 5*time.Second)
	fed := map[int]bool{} // nodes that took an answer from the shared cache
	for n := 1; n <= 5; n++ {
		if a := f.nodes[0].ask(t.Context(), "POST", "/v1/count", fmt.Sprintf(`{"place_id":"p","n":%d}`, n)); a.status >= 300 {
			t.Fatal(a.status, a.body.String())
		}
		for _, node := range f.nodes {
			node.ask(t.Context(), "GET", "/v1/recent/p", "")
		}
		wait(1100 * time.Millisecond) // fresh is 1 s
		var (
			mu     sync.Mutex
			loads  int
			shared = map[int]bool{}
			wg     sync.WaitGroup
			begin  = make(chan struct{})
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
				if strings.Contains(status, "shared; hit") {
					shared[node], fed[node] = true, true
					if a.header.Get("Age") == "" {
						t.Errorf("an answer without its age: %s", status)
					}
				} else if strings.HasSuffix(status, "partita; fwd=miss") {
					loads++
				}
			})
		}
		began := time.Now()
		close(begin)
		wg.Wait()
		took := time.Since(began)
		most, quick := 1+over(began), took < lease
		if !quick { // a load that took so long may have been made by the others too
			most *= len(f.nodes)
		}
		if loads < 1 || loads > most || quick && len(shared) != len(f.nodes)-1 {
			t.Errorf("within %v the answer was loaded %d times, and %d nodes took it from the shared cache", took, loads, len(shared))
		}
	}
	for i, n := range f.nodes { // one node may have been the one to load each time
		if s := status(t, n); s.Shared == nil || s.Shared.Hits > 0 != fed[i] || s.Shared.P99 <= 0 {
			t.Errorf("the status does not show the shared cache: %+v", s.Shared)
		}
	}
}

// TestTheSharedCacheFails watches nodes under writes while their Redis is killed and frozen and they are
// restarted: no answer older than its bound, none missing, and all is well again by itself.
func TestTheSharedCacheFails(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f, s := startSharing(t, seed, 25*time.Millisecond)
	c := newChecker(t, f, 24)
	var hits uint64
	c.run(seed, 6, 12, func() {
		r := rand.New(rand.NewPCG(seed, 4))
		for round := range 4 {
			wait(500 * time.Millisecond)
			if round%2 == 0 {
				s.Freeze()
			} else {
				s.Kill()
			}
			f.sharing(t, observe.Degraded)
			wait(300 * time.Millisecond)
			if round%2 == 0 {
				s.Thaw()
			} else if err := s.Run(); err != nil {
				t.Error(err)
			}
			f.sharing(t, observe.OK)
			f.nodes[r.IntN(len(f.nodes))].replace(t, places)
			f.sharing(t, observe.OK)
		}
		wait(time.Second)
		eventually(t, "there were enough answers to say something, of the shared cache among them", func() bool {
			hits = 0
			for _, n := range f.nodes {
				hits += status(t, n).Shared.Hits
			}
			return hits > 0 && c.reads.Load() >= 2000 || t.Failed()
		})
	})
	c.settle()
	t.Logf("%d answers, %d of them too old, %d requests without an answer, %d writes; the shared cache answered %d times",
		c.reads.Load(), c.old.Load(), c.failed.Load(), c.writes.Load(), hits)
	if c.failed.Load() > 0 {
		t.Errorf("%d requests failed", c.failed.Load())
	}
}
