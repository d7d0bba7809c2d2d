package admit

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// full makes a gate through which nothing more goes, and gives what frees one place.
func full(t *testing.T, limit int) (*Gate, func()) {
	t.Helper()
	g := NewGate(GateConfig{Initial: limit, Least: limit, Most: limit})
	var inside []Pass
	for range limit {
		p, err := g.Enter(t.Context(), Ask{Priority: model.Normal, Partition: partition(-1)})
		if err != nil {
			t.Fatal(err)
		}
		inside = append(inside, p)
	}
	return g, func() {
		inside[0].Leave()
		inside = inside[1:]
	}
}

func TestTheOrderInWhichSomebodyIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := full(t, 8)
		var mu sync.Mutex
		var order []int
		var work sync.WaitGroup
		ask := func(name int, p model.Priority, at store.Partition) {
			work.Go(func() {
				pass, err := g.Enter(t.Context(), Ask{Priority: p, Partition: at})
				if err != nil {
					t.Error(name, err)
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				time.Sleep(time.Hour) // stays inside
				pass.Leave()
			})
			synctest.Wait()
		}
		ask(1, model.Normal, partition(1))
		ask(2, model.Normal, partition(1))
		ask(3, model.Normal, partition(1))
		ask(4, model.Normal, partition(2))
		ask(5, model.Bulk, partition(3))
		// Partition 1 waits the longest; then comes 2, which has nothing inside yet. Bulk leaves room.
		for range 5 {
			free()
			synctest.Wait()
		}
		want := []int{1, 4, 2, 3}
		mu.Lock()
		got := append([]int(nil), order...)
		mu.Unlock()
		if len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
			t.Errorf("let in %v, want %v", got, want)
		}
		free()
		synctest.Wait()
		free()
		work.Wait()
		if len(order) != 5 || order[4] != 5 {
			t.Errorf("let in %v", order)
		}
	})
}

func TestTheNewestComeFirstWhenMoreComesThanCanBeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := full(t, 8)
		var first atomic.Int64
		var work sync.WaitGroup
		ask := func(name int64) {
			work.Go(func() {
				p, err := g.Enter(t.Context(), Ask{Priority: model.Normal, Partition: partition(1)})
				if err == nil {
					first.CompareAndSwap(0, name)
					p.Leave()
				}
			})
			synctest.Wait()
		}
		ask(1)
		time.Sleep(overloadAfter / 2)
		ask(2)
		time.Sleep(overloadAfter / 2)
		ask(3)
		free()
		work.Wait()
		if first.Load() != 3 {
			t.Errorf("the first was %d", first.Load())
		}
	})
}

// Where the Door holds the others, a line is short but never empty: then everybody in it comes soon.
func TestNobodyIsLeftAtTheBottomOfAShortLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(GateConfig{Initial: 8, Least: 8, Most: 8})
		const each, line = 10 * time.Millisecond, 4
		end := time.Now().Add(3 * time.Second)
		var longest, refused atomic.Int64
		var work sync.WaitGroup
		for range g.limit.Load() + line {
			work.Go(func() {
				for time.Now().Before(end) {
					p, err := g.Enter(t.Context(), Ask{Priority: model.Normal, Partition: partition(1)})
					if err != nil {
						refused.Add(1)
						continue
					}
					if time.Until(end) < time.Second { // it is known how long one takes
						longest.Store(max(longest.Load(), int64(p.Wait())))
					}
					time.Sleep(each)
					p.Leave()
				}
			})
		}
		work.Wait()
		if got := time.Duration(longest.Load()); got > 2*each || refused.Load() > 0 {
			t.Errorf("somebody waited for %v behind %d, where one takes %v; %d were refused", got, line, each, refused.Load())
		}
	})
}

func TestWhoCannotMakeItIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := full(t, 2)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		at := time.Now()
		if _, err := g.Enter(ctx, Ask{Priority: model.Normal}); fault.CodeOf(err) != fault.Deadline || time.Since(at) != 20*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(at))
		}
		at = time.Now()
		_, err := g.Enter(t.Context(), Ask{Priority: model.Normal})
		if fault.CodeOf(err) != fault.Overloaded || time.Since(at) > longPatience {
			t.Errorf("%v after %v", err, time.Since(at))
		}
		free()
		free()
		// Something that takes a second, so that what has less left is not begun after a wait.
		for range 200 {
			p, err := g.Enter(t.Context(), Ask{Priority: model.Normal})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			p.Leave()
		}
		p, err := g.Enter(t.Context(), Ask{Priority: model.Normal, Weight: 2})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		done := make(chan error)
		go func() {
			p, err := g.Enter(ctx, Ask{Priority: model.Normal})
			if err == nil {
				p.Leave()
			}
			done <- err
		}()
		synctest.Wait()
		p.Leave()
		if err := <-done; fault.CodeOf(err) != fault.Overloaded {
			t.Errorf("what needs a second and has half of one: %v", err)
		}
	})
}

