package cache_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
)

// fakeTier gives the same offer, that old, to all who ask, after a while, and takes down what it is told.
type fakeTier struct {
	mu    sync.Mutex
	takes time.Duration
	age   time.Duration
	offer cache.Offer
	wants []cache.Want
	done  []*cache.Answer
	keeps []time.Duration
}

func (f *fakeTier) Fetch(_ context.Context, _ string, w cache.Want) cache.Offer {
	f.mu.Lock()
	f.wants = append(f.wants, w)
	o := f.offer
	f.mu.Unlock()
	asked := time.Now()
	time.Sleep(f.takes)
	if o.Answer != nil {
		a := *o.Answer
		a.Time = asked.Add(-f.age)
		o.Answer = &a
	}
	return o
}

func (f *fakeTier) Done(_ context.Context, _ string, _ cache.Ticket, a *cache.Answer, keep time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done, f.keeps = append(f.done, a), append(f.keeps, keep)
}

// offers makes a tier that offers an answer of a version, that old.
func offers(version uint64, age time.Duration) *fakeTier {
	return &fakeTier{age: age, offer: cache.Offer{Asked: true, Answer: &cache.Answer{
		Body: []byte("offered"), Found: true, Version: version,
	}}}
}

// besides makes a cache with a second tier, that has been there for long.
func besides(t *testing.T, tier cache.Tier) *cache.Cache {
	c := newCache(t, cache.Config{Tier: tier})
	time.Sleep(time.Hour)
	return c
}

// shares is a loader whose answers may be shared.
type shares struct{ loads }

func (shares) Share() cache.Share {
	return cache.Share{Key: "k", Fresh: time.Minute, Stale: 10 * time.Minute}
}

func sharing(version uint64, body string) shares { return shares{answers(version, body)} }

// outcome loads an answer and tells how it came about.
func outcome(t *testing.T, c *cache.Cache, terms cache.Terms, l cache.Loader) (string, cache.Outcome) {
	t.Helper()
	a, o, err := c.Load(t.Context(), "p", "a", 1, terms, l)
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Body), o
}

func TestOfferIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := besides(t, offers(5, 20*time.Second))
		if body, o := outcome(t, c, minute, sharing(5, "loaded")); body != "offered" || o != cache.Shared {
			t.Fatalf("%q, outcome %v", body, o)
		}
		a, o, ok := lookup(c, "p", "a", minute)
		if !ok || o != cache.Hit || time.Since(a.Time) != 20*time.Second {
			t.Fatalf("it was not kept with its age: %v", o)
		}
		time.Sleep(41 * time.Second)
		if _, _, ok := lookup(c, "p", "a", minute); ok {
			t.Fatal("it is a hit beyond fresh, counted from when another node loaded it")
		}
		if st := c.Stats(); st.Loads != 0 || st.Offers != 1 {
			t.Fatalf("%+v", st)
		}
	})
}

func TestWhoNeverAsksTheSecondTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, time.Second)
		for name, terms := range map[string]cache.Terms{"strong": strong, "strong with stale": {Stale: time.Minute}} {
			c := besides(t, tier)
			if body, o := outcome(t, c, terms, sharing(5, "loaded")); body != "loaded" || o != cache.Bypass {
				t.Errorf("%s: %q, outcome %v", name, body, o)
			}
		}
		c := besides(t, tier)
		if body, o := outcome(t, c, minute, answers(5, "a row of a rule")); body != "a row of a rule" || o != cache.Miss {
			t.Errorf("what is not to be shared: %q, outcome %v", body, o)
		}
		if len(tier.wants) > 0 || len(tier.done) > 0 {
			t.Errorf("the second tier was asked %d times and told %d times", len(tier.wants), len(tier.done))
		}
	})
}

