package health

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/fault"
)

// dependency is something that can be away or slow. It answers probes like calls.
type dependency struct {
	trouble atomic.Pointer[error]
	hangs   atomic.Bool
	probes  atomic.Int64
}

func (d *dependency) ask(ctx context.Context) error {
	if d.hangs.Load() {
		<-ctx.Done()
		return fault.Wrap(fault.Deadline, ctx.Err(), "It did not answer.")
	}
	if err := d.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *dependency) probe(ctx context.Context) error {
	d.probes.Add(1)
	return d.ask(ctx)
}

// watched runs a test with a Breaker that works, on a clock of its own.
func watched(t *testing.T, test func(t *testing.T, d *dependency, b *Breaker, news func() []error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &dependency{}
		var mu sync.Mutex
		var all []error
		news := func() []error {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		b := NewBreaker(BreakerConfig{Probe: d.probe, Changed: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, err)
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		test(t, d, b, news)
		stop()
		<-done
	})
}

// call makes one call that has five seconds, and tells whether it was made.
func call(ctx context.Context, d *dependency, b *Breaker) (made bool, err error) {
	cut := b.begin()
	if cut == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	defer context.AfterFunc(cut, cancel)()
	err = d.ask(ctx)
	b.end(err)
	return true, err
}

func TestBreakerOpensByAProbeAndClosesByProbes(t *testing.T) {
	watched(t, func(t *testing.T, d *dependency, b *Breaker, news func() []error) {
		ctx := t.Context()
		if made, err := call(ctx, d, b); !made || err != nil {
			t.Fatal(made, err)
		}
		time.Sleep(time.Minute)
		if n := d.probes.Load(); n < 5 || n > 15 {
			t.Errorf("%d probes in a minute without calls", n)
		}
		away := error(fault.New(fault.Unavailable, "away"))
		d.trouble.Store(&away)
		call(ctx, d, b) // it fails, and raises doubt
		time.Sleep(time.Second)
		if made, _ := call(ctx, d, b); made {
			t.Error("a call of what is away")
		}
		if _, cause := b.Away(); cause == nil {
			t.Error("it is not said to be away")
		}
		d.trouble.Store(nil)
		time.Sleep(time.Second)
		if made, err := call(ctx, d, b); !made || err != nil {
			t.Error("it is back and not asked", made, err)
		}
		if n := news(); len(n) != 2 || n[0] == nil || n[1] != nil {
			t.Errorf("news %v", n)
		}
	})
}

func TestBreakerFindsWhatHangs(t *testing.T) {
	watched(t, func(t *testing.T, d *dependency, b *Breaker, news func() []error) {
		d.hangs.Store(true)
		began := time.Now()
		call(t.Context(), d, b) // it has five seconds, and is cut before
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the call was cut after %v", took)
		}
		if n := news(); len(n) != 1 || !errors.Is(n[0], context.DeadlineExceeded) {
			t.Errorf("news %v", n)
		}
		d.hangs.Store(false)
		time.Sleep(3 * time.Second)
		if made, err := call(t.Context(), d, b); !made || err != nil {
			t.Error("it is back and not asked", made, err)
		}
	})
}

// TestBreakerBearsWhatIsSlow has more calls than are answered in time, and a probe that is not answered
// either: as long as some are, the dependency is not away.
func TestBreakerBearsWhatIsSlow(t *testing.T) {
	watched(t, func(t *testing.T, d *dependency, b *Breaker, news func() []error) {
		d.hangs.Store(true)
		for range 100 {
			go call(t.Context(), d, b)
		}
		for range 60 { // one answer in half a second
			time.Sleep(500 * time.Millisecond)
			if b.begin() == nil {
				t.Fatal("it is said to be away")
			}
			b.end(nil)
			if b.begin() == nil {
				t.Fatal("it is said to be away")
			}
			b.end(fault.New(fault.Unavailable, "too many at once")) // raises doubt
		}
		if n := news(); len(n) != 0 {
			t.Errorf("news %v", n)
		}
		if d.probes.Load() == 0 {
			t.Error("nobody doubted")
		}
		time.Sleep(10 * time.Second)
	})
}
