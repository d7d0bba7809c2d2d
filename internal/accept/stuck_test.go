package accept_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/store"
)

// A write of one partition cannot go on while the others carry out more than the bus has room for, over a
// restart. They are not refused for it, and what waits behind the write takes effect once, in order.
func TestAStuckPartitionLeavesRoomForOthers(t *testing.T) {
	const bound = 32 << 20
	p := &place{dir: t.TempDir()}
	var mended atomic.Bool
	at := func() *world {
		w := p.open(t, func(c *bus.Config) { c.BacklogBytes = bound })
		w.handler = func(context.Context, store.Tx, *engine.Input) ([]byte, error) {
			if !mended.Load() {
				return nil, fault.New(fault.Unavailable, "Not now.")
			}
			return nil, nil
		}
		w.work()
		return w
	}
	w := at()
	w.submit(boss, "run", note("stuck", 0))
	stuck := w.submit(boss, "note", note("stuck", 1))
	shard := func(account string) int {
		f := w.model.Family("account")
		v, err := f.By.Parse(account)
		if err != nil {
			t.Fatal(err)
		}
		return bus.ShardOf(f.Bucket(v))
	}
	var others []string
	for i := 0; len(others) < 8; i++ {
		if name := fmt.Sprint("other", i); shard(name) != shard("stuck") {
			others = append(others, name)
		}
	}
	const each, size = 35, 80 << 10
	// again submits until it is accepted: where more comes than is done, a shard may be behind for a moment.
	again := func(body string) (id string) {
		for {
			s, err := w.Submit(t.Context(), w.request(boss, "note", body), 0)
			if err == nil {
				return s.ID
			}
			if code := fault.CodeOf(err); code != fault.Overloaded && code != fault.Unavailable {
				t.Error(err)
				return ""
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	rush := func(from int) {
		var callers sync.WaitGroup
		for _, name := range others {
			callers.Go(func() {
				for i := range each {
					again(strings.Replace(note(name, from+i), ",", ","+strings.Repeat(" ", size), 1))
				}
			})
		}
		callers.Wait()
	}
	rush(0)
	last := w.submit(boss, "note", note("stuck", 2))
	w.end()
	w = at()
	rush(each)
	if s, err := w.Operation(t.Context(), last.ID, boss, 0); err != nil || s.Done {
		t.Errorf("what waits behind a stuck write: %+v, %v", s, err)
	}
	mended.Store(true)
	for _, s := range []string{stuck.ID, last.ID} {
		if s := w.settled(s, boss); s.Err != nil {
			t.Error(s.Err)
		}
	}
	for name, want := range map[string]int{"stuck": 2, others[0]: 2 * each} {
		if name != "stuck" {
			w.settled(again(note(name, 2*each)), boss)
			want++
		}
		list := w.entries(name)
		if len(list) != want {
			t.Errorf("%s has %d entries, want %d", name, len(list), want)
		}
		for i := 1; i < len(list); i++ {
			if list[i].Amount != list[i-1].Amount+1 {
				t.Errorf("%s: %d came after %d", name, list[i].Amount, list[i-1].Amount)
			}
		}
	}
}

// A write that is tried again and again is told by name, on any bus, with what it fails with; and it is not
// told any more when it is done.
func TestAWriteThatHoldsUpOthersIsTold(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		w.Patience = time.Millisecond
		var mended atomic.Bool
		w.handler = func(context.Context, store.Tx, *engine.Input) ([]byte, error) {
			if !mended.Load() {
				return nil, fault.New(fault.Unavailable, "Not now.")
			}
			return nil, nil
		}
		w.work()
		s := w.submit(boss, "run", note("stuck", 0))
		last := w.submit(boss, "note", note("stuck", 1))
		told := w.stuck(1)[0]
		for _, words := range []string{"shard ", "is stuck at the write run in account stuck", "Not now.", "It goes on when that is mended"} {
			if !strings.Contains(told.String(), words) {
				t.Errorf("%q does not say %q", told.String(), words)
			}
		}
		mended.Store(true)
		w.settled(s.ID, boss)
		w.settled(last.ID, boss)
		w.stuck(0)
	})
}

// stuck waits until as many shards are told to be stuck, and gives them.
func (w *world) stuck(n int) []accept.Stuck {
	w.t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); <-time.After(time.Millisecond) {
		if list := w.Stuck(); len(list) == n {
			return list
		}
	}
	w.t.Fatalf("the shards that are told to be stuck: %+v", w.Stuck())
	return nil
}