// A strong reader that waits makes the next flight one to the store.
func TestStrongReaderBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, time.Second)
		tier.takes = time.Second
		c := besides(t, tier)
		var readers sync.WaitGroup
		readers.Go(func() {
			if body, o := outcome(t, c, minute, sharing(6, "loaded")); body != "offered" || o != cache.Shared {
				t.Errorf("%q, outcome %v", body, o)
			}
		})
		synctest.Wait()
		readers.Go(func() {
			if body, _ := outcome(t, c, cache.Terms{Stale: time.Minute}, sharing(6, "loaded")); body != "loaded" {
				t.Errorf("a strong read was answered by the second tier")
			}
		})
		readers.Wait()
		if len(tier.wants) != 1 {
			t.Errorf("the second tier was asked %d times", len(tier.wants))
		}
	})
}

func TestOfferMustBeCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, about := range map[string]struct {
			tags []int // of the change that the offer lacks
			good bool
		}{"touched": {[]int{1}, false}, "not touched": {[]int{2}, true}} {
			tier := offers(5, time.Second)
			tier.takes = time.Second
			c := besides(t, tier)
			must(t, c, "p", "other", 3, minute, answers(5, "other")) // the record knows all from 5 on
			var readers sync.WaitGroup
			readers.Go(func() {
				if _, o := outcome(t, c, minute, sharing(6, "loaded")); (o == cache.Shared) != about.good {
					t.Errorf("%s: outcome %v", name, o)
				}
			})
			synctest.Wait()
			m := cache.Message{Partition: "p", Version: 6}
			for _, tag := range about.tags {
				m.Tags = append(m.Tags, model.Tag(tag))
			}
			c.Apply(m)
			readers.Go(func() { // arrives after the change was known, and joins
				a, _, err := c.Load(t.Context(), "p", "a", 1, minute, sharing(6, "loaded"))
				if err != nil || !about.good && a.Version < 6 {
					t.Errorf("%s: the one who came after the change was answered without it", name)
				}
			})
			readers.Wait()
		}
	})
}

// What was known of a partition is forgotten with its record; when it was known is not.
func TestOfferMustBeNewerThanWhatWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, 2*time.Second)
		c := besides(t, tier)
		c.Apply(cache.Message{Partition: "p", Version: 6}) // nothing of it is resident
		time.Sleep(time.Second)
		if body, o := outcome(t, c, minute, sharing(6, "loaded")); o != cache.Miss {
			t.Fatalf("an answer from before a change that this node was told of: %q, outcome %v", body, o)
		}
		if w := tier.wants[0]; w.Since.IsZero() || time.Since(w.Since) != time.Second {
			t.Errorf("the tier was not told since when an answer is of use: %+v", w)
		}
		c.Expire()
		tier.age = time.Second / 2
		if _, o := outcome(t, c, minute, sharing(6, "loaded")); o != cache.Shared {
			t.Fatalf("an answer from after the change: outcome %v", o)
		}
	})
}

// A node that was started anew does not know what it had been told before.
func TestOfferMustBeNewerThanTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, 2*time.Second)
		c := newCache(t, cache.Config{Tier: tier})
		time.Sleep(time.Second)
		if _, o := outcome(t, c, minute, sharing(6, "loaded")); o != cache.Miss {
			t.Fatalf("an answer from before the node's start: outcome %v", o)
		}
	})
}

func TestOfferMustMeetTheTerms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, terms := range map[string]cache.Terms{
			"minimum": {Fresh: time.Minute, Min: 6},
			"fresh":   {Fresh: 5 * time.Second},
		} {
			tier := offers(5, 10*time.Second)
			c := besides(t, tier)
			if _, o := outcome(t, c, terms, sharing(6, "loaded")); o != cache.Miss {
				t.Errorf("%s: outcome %v", name, o)
			}
			if w := tier.wants[0]; w.Version != terms.Min || w.Age > terms.Fresh {
				t.Errorf("%s: the tier was asked for %+v", name, w)
			}
		}
	})
}

