package cache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// loads is a Loader made of a function.
type loads func(context.Context) (*cache.Answer, error)

func (l loads) Load(ctx context.Context) (*cache.Answer, error) { return l(ctx) }

// answers is a loader of one answer, read at that version.
func answers(version uint64, body string) loads {
	return func(context.Context) (*cache.Answer, error) {
		return &cache.Answer{Body: []byte(body), Found: true, Version: version, Time: time.Now()}, nil
	}
}

// away is a loader of a store that is away.
func away(context.Context) (*cache.Answer, error) {
	return nil, fault.New(fault.Unavailable, "The store is away.")
}

func must(t *testing.T, c *cache.Cache, partition, answer string, tag model.Tag, terms cache.Terms, l cache.Loader) *cache.Answer {
	t.Helper()
	a, _, err := c.Load(t.Context(), partition, answer, tag, terms, l)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func lookup(c *cache.Cache, partition, answer string, terms cache.Terms) (*cache.Answer, cache.Outcome, bool) {
	return c.Lookup([]byte(partition), []byte(answer), terms)
}

func newCache(t testing.TB, cfg cache.Config) *cache.Cache {
	c := cache.New(cfg)
	t.Cleanup(c.Close)
	return c
}

var minute = cache.Terms{Fresh: time.Minute}

func TestLookupAfterLoad(t *testing.T) {
	c := newCache(t, cache.Config{})
	if _, _, ok := lookup(c, "p", "a", minute); ok {
		t.Fatal("an empty cache answered")
	}
	must(t, c, "p", "a", 1, minute, answers(4, "four"))
	a, o, ok := lookup(c, "p", "a", minute)
	if !ok || o != cache.Hit || string(a.Body) != "four" {
		t.Fatalf("got %v %v %v", a, o, ok)
	}
	if _, _, ok := lookup(c, "p", "a", cache.Terms{}); ok {
		t.Fatal("fresh 0 was answered from the cache")
	}
	if _, _, ok := lookup(c, "pa", "", minute); ok {
		t.Fatal("another partition was answered")
	}
}

func TestMessagesMarkWhatTheyTouch(t *testing.T) {
	c := newCache(t, cache.Config{})
	must(t, c, "p", "a", 1, minute, answers(4, "a"))
	must(t, c, "p", "b", 2, minute, answers(4, "b"))
	c.Apply(cache.Message{Partition: "p", Version: 5, Tags: []model.Tag{1, 3}})
	c.Apply(cache.Message{Partition: "q", Version: 5, Tags: []model.Tag{2}})
	if _, _, ok := lookup(c, "p", "a", minute); ok {
		t.Fatal("a touched answer is still a hit")
	}
	if _, _, ok := lookup(c, "p", "b", minute); !ok {
		t.Fatal("an untouched answer was lost")
	}
	c.Apply(cache.Message{Partition: "p", Version: 7, Tags: []model.Tag{9}})
	if _, _, ok := lookup(c, "p", "b", minute); ok {
		t.Fatal("after a gap an answer is still a hit")
	}
	must(t, c, "p", "b", 2, minute, answers(7, "b"))
	c.Apply(cache.Message{Partition: "p", Version: 8, All: true})
	if _, _, ok := lookup(c, "p", "b", minute); ok {
		t.Fatal("after a message that cannot be interpreted an answer is still a hit")
	}
}

func TestMinimumVersion(t *testing.T) {
	c := newCache(t, cache.Config{})
	least := func(v uint64) cache.Terms {
		return cache.Terms{Fresh: time.Minute, Stale: time.Hour, Min: v}
	}
	must(t, c, "p", "a", 1, minute, answers(4, "a"))
	if _, _, ok := lookup(c, "p", "a", least(5)); ok {
		t.Fatal("version 4 was answered to a minimum of 5 that nobody has heard of")
	}
	c.Apply(cache.Message{Partition: "p", Version: 5, Tags: []model.Tag{2}})
	if _, _, ok := lookup(c, "p", "a", least(5)); !ok {
		t.Fatal("version 5 did not touch the answer, yet it was not a hit")
	}
	c.Apply(cache.Message{Partition: "p", Version: 6, Tags: []model.Tag{1}})
	if _, o, err := c.Load(t.Context(), "p", "a", 1, least(6), loads(away)); fault.CodeOf(err) != fault.Unavailable {
		t.Fatalf("stale answered a minimum that it does not meet: %v %v", o, err)
	}
	if _, o, err := c.Load(t.Context(), "p", "a", 1, least(4), loads(away)); err != nil || o != cache.Stale {
		t.Fatalf("stale did not answer a minimum that it meets: %v %v", o, err)
	}
	if _, _, err := c.Load(t.Context(), "p", "a", 1, least(9), answers(6, "a")); fault.CodeOf(err) != fault.Behind {
		t.Fatalf("a minimum beyond the store's version: %v", err)
	}
}

func TestStampede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, cache.Config{})
		loaded := 0
		slow := loads(func(ctx context.Context) (*cache.Answer, error) {
			loaded++
			at := time.Now()
			time.Sleep(50 * time.Millisecond)
			return &cache.Answer{Found: true, Version: 1, Time: at}, nil
		})
		must(t, c, "p", "a", 1, minute, slow)
		time.Sleep(2 * time.Minute)
		outcomes := make(chan cache.Outcome, 1000)
		for range 1000 {
			go func() {
				if _, o, ok := lookup(c, "p", "a", minute); ok {
					outcomes <- o
					return
				}
				_, o, err := c.Load(t.Context(), "p", "a", 1, minute, slow)
				if err != nil {
					t.Error(err)
				}
				outcomes <- o
			}()
		}
		count := map[cache.Outcome]int{}
		for range 1000 {
			count[<-outcomes]++
		}
		if loaded != 2 || count[cache.Miss] != 1 || count[cache.Joined] != 999 {
			t.Fatalf("%d loads (the first filled the cache), outcomes %v", loaded, count)
		}
	})
}
