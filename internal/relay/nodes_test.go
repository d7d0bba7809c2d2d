package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// immortal is a store whose leases are not given back, as by a node that dies.
type immortal struct{ store.Store }

func (immortal) Unlease(context.Context, string, ...string) error { return nil }

// run runs a relay until stop is called.
func run(t *testing.T, w *world, s store.Store, tick time.Duration) (r *relay.Relay, views *relay.Views, stop func()) {
	t.Helper()
	views = relay.NewViews(relay.ViewsConfig{Books: w.books, Store: s})
	if err := views.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r = relay.New(relay.Config{Books: w.books, Store: s, Node: uuid.NewString(), Consumers: []relay.Consumer{views}, Tick: tick})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return r, views, stop
}

// until waits for something that the relay does in its own time.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.After(time.Minute)
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !holds() {
		select {
		case <-every.C:
		case <-end:
			t.Fatal(what + ": it does not come to that")
		}
	}
}

// caughtUp tells whether every view is what it should be.
func (w *world) caughtUp() bool {
	return !slices.ContainsFunc(w.books.Store.Views, func(v *model.View) bool {
		return !slices.Equal(w.want(v.Name), w.have(v.Name))
	})
}

// When a node dies, another goes on where it was: nothing is missing, and nothing is there twice.
func TestAnotherNodeTakesOver(t *testing.T) {
	url := database.Database(t)
	w := openWorld(t, sourceModel+worldViews, url, t.TempDir(), nil)
	defer w.store.Close()
	other := openWorld(t, sourceModel+worldViews, url, t.TempDir(), nil)
	defer other.store.Close()

	first, _, die := run(t, w, immortal{w.store}, time.Second)
	until(t, "the first node holds every shard", func() bool { return first.Held() == relay.Shards })
	second, views, _ := run(t, other, other.store, time.Second)
	some := func(from int) {
		for i := from; i < from+30; i++ {
			owner := fmt.Sprint("owner", i%11)
			w.put(owner, map[int64][]model.Value{int64(i % 17): w.thing(owner, int64(i%17), []string{"red", "green", "blue"}[i%3], "attic", int64(i), int64(i), 0.25, int64(i%4))})
		}
	}
	some(0)
	until(t, "the first node applies", w.caughtUp)
	if second.Held() != 0 {
		t.Error("two nodes have the same shard")
	}
	some(30)
	die() // in the middle of it, or before, or after
	died := time.Now()
	some(60)
	until(t, "the second node goes on", w.caughtUp)
	t.Logf("everything was there %v after the first node had died", time.Since(died).Round(time.Millisecond))
	until(t, "the second node holds every shard", func() bool { return second.Held() == relay.Shards })
	w.drain(second, views)
	w.check(views)
}

// contested is a store in which another node has taken all leases, once it is told so, and which takes
// no writes of this one while it is shut.
type contested struct {
	store.Store
	lost, shut atomic.Bool
}

func (c *contested) Commit(ctx context.Context, ws ...*store.Write) {
	if !c.shut.Load() {
		c.Store.Commit(ctx, ws...)
		return
	}
	for _, w := range ws {
		w.Result = store.WriteResult{Err: away}
	}
}

func (c *contested) Lease(ctx context.Context, holder string, ttl time.Duration, names ...string) ([]string, error) {
	if c.lost.Load() {
		return nil, nil
	}
	return c.Store.Lease(ctx, holder, ttl, names...)
}

// A node that did not get on with a shard, and lost it to another, does not say for ever that it does
// not get on: it has nothing to get on with.
func TestWhatWentToAnotherNodeIsNotLateHere(t *testing.T) {
	w := openWorld(t, sourceModel+worldViews, "", t.TempDir(), nil)
	defer w.store.Close()
	s := &contested{Store: w.store}
	first, _, _ := run(t, w, s, 20*time.Millisecond)
	until(t, "the node holds every shard", func() bool { return first.Held() == relay.Shards })
	w.put("ann", map[int64][]model.Value{1: w.thing("ann", 1, "red", "attic", 1, 100, 0.25, 0)})
	until(t, "the node applies", w.caughtUp)
	s.shut.Store(true)
	w.put("ann", map[int64][]model.Value{1: w.thing("ann", 1, "red", "barn", 2, 100, 0.25, 0)})
	until(t, "the node says that it does not get on", func() bool { return first.Failing() != "" })
	s.lost.Store(true)
	until(t, "the node says nothing of what it has lost", func() bool { return first.Held() == 0 && first.Failing() == "" })
}

