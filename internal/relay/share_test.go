package relay_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/relay"
)

// Nodes that are started one after the other come to do about the same share of the work, and what one
// that stops has done goes to the others in equal parts.
func TestNodesShareTheWork(t *testing.T) {
	w := openWorld(t, sourceModel, database.Database(t), t.TempDir(), nil)
	defer w.store.Close()
	var mu sync.Mutex
	nodes := map[string]*relay.Relay{}
	start := func(name string) (stop func()) {
		excess := func(held int) int {
			mu.Lock()
			defer mu.Unlock()
			var others []int
			for other, r := range nodes {
				if other != name {
					others = append(others, r.Held())
				}
			}
			return relay.Excess(held, others...)
		}
		r := relay.New(relay.Config{Books: w.books, Store: w.store, Node: name, LeaseTime: 300 * time.Millisecond, Tick: time.Second, Excess: excess})
		mu.Lock()
		nodes[name] = r
		mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		return sync.OnceFunc(func() {
			cancel()
			<-done
			mu.Lock()
			delete(nodes, name)
			mu.Unlock()
		})
	}
	shared := func() bool {
		mu.Lock()
		defer mu.Unlock()
		sum := 0
		for _, r := range nodes {
			if n := r.Held(); n < relay.Shards/len(nodes)-1 || n > relay.Shards/len(nodes)+1 {
				return false
			}
			sum += r.Held()
		}
		return sum == relay.Shards
	}
	var stops []func()
	for i := range 3 {
		stop := start(fmt.Sprint("node-", i))
		defer stop()
		stops = append(stops, stop)
		until(t, fmt.Sprintf("%d nodes share the work", i+1), shared)
	}
	stops[1]()
	until(t, "two nodes share what three did", shared)
}

func TestExcess(t *testing.T) {
	for _, x := range []struct {
		held   int
		others []int
		want   int
	}{
		{16, nil, 0}, {16, []int{0}, 8}, {16, []int{0, 0}, 10}, {6, []int{6, 4}, 0}, {10, []int{6, 0}, 4}, {6, []int{10, 0}, 0}, {5, []int{5, 6}, 0}, {8, []int{8}, 0},
	} {
		if got := relay.Excess(x.held, x.others...); got != x.want {
			t.Errorf("who holds %d, beside others with %v, leaves %d, not %d", x.held, x.others, got, x.want)
		}
	}
}
