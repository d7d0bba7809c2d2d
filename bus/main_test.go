package bus_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/internal/leaktest"
)

// TestMain runs a child of the crash tests where the environment says so; else the tests, and fails
// when a bus leaves a goroutine behind.
func TestMain(m *testing.M) {
	if role := os.Getenv("PARTITA_BUS_CHILD"); role != "" {
		child(role, os.Getenv("PARTITA_BUS_DIR"))
		os.Exit(0)
	}
	leaktest.Exit(m.Run(), "partita-dev/partita", "nats-io")
}

// soak tells whether the long form of the tests is wanted: make soak, or PARTITA_SOAK=1.
func soak() bool { return os.Getenv("PARTITA_SOAK") != "" }

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

// within is how long a test waits for something that must happen.
const within = 60 * time.Second

func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until something is so that nothing announces.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for until := time.Now().Add(within); !so(); <-again.C {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}
