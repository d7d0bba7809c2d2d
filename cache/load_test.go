package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
)

var strong = cache.Terms{}

// slowly is a loader that counts, and takes a second after its snapshot, whose version it asks for.
func slowly(loaded *int, version func() uint64) loads {
	return func(ctx context.Context) (*cache.Answer, error) {
		*loaded++
		a := &cache.Answer{Found: true, Time: time.Now(), Version: version()}
		select {
		case <-time.After(time.Second):
			return a, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func TestStrongReadersShareTheNextFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{})
		loaded, head := 0, uint64(5)
		l := slowly(&loaded, func() uint64 { return head })
		var readers sync.WaitGroup
		readers.Go(func() { must(t, c, "p", "a", 1, strong, l) })
		synctest.Wait()
		head = 6 // acknowledged while the first load is under way
		for range 100 {
			readers.Go(func() {
				if a := must(t, c, "p", "a", 1, strong, l); a.Version != 6 {
					t.Errorf("a strong read was answered at version %d after 6 was acknowledged", a.Version)
				}
			})
		}
		readers.Wait()
		if loaded != 2 {
			t.Fatalf("%d loads, want the first and one for all who came after its snapshot", loaded)
		}
	})
}

func TestReaderLeavesAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{})
		loaded := 0
		l := slowly(&loaded, func() uint64 { return 5 })
		var readers sync.WaitGroup
		readers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, _, err := c.Load(ctx, "p", "a", 1, minute, l)
			if fault.CodeOf(err) != fault.Deadline || time.Since(began) != 10*time.Millisecond {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
		synctest.Wait()
		readers.Go(func() {
			if _, o, err := c.Load(t.Context(), "p", "a", 1, minute, l); err != nil || o != cache.Joined {
				t.Errorf("the other reader: outcome %v, %v", o, err)
			}
		})
		readers.Wait()
		if _, _, ok := lookup(c, "p", "a", minute); !ok || loaded != 1 {
			t.Fatalf("the load was not kept, or repeated: %d loads", loaded)
		}
	})
}

// A strong reader alone loads under its own context. Those who wait behind it must not fail with it.
func TestStrongReaderGivesUpAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{})
		loaded := 0
		l := slowly(&loaded, func() uint64 { return 5 })
		ctx, cancel := context.WithCancel(t.Context())
		both := cache.Terms{Stale: time.Minute}
		var readers sync.WaitGroup
		readers.Go(func() {
			if _, _, err := c.Load(ctx, "p", "a", 1, both, l); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		synctest.Wait()
		readers.Go(func() { must(t, c, "p", "a", 1, minute, l) })
		readers.Go(func() { must(t, c, "p", "a", 1, strong, l) })
		synctest.Wait()
		cancel()
		readers.Wait()
	})
}

func TestStaleInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{LoadTimeout: 5 * time.Second})
		terms := cache.Terms{Fresh: time.Minute, Stale: 10 * time.Minute}
		must(t, c, "p", "a", 1, terms, answers(4, "old"))
		c.Apply(cache.Message{Partition: "p", Version: 5, All: true})
		hangs := loads(func(ctx context.Context) (*cache.Answer, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		broken := loads(func(context.Context) (*cache.Answer, error) { return nil, errors.New("a defect") })
		for name, l := range map[string]loads{"away": away, "hangs": hangs} {
			if a, o, err := c.Load(t.Context(), "p", "a", 1, terms, l); err != nil || o != cache.Stale || string(a.Body) != "old" {
				t.Errorf("%s: %v %v", name, o, err)
			}
		}
		if _, o, err := c.Load(t.Context(), "p", "a", 1, cache.Terms{Stale: time.Minute}, loads(away)); err != nil || o != cache.Stale {
			t.Errorf("fresh 0 with stale: %v %v", o, err)
		}
		if _, _, err := c.Load(t.Context(), "p", "a", 1, minute, loads(away)); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("without stale: %v", err)
		}
		if _, _, err := c.Load(t.Context(), "p", "a", 1, terms, broken); fault.CodeOf(err) != fault.Internal {
			t.Errorf("a defect is no trouble that passes: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if _, _, err := c.Load(t.Context(), "p", "a", 1, terms, loads(away)); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("beyond stale: %v", err)
		}
	})
}

