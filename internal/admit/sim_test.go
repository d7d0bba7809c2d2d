package admit

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// A simulated store, in virtual time: do returns when something is done.
type simulated interface {
	do()
	peak() float64 // per second
}

// workers is a store of some that work at the same time.
type workers struct {
	free chan struct{}
	each time.Duration
}

func newWorkers(n int, each time.Duration) *workers { return &workers{make(chan struct{}, n), each} }

func (w *workers) do() {
	w.free <- struct{}{}
	time.Sleep(time.Duration(float64(w.each) * (0.5 + rand.Float64())))
	<-w.free
}

func (w *workers) peak() float64 { return float64(cap(w.free)) / w.each.Seconds() }

// grouped is a store that commits what waits together: a commit costs once, and something for each.
type grouped struct {
	commit, each time.Duration
	most         int

	mu      sync.Mutex
	waiting []chan struct{}
	running bool
}

func (g *grouped) do() {
	done := make(chan struct{})
	g.mu.Lock()
	g.waiting = append(g.waiting, done)
	if !g.running {
		g.running = true
		go g.run()
	}
	g.mu.Unlock()
	<-done
}

func (g *grouped) run() {
	for {
		g.mu.Lock()
		n := min(g.most, len(g.waiting))
		if n == 0 {
			g.running = false
			g.mu.Unlock()
			return
		}
		group := slices.Clone(g.waiting[:n])
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		time.Sleep(g.commit + time.Duration(n)*g.each)
		for _, done := range group {
			close(done)
		}
	}
}

func (g *grouped) peak() float64 {
	return float64(g.most) / (g.commit + time.Duration(g.most)*g.each).Seconds()
}

// stream is a load of one kind, and what came of it from some time on.
type stream struct {
	rate float64
	ask  func(i int) Ask

	mu          sync.Mutex
	done, asked int
	took        []time.Duration
}

func (x *stream) p99() time.Duration {
	if len(x.took) == 0 {
		return 0
	}
	slices.Sort(x.took)
	return x.took[len(x.took)*99/100]
}

// offer sends requests without waiting for answers, and counts those that were asked after from.
func offer(g *Gate, s simulated, from, length time.Duration, streams ...*stream) {
	var all sync.WaitGroup
	began := time.Now()
	for _, x := range streams {
		all.Go(func() {
			next := began
			for i := 0; ; i++ {
				next = next.Add(time.Duration(rand.ExpFloat64() / x.rate * float64(time.Second)))
				if next.Sub(began) > length {
					return
				}
				time.Sleep(time.Until(next))
				// What is asked at the very end is helped by nothing coming behind it.
				counted := next.Sub(began) >= from && next.Sub(began) < length-2*shortPatience
				all.Go(func() { x.one(g, s, i, counted) })
			}
		})
	}
	all.Wait()
}

func (x *stream) one(g *Gate, s simulated, i int, counted bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	at := time.Now()
	p, err := g.Enter(ctx, x.ask(i))
	if err == nil {
		s.do()
		p.Leave()
	}
	if !counted {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked++
	if err == nil && time.Since(at) <= time.Second {
		x.done++
		x.took = append(x.took, time.Since(at))
	}
}

var household = &model.Family{Name: "household"}

func partition(i int) store.Partition {
	return store.Partition{Family: household, Value: model.Int(int64(i))}
}

func anybody(p model.Priority) func(int) Ask {
	return func(i int) Ask { return Ask{Priority: p, Partition: partition(i % 100)} }
}

func TestGoodputStaysWhenMoreComesThanCanBeDone(t *testing.T) {
	stores := map[string]func() simulated{
		"two processors":     func() simulated { return newWorkers(2, 2*time.Millisecond) },
		"twenty connections": func() simulated { return newWorkers(20, 20*time.Millisecond) },
		// Of groups those are let in that make them nearly as large as they could be: the last of it would
		// double everybody's wait.
		"groups": func() simulated { return &grouped{commit: 4 * time.Millisecond, each: time.Millisecond, most: 64} },
	}
	for name, made := range stores {
		for _, k := range []float64{2, 10} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, g := made(), NewGate(GateConfig{})
					x := &stream{rate: k * s.peak(), ask: anybody(model.Normal)}
					const from, length = 3 * time.Second, 5 * time.Second
					offer(g, s, from, length, x)
					goodput := float64(x.done) / (length - from - 2*shortPatience).Seconds() / s.peak()
					t.Logf("at %v times the load: goodput %.3f of the peak, p99 %v, limit %.1f", k, goodput, x.p99(), g.climber.base)
					if goodput < 0.8 {
						t.Errorf("at %v times the load goodput is %.3f of the peak", k, goodput)
					}
					if p99 := x.p99(); p99 > shortPatience+300*time.Millisecond {
						t.Errorf("at %v times the load p99 of what was let in is %v", k, p99)
					}
				})
			})
		}
	}
}