// Who joins a flight and wants more than its offer gets a load, not an error, and asks no third time.
func TestReaderWhomTheOfferDoesNotServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, 10*time.Second)
		tier.takes = time.Second
		c := besides(t, tier)
		var readers sync.WaitGroup
		for _, terms := range []cache.Terms{minute, {Fresh: time.Minute, Min: 6}, {Fresh: 5 * time.Second}} {
			readers.Go(func() {
				a, _, err := c.Load(t.Context(), "p", "a", 1, terms, sharing(6, "loaded"))
				if err != nil || a.Version < terms.Min || time.Since(a.Time) > terms.Fresh {
					t.Errorf("terms %+v: %v", terms, err)
				}
			})
			synctest.Wait()
		}
		readers.Wait()
		if len(tier.wants) > 2 {
			t.Errorf("the second tier was asked %d times", len(tier.wants))
		}
	})
}

func TestWhatIsLoadedIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := &fakeTier{offer: cache.Offer{Asked: true, Ticket: cache.Ticket{Token: "mine"}}}
		c := besides(t, tier)
		a, o, err := c.Load(t.Context(), "p", "a", 1, minute, sharing(6, "loaded"))
		if err != nil || o != cache.Miss || a.Visit != cache.Missed {
			t.Fatalf("outcome %v, visit %v, %v", o, a.Visit, err)
		}
		synctest.Wait()
		if len(tier.done) != 1 || tier.done[0] == nil || tier.keeps[0] != 10*time.Minute {
			t.Fatalf("%v for %v", tier.done, tier.keeps)
		}
		c.Expire()
		if _, _, err := c.Load(t.Context(), "p", "a", 1, minute, shares{away}); err == nil {
			t.Fatal("a failed load was answered")
		}
		synctest.Wait()
		if len(tier.done) != 2 || tier.done[1] != nil {
			t.Fatal("nobody was told that the load failed: others wait for it")
		}
	})
}

func TestStaleFromTheSecondTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, 5*time.Minute)
		c := besides(t, tier)
		terms := cache.Terms{Fresh: time.Minute, Stale: 10 * time.Minute}
		if body, o := outcome(t, c, terms, shares{away}); body != "offered" || o != cache.Stale {
			t.Fatalf("%q, outcome %v", body, o)
		}
		if w := tier.wants[len(tier.wants)-1]; !w.Look {
			t.Errorf("the tier was asked as if somebody were to load: %+v", w)
		}
		if _, _, ok := lookup(c, "p", "a", cache.Terms{Fresh: time.Hour}); ok {
			t.Error("it was kept, though nothing is known of it")
		}
		for name, terms := range map[string]cache.Terms{
			"too old":       {Fresh: time.Minute, Stale: 4 * time.Minute},
			"below minimum": {Fresh: time.Minute, Stale: 10 * time.Minute, Min: 6},
			"never stale":   minute,
		} {
			if _, o, err := c.Load(t.Context(), "p", "a", 1, terms, shares{away}); err == nil {
				t.Errorf("%s: outcome %v", name, o)
			}
		}
	})
}

// An offer that was under way while the cache was cleared says nothing about its age.
func TestOfferAcrossAnExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := offers(5, time.Second)
		tier.takes = time.Second
		c := besides(t, tier)
		var readers sync.WaitGroup
		readers.Go(func() {
			if _, o := outcome(t, c, minute, sharing(6, "loaded")); o != cache.Miss {
				t.Errorf("outcome %v", o)
			}
		})
		synctest.Wait()
		c.Expire()
		readers.Wait()
	})
}

// One node of several refreshes a popular answer; the others take what it loaded.
func TestRefreshTakesWhatAnotherLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := &fakeTier{}
		c := besides(t, tier)
		must(t, c, "p", "a", 1, minute, sharing(5, "loaded"))
		time.Sleep(50 * time.Second)
		tier.offer, tier.age = offers(5, 0).offer, 10*time.Second
		c.Refresh("p", "a", 1, sharing(5, "loaded again"))
		synctest.Wait()
		if a, _, ok := lookup(c, "p", "a", minute); !ok || string(a.Body) != "offered" {
			t.Fatal("the younger answer of the tier was not taken")
		}
		if w := tier.wants[1]; w.Age >= 30*time.Second {
			t.Errorf("a refresh would be content with an answer %v old", w.Age)
		}
	})
}
