package relay_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/relay"
)

// BenchmarkEvents writes with 64 callers and counts an event as done when an endpoint that does
// nothing has been told of it: first as fast as it goes, then at half of that, where the time from
// the commit to the call is measured.
func BenchmarkEvents(b *testing.B) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		b.Run(store+"/writes", func(b *testing.B) { // and nothing follows
			url := ""
			if store == "PostgreSQL" {
				url = database.Database(b)
			}
			s := serveModel(b, notes, options{url: url, quiet: true})
			n := max(b.N, 20_000)
			took := s.add(n, 0)
			b.ReportMetric(float64(n)/took.Seconds(), "events/s")
			b.ReportMetric(0, "ns/op")
		})
		for _, prompt := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/prompt=%v", store, prompt), func(b *testing.B) {
				url := ""
				if store == "PostgreSQL" {
					url = database.Database(b)
				}
				benchmarkEvents(b, url, prompt)
			})
		}
	}
}

func benchmarkEvents(b *testing.B, url string, prompt bool) {
	var told atomic.Int64
	var mu sync.Mutex
	var waits []time.Duration
	s := serveModel(b, notes, options{url: url, endpoints: []*relay.Endpoint{{Lane: "x", Events: []string{"noted"}, Prompt: prompt, Limit: 64,
		Do: func(_ context.Context, ev *relay.Event, _ int) error {
			wait := time.Since(ev.Time)
			mu.Lock()
			waits = append(waits, wait)
			mu.Unlock()
			told.Add(1)
			return nil
		}}}})
	run := func(n int, pace time.Duration) time.Duration {
		waits = waits[:0]
		before := told.Load()
		start := time.Now()
		s.add(n, pace)
		for told.Load()-before < int64(n) {
			time.Sleep(time.Millisecond)
		}
		return time.Since(start)
	}
	run(2000, 0)
	n := max(b.N, 20_000)
	took := run(n, 0)
	rate := float64(n) / took.Seconds()
	half := int(rate)
	run(half, time.Duration(2*float64(time.Second)/rate))
	slices.Sort(waits)
	b.ReportMetric(rate, "events/s")
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[len(waits)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(0, "ns/op")
}

// add writes n notes with 64 callers, one each pace; 0: as fast as it goes.
func (s *service) add(n int, pace time.Duration) time.Duration {
	const callers = 64
	start := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				time.Sleep(time.Until(start.Add(time.Duration(i) * pace)))
				if err := s.write("add", fmt.Sprintf(`{"person_id":"p%d","text":"x"}`, i%1000)); err != nil {
					s.t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}