// A change that a node's model cannot interpret stops its partition, and no other.
func TestAChangeOfALaterModelStopsItsPartition(t *testing.T) {
	url := database.Database(t)
	w := openWorld(t, sourceModel+worldViews, url, t.TempDir(), nil)
	defer w.store.Close()
	r, views := w.relay()
	const later = `
      extra: int?
reads:`
	next := openWorld(t, strings.Replace(sourceModel, "\nreads:", later, 1)+worldViews, url, t.TempDir(), nil)
	defer next.store.Close()
	values := append(next.thing("ann", 1, "red", "attic", 1, 100, 0.5, 0), model.Int(7))
	next.put("ann", map[int64][]model.Value{1: values})
	w.put("bob", map[int64][]model.Value{1: w.thing("bob", 1, "red", "barn", 1, 100, 0.5, 0)})

	var stopped error
	for i := range relay.Shards {
		if err := r.Round(t.Context(), i); err != nil {
			stopped = err
		}
	}
	if !errors.Is(stopped, relay.ErrStop) {
		t.Errorf("the relay says %v", stopped)
	}
	if have := w.have("by_place"); len(have) != 1 || have[0] != "barn bob 1 red 1.00" {
		t.Errorf("the view has %q", have)
	}
	reports, err := views.Inspect(t.Context(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if reports[0].Lagging != 1 || reports[0].Compared {
		t.Errorf("the report is %+v", reports[0])
	}

	// The later model's node makes anew what shows the new field, goes on with the rest, and the
	// earlier one leaves it alone.
	r, latest := next.relay()
	next.things["bob"] = w.things["bob"]
	next.drain(r, latest)
	if want, have := next.want("by_place"), next.have("by_place"); !slices.Equal(want, have) {
		t.Errorf("the view has %q instead of %q", have, want)
	}
	until(t, "the earlier node sees that it is superseded", func() bool {
		for i := range relay.Shards {
			views.Turn(t.Context(), relay.Shard{Index: i})
		}
		return views.Superseded()
	})
}

// A node that meets a change of a later model leaves the work to a node that has that model, while there
// is one, and does it again when there is none.
func TestTheWorkIsLeftToTheLaterModel(t *testing.T) {
	url := database.Database(t)
	w := openWorld(t, sourceModel+worldViews, url, t.TempDir(), nil)
	defer w.store.Close()
	views := relay.NewViews(relay.ViewsConfig{Books: w.books, Store: w.store})
	if err := views.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	var there atomic.Bool
	earlier := relay.New(relay.Config{Books: w.books, Store: w.store, Node: "earlier", Consumers: []relay.Consumer{views}, Tick: 50 * time.Millisecond,
		LeaseTime: 300 * time.Millisecond, Later: func(string) bool { return there.Load() }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { earlier.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	until(t, "the earlier model's node holds every shard", func() bool { return earlier.Held() == relay.Shards })

	next := openWorld(t, strings.Replace(sourceModel, "\nreads:", "\n      extra: int?\nreads:", 1)+worldViews, url, t.TempDir(), nil)
	defer next.store.Close()
	later, _, stop := run(t, next, next.store, 50*time.Millisecond)
	there.Store(true)
	next.put("ann", map[int64][]model.Value{1: append(next.thing("ann", 1, "red", "attic", 1, 100, 0.5, 0), model.Int(7))})
	until(t, "the later model's node does the work", func() bool { return later.Held() == relay.Shards })
	if earlier.Held() != 0 || earlier.Failing() != "" {
		t.Errorf("the earlier model's node holds %d shards and says %q", earlier.Held(), earlier.Failing())
	}
	there.Store(false)
	stop()
	until(t, "the earlier model's node works again", func() bool { return earlier.Held() == relay.Shards })
}

// How late a view is counts from the oldest change that is not in it.
func TestLagCountsFromTheOldestChange(t *testing.T) {
	stores(t, func(t *testing.T, place func() (string, string)) {
		url, dir := place()
		var running atomic.Pointer[relay.Relay]
		w := openWorld(t, sourceModel+worldViews, url, dir, func(c *store.Change) {
			if r := running.Load(); r != nil {
				r.Changed(c)
			}
		})
		defer w.store.Close()
		r, views, _ := run(t, w, w.store, 50*time.Millisecond)
		running.Store(r)
		paths := w.books.Store.Views[4] // a view of a view
		asOf := func() time.Time {
			at, err := views.AsOf(t.Context(), r, paths)
			if err != nil {
				return time.Time{}
			}
			return at
		}
		until(t, "the view is up to date", func() bool { return !asOf().IsZero() })
		w.store.shut.Store(true) // views get nothing from now on
		w.put("ann", map[int64][]model.Value{1: w.thing("ann", 1, "red", "attic", 1, 100, 0.5, 0)})
		after := time.Now()
		for time.Since(after) < 300*time.Millisecond { // some looks at what lags
			if at := asOf(); at.After(after) {
				t.Fatalf("the view is as of %v after a change that it does not have", at.Sub(after))
			}
		}
		if status := views.Status(t.Context(), r); status[4].Lag < 0 || status[4].State != "ready" {
			t.Errorf("the status is %+v", status[4])
		}
		w.store.shut.Store(false)
		until(t, "the view has the change", func() bool { return asOf().After(after) && w.caughtUp() })
	})
}
