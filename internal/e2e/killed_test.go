package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTheDatabaseIsKilled kills PostgreSQL with all its backends, again and again, under writes on three
// nodes that share it. Callers repeat what was not answered, under its key, at any node. In the end
// every write must be there once.
func TestTheDatabaseIsKilled(t *testing.T) {
	kills := 3
	if soak() {
		kills = 20
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := startFleet(t, 3, ledger, seed, nil)
	const writers = 8
	var (
		wg      sync.WaitGroup
		stopped atomic.Bool
		done    [writers]int // acknowledged additions of 1 to the writer's own account
		written atomic.Int64
		again   atomic.Int64
	)
	for i := range writers {
		account := fmt.Sprintf("a%d", i)
		if a := f.nodes[0].ask(t.Context(), "POST", "/v1/set", fmt.Sprintf(`{"account_id":%q,"balance":0}`, account)); a.status >= 300 {
			t.Fatal(a.status, a.body.String())
		}
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for !stopped.Load() {
				key := fmt.Sprintf(`"%s-%d"`, account, done[i])
				for {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					a := f.nodes[r.IntN(3)].ask(ctx, "POST", "/v1/add", fmt.Sprintf(`{"account_id":%q,"amount":1}`, account), "Idempotency-Key", key)
					cancel()
					if a.status < 300 {
						done[i]++
						written.Add(1)
						break
					}
					if a.status < 500 && a.status != 409 || t.Context().Err() != nil {
						t.Errorf("%d %s", a.status, a.body.String())
						return
					}
					again.Add(1)
					wait(time.Duration(5+r.IntN(20)) * time.Millisecond)
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(seed, 99))
	var back []time.Duration
	for range kills {
		wait(time.Duration(300+r.IntN(700)) * time.Millisecond)
		database.Kill()
		wait(time.Duration(r.IntN(500)) * time.Millisecond)
		if err := database.Run(); err != nil {
			t.Fatal(err)
		}
		back = append(back, f.serves(t))
	}
	eventually(t, "enough is written to say something", func() bool { return written.Load() >= int64(10*kills) || t.Failed() })
	stopped.Store(true)
	wg.Wait()
	slices.Sort(back)
	t.Logf("after the database was back, all nodes wrote again within %v (median), %v (worst); %d requests were repeated", back[len(back)/2], back[len(back)-1], again.Load())
	total := 0
	for i, want := range done {
		total += want
		for _, n := range f.nodes {
			var doc struct{ Balance int }
			a := n.ask(t.Context(), "GET", fmt.Sprintf("/v1/balance/a%d", i), "")
			for deadline := time.Now().Add(20 * time.Second); a.status == http.StatusServiceUnavailable && time.Now().Before(deadline); {
				wait(50 * time.Millisecond) // a node finds out by itself that reads are answered again
				a = n.ask(t.Context(), "GET", fmt.Sprintf("/v1/balance/a%d", i), "")
			}
			if err := json.Unmarshal(a.body.Bytes(), &doc); err != nil || doc.Balance != want {
				t.Errorf("account a%d has %d, %d additions were acknowledged (%d %v)", i, doc.Balance, want, a.status, err)
			}
		}
	}
	t.Logf("%d writes, each there once after %d kills", total, kills)
}

// serves waits until each node has carried out a write, and gives how long that took.
func (f *fleet) serves(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	for i, n := range f.nodes {
		for {
			a := n.ask(t.Context(), "POST", "/v1/set", fmt.Sprintf(`{"account_id":"probe%d","balance":1}`, i))
			if a.status < 300 {
				break
			}
			if time.Since(began) > time.Minute {
				t.Fatalf("node %d does not come back: %d %s", i, a.status, a.body.String())
			}
			wait(5 * time.Millisecond)
		}
	}
	return time.Since(began).Round(time.Millisecond)
}