func TestCriticalOnesSucceedWhileBulkComesAtTwelveTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newWorkers(4, 4*time.Millisecond), NewGate(GateConfig{})
		critical := &stream{rate: 0.3 * s.peak(), ask: anybody(model.Critical)}
		bulk := &stream{rate: 12 * s.peak(), ask: anybody(model.Bulk)}
		offer(g, s, time.Second, 5*time.Second, critical, bulk)
		if critical.done < critical.asked*999/1000 {
			t.Errorf("of %d critical ones %d succeeded", critical.asked, critical.done)
		}
		if share := float64(bulk.done) / 3.8 / s.peak(); share < 0.5 {
			t.Errorf("bulk got %.2f of the peak, which critical ones left", share)
		}
	})
}

func TestOnePartitionDoesNotStarveItsNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := func(hot float64) *stream {
			s, g := newWorkers(4, 4*time.Millisecond), NewGate(GateConfig{})
			neighbours := &stream{rate: 0.5 * s.peak(), ask: anybody(model.Normal)}
			streams := []*stream{neighbours}
			if hot > 0 {
				streams = append(streams, &stream{rate: hot * s.peak(), ask: func(int) Ask { return Ask{Priority: model.Normal, Partition: partition(1000)} }})
			}
			offer(g, s, 5*time.Second, 8*time.Second, streams...)
			return neighbours
		}
		before, after := alone(0), alone(10)
		if after.done < after.asked*999/1000 {
			t.Errorf("of %d of the neighbours' %d succeeded", after.asked, after.done)
		}
		t.Logf("neighbours' p99 %v without, %v beside a partition at ten times the load", before.p99(), after.p99())
		// How much of the store's queue they share depends on where the limit happens to be in these seconds.
		// The queue of the large partition, in which one waits until one is refused, they never share.
		if after.p99() > before.p99()+shortPatience {
			t.Errorf("neighbours' p99 is %v without, %v beside a partition at ten times the load", before.p99(), after.p99())
		}
	})
}

func TestItIsAsBeforeSoonAfterAnOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newWorkers(4, 4*time.Millisecond), NewGate(GateConfig{})
		offer(g, s, 0, 5*time.Second, &stream{rate: 10 * s.peak(), ask: anybody(model.Normal)})
		if !g.Figures().Overloaded && g.Figures().Classes[1].Refused == 0 {
			t.Error("there was no overload")
		}
		x := &stream{rate: 0.8 * s.peak(), ask: anybody(model.Normal)}
		offer(g, s, 500*time.Millisecond, 2*time.Second, x)
		if x.done < x.asked*99/100 {
			t.Errorf("of %d after the overload %d succeeded", x.asked, x.done)
		}
	})
}

// What is frozen lets nobody in, and nobody waits for long. When it goes on, so does the gate.
func TestNobodyWaitsForLongWhileTheStoreIsFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(GateConfig{Initial: 4})
		thaw := make(chan struct{})
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				p, err := g.Enter(t.Context(), Ask{Priority: model.Normal})
				if err != nil {
					t.Error(err)
					return
				}
				<-thaw
				p.Leave()
			})
		}
		synctest.Wait()
		for range 100 {
			work.Go(func() {
				at := time.Now()
				if _, err := g.Enter(t.Context(), Ask{Priority: model.Normal}); err == nil || time.Since(at) > longPatience {
					t.Errorf("%v after %v", err, time.Since(at))
				}
			})
		}
		time.Sleep(time.Minute)
		close(thaw)
		work.Wait()
		p, err := g.Enter(t.Context(), Ask{Priority: model.Normal})
		if err != nil {
			t.Fatal(err)
		}
		p.Leave()
		if f := g.Figures(); f.Inside != 0 || f.Waiting != 0 {
			t.Errorf("%+v", f)
		}
	})
}