// TestManyAtOnce counts how many are inside while many come and go, some of whom give up.
func TestManyAtOnce(t *testing.T) {
	const limit = 8
	g := NewGate(GateConfig{Initial: limit, Least: limit, Most: limit, Heavy: NewHeavy()})
	var inside, most atomic.Int64
	var work sync.WaitGroup
	for i := range 64 {
		work.Go(func() {
			for j := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if j%7 == 0 {
					cancel()
				}
				p, err := g.Enter(ctx, Ask{Priority: model.Priority(i % priorities), Partition: partition(i % 5)})
				if err == nil {
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					inside.Add(-1)
					p.Leave()
				}
				cancel()
			}
		})
	}
	work.Wait()
	if f := g.Figures(); f.Inside != 0 || f.Waiting != 0 {
		t.Errorf("%+v", f)
	}
	if most.Load() > limit+2 {
		t.Errorf("%d were inside, of a limit of %d", most.Load(), limit)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range priorities {
		if len(g.lanes.byKey[p]) != 0 || g.lanes.ready[p].Len() != 0 || g.lanes.waiting[p] != 0 || g.queue[p].Load() != 0 {
			t.Errorf("priority %d: lanes %d, ready %d, waiting %d, queue %d", p, len(g.lanes.byKey[p]), g.lanes.ready[p].Len(), g.lanes.waiting[p], g.queue[p].Load())
		}
	}
}

// TestLanes holds the lanes against a plain list.
func TestLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lanes[int]
		type one struct {
			w   *waiter[int]
			key int
		}
		var waiting, inside []one
		t.Repeat(map[string]func(*rapid.T){
			"come": func(t *rapid.T) {
				key := rapid.IntRange(0, 3).Draw(t, "key")
				waiting = append(waiting, one{l.add(model.Normal, key, time.Time{}, 1), key})
			},
			"go away": func(t *rapid.T) {
				if len(waiting) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "who")
				l.remove(waiting[i].w)
				waiting = append(waiting[:i], waiting[i+1:]...)
			},
			"let in": func(t *rapid.T) {
				newest := rapid.Bool().Draw(t, "newest")
				w := l.next(model.Normal, newest)
				if w == nil {
					if len(waiting) > 0 {
						t.Fatal("somebody waits, and nobody comes next")
					}
					t.Skip()
				}
				least := func(key int) (n int) {
					for _, o := range inside {
						if o.key == key {
							n++
						}
					}
					return n
				}
				for i, o := range waiting {
					if least(o.key) < least(w.lane.key) {
						t.Fatalf("%d comes, which has more inside than %d", w.lane.key, o.key)
					}
					if o.w == w {
						for j, other := range waiting {
							if other.key == o.key && (newest && j > i || !newest && j < i) {
								t.Fatal("not the oldest, or the newest, of its lane")
							}
						}
					}
				}
				for i, o := range waiting {
					if o.w == w {
						inside = append(inside, o)
						waiting = append(waiting[:i], waiting[i+1:]...)
						break
					}
				}
				l.enter(w)
			},
			"leave": func(t *rapid.T) {
				if len(inside) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(inside)-1).Draw(t, "who")
				l.leave(inside[i].w.lane, 1)
				inside = append(inside[:i], inside[i+1:]...)
			},
			"": func(t *rapid.T) {
				keys := map[int]bool{}
				for _, o := range append(append([]one(nil), waiting...), inside...) {
					keys[o.key] = true
				}
				if l.waiting[model.Normal] != len(waiting) || len(l.byKey[model.Normal]) != len(keys) {
					t.Fatalf("%d wait, %d by the lanes; %d keys, %d lanes", len(waiting), l.waiting[model.Normal], len(keys), len(l.byKey[model.Normal]))
				}
			},
		})
	})
}

func BenchmarkPass(b *testing.B) {
	g := NewGate(GateConfig{Initial: 1000, Least: 1000, Most: 1000, Heavy: NewHeavy()})
	ask := Ask{Priority: model.Normal, Partition: partition(1)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, err := g.Enter(context.Background(), ask)
			if err != nil {
				b.Fatal(err)
			}
			p.Leave()
		}
	})
}
