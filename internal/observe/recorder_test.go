package observe_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

// inTime runs f with a Recorder in a bubble where time passes only when everybody waits.
func inTime(t *testing.T, f func(t *testing.T, m *model.Model, r *observe.Recorder)) {
	synctest.Test(t, func(t *testing.T) {
		m := shop()
		r := observe.New(observe.Config{Model: m})
		defer r.Close()
		f(t, m, r)
	})
}

// pass lets time go by, and the intervals that end in it be closed.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestPercentilesAreWithinAFewPercent(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		random := rand.New(rand.NewPCG(1, 2))
		var exact []float64
		for range 50_000 {
			d := time.Duration(math.Exp(random.NormFloat64()*1.5) * float64(time.Millisecond))
			exact = append(exact, d.Seconds())
			r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: d})
		}
		slices.Sort(exact)
		pass(time.Second)
		for _, w := range []observe.Window{observe.Last10s, observe.Last1m, observe.Last5m, observe.Last1h, observe.SinceStart} {
			got := r.Snapshot(t.Context(), w).Reads[0].Latency
			for _, q := range []struct{ got, rank float64 }{{got.P50, 0.50}, {got.P95, 0.95}, {got.P99, 0.99}} {
				want := exact[int(q.rank*float64(len(exact)))]
				if math.Abs(q.got/want-1) > 0.03 {
					t.Errorf("%s: p%.0f is %v, should be %v within 3 %%", w, q.rank*100, q.got, want)
				}
			}
		}
	})
}

func TestWindowsSlide(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		read := func(n int) {
			for range n {
				r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Millisecond})
			}
		}
		want := func(w observe.Window, requests uint64) {
			t.Helper()
			if got := r.Snapshot(t.Context(), w).Total.Requests; got != requests {
				t.Errorf("%s after %v: %d requests, want %d", w, r.Snapshot(t.Context(), w).Uptime, got, requests)
			}
		}
		read(100)
		pass(5 * time.Second)
		want(observe.Last10s, 100)
		pass(7 * time.Second) // 12 s
		want(observe.Last10s, 0)
		want(observe.Last1m, 100)
		read(10)
		pass(61 * time.Second) // 73 s
		want(observe.Last1m, 0)
		want(observe.Last5m, 110)
		pass(300 * time.Second) // 373 s
		want(observe.Last5m, 0)
		want(observe.Last1h, 110)
		read(1)
		pass(2 * time.Second)
		want(observe.Last1h, 111)
		pass(3 * time.Hour)
		want(observe.Last1h, 0)
		want(observe.SinceStart, 111)
	})
}

func TestRateCountsOnlyTheTimeThatWasCovered(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		for range 40 {
			r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Miss, Total: time.Millisecond})
		}
		pass(4 * time.Second)
		s := r.Snapshot(t.Context(), observe.Last1h)
		if s.Covered != 4 || s.Total.Rate != 10 {
			t.Errorf("covered %v s at %v/s, want 4 s at 10/s", s.Covered, s.Total.Rate)
		}
	})
}

// What was asked for just now is there at once, and counted once when its second is over.
func TestTheSecondThatIsNotOverIsCounted(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		want := func(requests uint64, covered, rate float64) {
			t.Helper()
			for _, w := range []observe.Window{observe.Last10s, observe.Last1m, observe.Last1h} {
				s := r.Snapshot(t.Context(), w)
				if s.Total.Requests != requests || s.Reads[0].Requests != requests || s.Covered != covered || s.Total.Rate != rate {
					t.Errorf("%s: %d requests in %v s at %v/s, want %d in %v s at %v/s", w, s.Total.Requests, s.Covered, s.Total.Rate, requests, covered, rate)
				}
			}
		}
		read := func(n int) {
			for range n {
				r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Millisecond})
			}
		}
		read(3)
		pass(250 * time.Millisecond)
		want(3, 1, 3)
		pass(1250 * time.Millisecond)
		want(3, 1.5, 2)
		read(3)
		want(6, 1.5, 4)
		pass(500 * time.Millisecond)
		want(6, 2, 3)
	})
}

func TestOutcomesAgesAndErrorsAreCountedApart(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		read := func(s engine.ReadSample) { s.Total = time.Millisecond; r.Read(m.Reads[0], s) }
		read(engine.ReadSample{Outcome: cache.Hit, Age: 2 * time.Second})
		read(engine.ReadSample{Outcome: cache.Hit, Age: 2 * time.Second})
		read(engine.ReadSample{Outcome: cache.Refreshed, Age: 2 * time.Second})
		read(engine.ReadSample{Outcome: cache.Miss, Store: 4 * time.Millisecond})
		read(engine.ReadSample{Outcome: cache.Joined})
		read(engine.ReadSample{Outcome: cache.Stale, Age: time.Hour})
		read(engine.ReadSample{Outcome: cache.Miss, Code: fault.NotFound})
		read(engine.ReadSample{Code: fault.Forbidden})
		read(engine.ReadSample{Code: fault.Unavailable})
		r.Read(m.Reads[1], engine.ReadSample{Outcome: cache.Bypass, Total: time.Millisecond})
		r.Read(m.Reads[2], engine.ReadSample{Total: time.Millisecond}) // internal: not counted
		r.Write(m.Writes[0], engine.WriteSample{Total: time.Millisecond, Store: time.Millisecond})
		r.Write(m.Writes[0], engine.WriteSample{Total: time.Millisecond, Replayed: true})
		r.Write(m.Writes[0], engine.WriteSample{Total: time.Millisecond, Code: "of_tomorrow"})
		pass(time.Second)

		s := r.Snapshot(t.Context(), observe.Last1m)
		if len(s.Reads) != 2 || len(s.Writes) != 2 {
			t.Fatalf("%d reads and %d writes, want 2 and 2", len(s.Reads), len(s.Writes))
		}
		p := s.Reads[0]
		if want := (observe.Outcomes{Hit: 2, Miss: 2, Joined: 1, Refreshed: 1, Stale: 1}); *p.Cache != want {
			t.Errorf("outcomes %+v, want %+v", *p.Cache, want)
		}
		near := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got/want-1) > 0.03 {
				t.Errorf("%s is %v, want %v", what, got, want)
			}
		}
		near("age", p.Age.P95, 2)
		near("stale age", p.StaleAge.P50, 3600)
		near("store time", p.Store.P50, 0.004)
		wantErrors := map[string]string{"not_found": "answer", "forbidden": "refused", "unavailable": "failed"}
		for _, e := range p.Errors {
			if wantErrors[e.Code] != e.Kind || e.Count != 1 {
				t.Errorf("error %+v, want one of kind %q", e, wantErrors[e.Code])
			}
		}
		if len(p.Errors) != 3 {
			t.Errorf("errors %+v, want 3 kinds", p.Errors)
		}
		if w := s.Writes[0]; w.Replayed != 1 || len(w.Errors) != 1 || w.Errors[0].Code != "other" {
			t.Errorf("write %+v, want one replayed and one other error", w)
		}
		near("hit share", s.Total.HitShare, 3.0/7)
		near("failed share", s.Total.Failed, 2.0/13)
	})
}

