package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/cache/internal/rules"
	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/internal/redistest"
	"github.com/partita-dev/partita/model"
)

// TestPromisesWhileRedisFails lets three nodes read and write, with messages between them that are
// late, lost and out of order, while the server is killed, frozen and started again, and holds every
// answer against the promises of the cache.
func TestPromisesWhileRedisFails(t *testing.T) {
	s := redistest.New(t)
	w := &world{TB: t, began: time.Now()}
	for i := range w.nodes {
		tier := connected(t, redis.Config{URL: s.URL(), Timeout: 20 * time.Millisecond, Lease: 50 * time.Millisecond, Wait: 75 * time.Millisecond, MaxCalls: 16})
		w.nodes[i] = &worldNode{node: tier, cache: cache.New(cache.Config{Bytes: 1 << 20, Tier: tier})}
		t.Cleanup(w.nodes[i].cache.Close)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for i := range w.nodes {
		for range 4 {
			work.Go(func() { w.reads(ctx, i) })
		}
		work.Go(func() { w.writes(ctx, i) })
	}
	for round := range 4 {
		if round%2 == 0 {
			s.Kill()
		} else {
			s.Freeze()
		}
		for _, n := range w.nodes {
			n.becomes(t, false)
		}
		if round%2 == 0 {
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
		} else {
			s.Thaw()
		}
		for _, n := range w.nodes {
			n.becomes(t, true)
			before := n.cache.Stats().Offers
			for n.cache.Stats().Offers < before+20 && n.State().OK && ctx.Err() == nil {
				time.Sleep(time.Millisecond) // the readers bring it about
			}
		}
	}
	cancel()
	work.Wait()
	var offers, unfit, loads uint64
	for _, n := range w.nodes {
		st := n.cache.Stats()
		offers, unfit, loads = offers+st.Offers, unfit+st.Unfit, loads+st.Loads
	}
	t.Logf("%d reads, %d versions, %d loads, %d answers of the second tier taken, %d not", w.count.Load(), w.history.Head(), loads, offers, unfit)
}

// A world is the store and its nodes. Times are nanoseconds since it began.
type world struct {
	testing.TB
	began time.Time
	nodes [3]*worldNode
	count atomic.Int64

	mu      sync.Mutex
	history rules.History
}

type worldNode struct {
	*node
	cache *cache.Cache
	told  [rules.Tags]atomic.Int64
}

const (
	worldAnswers = 6
	worldFresh   = 400 * time.Millisecond
)

func (w *world) now() int { return int(time.Since(w.began)) }

func (w *world) apply(n *worldNode, version, tag int) {
	n.cache.Apply(cache.Message{Partition: "p", Version: uint64(version), Tags: []model.Tag{model.Tag(tag)}})
	for {
		old := n.told[tag].Load()
		if old >= int64(version) || n.told[tag].CompareAndSwap(old, int64(version)) {
			return
		}
	}
}

// writes commits, tells its own node at once, and the others late or never.
func (w *world) writes(ctx context.Context, i int) {
	for ctx.Err() == nil {
		pause(ctx, rand.N(60*time.Millisecond))
		tag := rand.IntN(rules.Tags)
		w.mu.Lock()
		version := w.history.Commit(tag)
		w.mu.Unlock()
		w.apply(w.nodes[i], version, tag)
		for j, n := range w.nodes {
			if j != i && rand.IntN(8) > 0 {
				time.AfterFunc(rand.N(10*time.Millisecond), func() { w.apply(n, version, tag) })
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

type worldLoader struct {
	w     *world
	which int
}

func (l worldLoader) Share() cache.Share {
	return cache.Share{Key: fmt.Sprintf("partita:world:{%d}", l.which), Fresh: worldFresh, Stale: 2 * worldFresh}
}

func (l worldLoader) Load(context.Context) (*cache.Answer, error) {
	before := time.Now()
	l.w.mu.Lock()
	version, taken := l.w.history.Head(), l.w.now()
	l.w.mu.Unlock()
	return &cache.Answer{Found: true, Version: uint64(version), Time: before, ETag: strconv.Itoa(taken)}, nil
}

func (w *world) reads(ctx context.Context, i int) {
	n := w.nodes[i]
	for ctx.Err() == nil {
		pause(ctx, rand.N(time.Millisecond))
		which := rand.IntN(worldAnswers)
		tag := which % rules.Tags
		g := rules.Given{Tag: tag, Arrived: w.now(), Delivered: int(n.told[tag].Load()), Terms: rules.Terms{Fresh: int(worldFresh)}}
		terms := cache.Terms{Fresh: worldFresh}
		if rand.IntN(4) == 0 {
			w.mu.Lock()
			g.Terms.Min = w.history.Head()
			w.mu.Unlock()
			terms.Min = uint64(g.Terms.Min)
		}
		g.Outcome = rules.Hit
		key := strconv.Itoa(which)
		a, o, ok := n.cache.Lookup([]byte("p"), []byte(key), terms)
		if o == cache.Refreshed {
			n.cache.Refresh("p", key, model.Tag(tag), worldLoader{w, which})
		}
		if !ok {
			var err error
			a, o, err = n.cache.Load(ctx, "p", key, model.Tag(tag), terms, worldLoader{w, which})
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				w.Errorf("a read failed: %v", err)
				return
			}
			if g.Outcome = rules.Loaded; o == cache.Hit {
				g.Outcome = rules.Hit
			}
		}
		taken, err := strconv.Atoi(a.ETag)
		if err != nil {
			w.Error(err)
			return
		}
		// Between the cache's look at the clock and this one any time may pass: it is not held against it.
		g.Version, g.Taken, g.Now = int(a.Version), taken, g.Arrived
		w.mu.Lock()
		why := w.history.Breach(g)
		w.mu.Unlock()
		if why != "" {
			w.Errorf("node %d, answer %d, outcome %d, visit %d: %s", i, which, o, a.Visit, why)
			return
		}
		w.count.Add(1)
	}
}
