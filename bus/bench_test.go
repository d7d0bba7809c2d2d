package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/bus/bustest"
)

const callers = 64

// fromCallers calls f b.N times from many callers at once and reports the rate and the time of one.
func fromCallers(b *testing.B, f func(i int) error) {
	b.Helper()
	times := make([]time.Duration, b.N)
	var next atomic.Int64
	b.ResetTimer()
	start := time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				begin := time.Now()
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
				times[i] = time.Since(begin)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "per_s")
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50_µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99_µs")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAppend compares group append with a message for each command, and shows both with readers
// at work. Compare ratios of one run only: the disk decides the figures.
func BenchmarkAppend(b *testing.B) {
	command := make([]byte, 300)
	read := func(b *testing.B, x *bus.Bus) {
		for shard := range bus.Shards {
			go func() { _ = x.Commands(b.Context(), shard, func(context.Context, []byte) error { return nil }) }()
		}
	}
	b.Run("grouped", func(b *testing.B) {
		x := open(b, bus.Config{Dir: b.TempDir(), BacklogBytes: 8 << 30})
		fromCallers(b, func(i int) error { return x.Append(b.Context(), i*37%bus.Buckets, command) })
	})
	b.Run("grouped_and_read", func(b *testing.B) {
		x := open(b, bus.Config{Dir: b.TempDir(), BacklogBytes: 8 << 30})
		read(b, x)
		fromCallers(b, func(i int) error { return x.Append(b.Context(), i*37%bus.Buckets, command) })
	})
	b.Run("grouped_one_shard", func(b *testing.B) {
		x := open(b, bus.Config{Dir: b.TempDir(), BacklogBytes: 8 << 30})
		fromCallers(b, func(int) error { return x.Append(b.Context(), 0, command) })
	})
	b.Run("message_each", func(b *testing.B) {
		x := open(b, bus.Config{Dir: b.TempDir(), BacklogBytes: 8 << 30})
		fromCallers(b, func(i int) error { return bus.AppendAlone(b.Context(), x, i*37%bus.Buckets, command) })
	})
	b.Run("message_each_one_shard", func(b *testing.B) {
		x := open(b, bus.Config{Dir: b.TempDir(), BacklogBytes: 8 << 30})
		fromCallers(b, func(int) error { return bus.AppendAlone(b.Context(), x, 0, command) })
	})
	b.Run("three_servers", func(b *testing.B) {
		x := open(b, bus.Config{URLs: bustest.Start(b, 3).URLs()})
		eventually(b, "it connects", func() bool { return x.State().Connected })
		fromCallers(b, func(i int) error { return x.Append(b.Context(), i*37%bus.Buckets, command) })
	})
}

func BenchmarkPublish(b *testing.B) {
	x := open(b, bus.Config{Dir: b.TempDir()})
	body := make([]byte, 300)
	fromCallers(b, func(i int) error { return x.Publish(b.Context(), "order_paid", fmt.Sprint(i), body) })
}

// BenchmarkCommands is how fast a backlog is read, when handling costs nothing.
func BenchmarkCommands(b *testing.B) {
	x := open(b, bus.Config{Dir: b.TempDir(), BacklogBytes: 8 << 30})
	fromCallers(b, func(i int) error { return x.Append(b.Context(), i*37%bus.Buckets, make([]byte, 300)) })
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	start := time.Now()
	var readers sync.WaitGroup
	for shard := range bus.Shards {
		readers.Go(func() {
			_ = x.Commands(ctx, shard, func(context.Context, []byte) error {
				if left.Add(-1) == 0 {
					stop()
				}
				return nil
			})
		})
	}
	readers.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "per_s")
}

// BenchmarkPickUp is the time from the acceptance of a command to its handler, one at a time.
func BenchmarkPickUp(b *testing.B) {
	x := open(b, bus.Config{Dir: b.TempDir()})
	picked := make(chan struct{})
	go func() {
		_ = x.Commands(b.Context(), 0, func(context.Context, []byte) error { picked <- struct{}{}; return nil })
	}()
	for b.Loop() {
		if err := x.Append(b.Context(), 0, []byte("x")); err != nil {
			b.Fatal(err)
		}
		<-picked
	}
}

// BenchmarkOpen opens an embedded bus that was used before, with all its logs, and reports what it
// takes when nothing happens.
func BenchmarkOpen(b *testing.B) {
	c := bus.Config{Dir: b.TempDir()}
	x := open(b, c)
	for shard := range bus.Shards {
		if err := x.Append(b.Context(), shard*16, []byte("x")); err != nil {
			b.Fatal(err)
		}
	}
	_ = x.Close()
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) + float64(m.StackInuse)
	}
	before, threads, more := heap(), runtime.NumGoroutine(), 0.0
	var goroutines int
	for b.Loop() {
		x := open(b, c)
		b.StopTimer()
		more, goroutines = heap()-before, runtime.NumGoroutine()-threads
		_ = x.Close()
		b.StartTimer()
	}
	b.ReportMetric(more/(1<<20), "MiB_held")
	b.ReportMetric(float64(goroutines), "goroutines")
}