func TestBusinessSeriesAreBounded(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		r.Metric(m.Metrics[0], nil, 1)
		r.Metric(m.Metrics[0], nil, 1)
		for i := range 250 {
			r.Metric(m.Metrics[1], []model.Value{model.String(string(rune('a'+i/26)) + string(rune('a'+i%26)))}, 10)
		}
		r.Metric(m.Metrics[1], []model.Value{model.String("aa")}, 990)
		r.Metric(m.Metrics[1], []model.Value{model.String("aa")}, math.NaN())
		pass(time.Second)
		s := r.Snapshot(t.Context(), observe.Last1m)
		if b := s.Business[0]; b.Total != 2 || b.Rate != 2 || b.Kind != "count" || b.Of != "place_order" {
			t.Errorf("orders_placed: %+v", b)
		}
		b := s.Business[1]
		if b.Total != 3490 || b.Window != 3490 || b.Kind != "sum" {
			t.Errorf("revenue: total %v, window %v, %s", b.Total, b.Window, b.Kind)
		}
		if len(b.Series) != 101 || b.Series[0].Labels["country"] != "_other" || b.Series[0].Total != 1500 || b.Series[1].Total != 1000 {
			t.Errorf("%d series, first %+v", len(b.Series), b.Series[:2])
		}
	})
}

func TestStateFollowsWhatIsSeen(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		state := func() observe.Overall { return r.Snapshot(t.Context(), observe.Last10s).State }
		pass(time.Second)
		if s := state(); s.State != observe.OK || s.Words != "serving, all well" {
			t.Errorf("at first: %+v", s)
		}
		r.Read(m.Reads[0], engine.ReadSample{Code: fault.Internal, Total: time.Millisecond})
		pass(time.Second)
		began := state()
		if began.State != observe.Degraded {
			t.Errorf("after a failure: %+v", began)
		}
		pass(3 * time.Second)
		r.Write(m.Writes[0], engine.WriteSample{Code: fault.Internal, Total: time.Millisecond})
		pass(8 * time.Second)
		if s := state(); s != began {
			t.Errorf("while it lasts: %+v, began as %+v", s, began)
		}
		pass(5 * time.Second)
		if s := state(); s.State != observe.OK {
			t.Errorf("after ten calm seconds: %+v", s)
		}
		r.Health().Set("bus", observe.Down, "it cannot be reached")
		if s := state(); s.Words != "down: bus – it cannot be reached" {
			t.Errorf("words: %q", s.Words)
		}
	})
}

func TestNothingIsLostBetweenShards(t *testing.T) {
	m := shop()
	r := observe.New(observe.Config{Model: m})
	defer r.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5_000 {
				r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Microsecond})
			}
		})
		all.Go(func() { r.Snapshot(context.Background(), observe.Last1m) })
	}
	all.Wait()
	if got := r.Snapshot(t.Context(), observe.SinceStart).Reads[0]; got.Requests != 40_000 || got.Cache.Hit != 40_000 {
		t.Errorf("%d requests, %d hits, want 40000 of both", got.Requests, got.Cache.Hit)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	m := shop()
	r := observe.New(observe.Config{Model: m})
	defer r.Close()
	labels := []model.Value{model.String("it")}
	n := testing.AllocsPerRun(1000, func() {
		r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Microsecond, Age: time.Second})
		r.Write(m.Writes[0], engine.WriteSample{Code: fault.GuardFailed, Total: time.Microsecond, Store: time.Microsecond})
		r.Metric(m.Metrics[1], labels, 1)
	})
	if n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkRead(b *testing.B) {
	m := shop()
	r := observe.New(observe.Config{Model: m})
	defer r.Close()
	s := engine.ReadSample{Outcome: cache.Hit, Total: 37 * time.Microsecond, Age: time.Second}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			r.Read(m.Reads[0], s)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.Read(m.Reads[0], s)
			}
		})
	})
}

func BenchmarkSnapshot(b *testing.B) {
	m := shop()
	r := observe.New(observe.Config{Model: m})
	defer r.Close()
	for i := range 10_000 {
		r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Duration(i) * time.Microsecond, Age: time.Second})
	}
	for b.Loop() {
		r.Snapshot(b.Context(), observe.Last1m)
	}
}