func TestPanickingLoader(t *testing.T) {
	c := newCache(t, cache.Config{})
	for _, terms := range []cache.Terms{strong, minute} {
		_, _, err := c.Load(t.Context(), "p", "a", 1, terms, loads(func(context.Context) (*cache.Answer, error) { panic("secret") }))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != fault.Internal || strings.Contains(f.Message, "secret") || !strings.Contains(f.Error(), "secret") {
			t.Errorf("%v", err)
		}
		must(t, c, "p", "a", 1, terms, answers(1, ""))
	}
	_, _, err := c.Load(t.Context(), "q", "a", 1, minute, loads(func(context.Context) (*cache.Answer, error) { return nil, nil }))
	if fault.CodeOf(err) != fault.Internal {
		t.Errorf("neither answer nor error: %v", err)
	}
}

func TestFreshIsNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{})
		ends := map[time.Duration]bool{}
		for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
			must(t, c, key, key, 1, minute, answers(1, key))
			began, age := time.Now(), time.Duration(0) // of the last hit
			for {
				if _, _, ok := lookup(c, key, key, minute); !ok {
					break
				}
				age = time.Since(began)
				time.Sleep(100 * time.Millisecond)
			}
			if age > minute.Fresh || age < minute.Fresh*9/10 {
				t.Errorf("the answer was given up to an age of %v", age)
			}
			ends[age] = true
		}
		if len(ends) < 2 {
			t.Error("all answers end at the same age")
		}
	})
}

func TestPopularAnswerIsRefreshedByOneReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{})
		loaded := 0
		l := slowly(&loaded, func() uint64 { return 1 })
		must(t, c, "p", "a", 1, minute, l)
		chosen := 0
		for range 700 { // 70 seconds, a thousand readers each second
			for range 100 {
				_, o, ok := lookup(c, "p", "a", minute)
				if !ok {
					t.Fatal("a popular answer was allowed to end")
				}
				if o == cache.Refreshed {
					chosen++
					c.Refresh("p", "a", 1, l)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if chosen != 1 || loaded != 2 {
			t.Fatalf("%d readers were chosen, %d loads", chosen, loaded)
		}
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	c := newCache(t, cache.Config{})
	must(t, c, "p", "a", 1, minute, answers(1, "body"))
	partition, answer, other := []byte("p"), []byte("a"), []byte("b")
	for _, key := range [][]byte{answer, other} {
		if n := testing.AllocsPerRun(1000, func() { c.Lookup(partition, key, minute) }); n != 0 {
			t.Errorf("a look-up of %q allocates %v times", key, n)
		}
	}
}

func TestExpireAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{})
		loaded := 0
		l := slowly(&loaded, func() uint64 { return 1 })
		must(t, c, "p", "a", 1, minute, l)
		var readers sync.WaitGroup
		readers.Go(func() { must(t, c, "p", "b", 1, minute, l) })
		synctest.Wait()
		c.Expire()
		readers.Wait()
		for _, key := range []string{"a", "b"} {
			if _, _, ok := lookup(c, "p", key, minute); ok {
				t.Errorf("%q is still there", key)
			}
		}
		if st := c.Stats(); st.Entries != 0 || st.Partitions != 0 || st.Bytes != 0 {
			t.Errorf("left behind: %+v", st)
		}
		readers.Go(func() {
			if _, _, err := c.Load(t.Context(), "p", "a", 1, minute, l); !fault.Transient(err) {
				t.Errorf("a load that Close ended: %v", err)
			}
		})
		synctest.Wait()
		c.Close()
		c.Close()
		readers.Wait()
		if _, _, err := c.Load(t.Context(), "p", "a", 1, minute, l); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("after Close: %v", err)
		}
	})
}
