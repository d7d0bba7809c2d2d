package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
)

func open(t testing.TB, c bus.Config) *bus.Bus {
	t.Helper()
	c.Service = "shop"
	c.Logger = slog.New(slog.DiscardHandler)
	b, err := bus.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// limit is how long a test waits for something that must happen.
func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestCommandsComeInOrderAndSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	ctx := limit(t)
	b := open(t, bus.Config{Dir: dir})
	for i := range 100 {
		if err := b.Append(ctx, 17, fmt.Appendf(nil, "command %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(b *bus.Bus, from, to int) {
		t.Helper()
		ctx, stop := context.WithCancel(ctx)
		next := from
		err := b.Commands(ctx, bus.ShardOf(17), func(_ context.Context, command []byte) error {
			if want := fmt.Sprintf("command %d", next); string(command) != want {
				t.Errorf("got %q, want %q", command, want)
			}
			if next++; next == to {
				stop()
			}
			return nil
		})
		if err != nil || next != to {
			t.Fatalf("read %d to %d: %v", from, next, err)
		}
	}
	read(b, 0, 40)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, bus.Config{Dir: dir})
	read(b, 40, 100)
	messages, bytes, oldest, err := b.Backlog(ctx)
	if err != nil || messages != 0 || bytes != 0 || !oldest.IsZero() {
		t.Fatalf("backlog of %d messages, %d bytes since %v: %v", messages, bytes, oldest, err)
	}
}

func BenchmarkOpenEmbedded(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		x := open(b, bus.Config{Dir: dir})
		_ = x.Close()
	}
}

func BenchmarkAppend(b *testing.B) {
	x := open(b, bus.Config{Dir: b.TempDir()})
	ctx := limit(b)
	command := make([]byte, 300)
	const callers = 64
	b.ResetTimer()
	start := time.Now()
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < b.N; i += callers {
				if err := x.Append(ctx, i*37%256, command); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "commands/s")
}
