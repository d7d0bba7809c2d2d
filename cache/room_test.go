package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
)

// sized is a loader of a body of that many bytes, or of "not found".
func sized(bytes int, found bool) loads {
	return func(context.Context) (*cache.Answer, error) {
		return &cache.Answer{Body: make([]byte, bytes), Found: found, Version: 1, Time: time.Now()}, nil
	}
}

func fill(t *testing.T, c *cache.Cache, n int, key func(int) (partition, answer string), l cache.Loader) {
	t.Helper()
	for i := range n {
		p, a := key(i)
		must(t, c, p, a, model.Tag(i), minute, l)
	}
}

// TestBoundIsHonest compares what the cache says it holds with what the heap holds.
func TestBoundIsHonest(t *testing.T) {
	const bound = 8 << 20
	for _, test := range []struct {
		name             string
		body, perPartion int
	}{
		{"a row for each partition", 200, 1},
		{"small answers", 30, 8},
		{"many answers for each partition", 300, 50},
		{"pages", 20_000, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := heap()
			c := newCache(t, cache.Config{Bytes: bound})
			fill(t, c, 2*bound/(test.body+400), func(i int) (string, string) {
				return fmt.Sprintf("customer/%032d", i/test.perPartion), fmt.Sprintf("order/%032d", i)
			}, sized(test.body, true))
			used, st := heap()-before, c.Stats()
			t.Logf("%d answers in %d partitions: %.1f MiB on the heap, %.1f MiB by its own account",
				st.Entries, st.Partitions, float64(used)/(1<<20), float64(st.Bytes)/(1<<20))
			if st.Bytes > st.Bound || st.Evictions == 0 {
				t.Errorf("%d bytes of %d, %d evictions", st.Bytes, st.Bound, st.Evictions)
			}
			if ratio := float64(used) / float64(st.Bytes); ratio > 1.15 || ratio < 0.8 {
				t.Errorf("the heap holds %.2f of what the cache says", ratio)
			}
			runtime.KeepAlive(c)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestNotFoundFloodDrivesOutNothing(t *testing.T) {
	nothing := loads(func(context.Context) (*cache.Answer, error) {
		return &cache.Answer{Found: true, Body: []byte(`{"items":[]}`), Time: time.Now()}, nil
	})
	for _, test := range []struct {
		name string
		key  func(int) (string, string)
		load loads
	}{
		{"rows of one partition", func(i int) (string, string) { return "p0", fmt.Sprint("missing", i) }, sized(0, false)},
		{"rows of all partitions", func(i int) (string, string) { return fmt.Sprint("p", i), "missing" }, sized(0, false)},
		{"partitions never written", func(i int) (string, string) { return fmt.Sprint("none", i), "list" }, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCache(t, cache.Config{Bytes: 4 << 20, NotFoundShare: 0.3})
			good := func(i int) (string, string) { return fmt.Sprint("p", i), "good" }
			fill(t, c, 2000, good, sized(200, true))
			if n := c.Stats().Evictions; n != 0 {
				t.Fatalf("%d answers were evicted before the flood", n)
			}
			fill(t, c, 10_000, test.key, test.load)
			for i := range 2000 {
				p, a := good(i)
				if _, _, ok := lookup(c, p, a, minute); !ok {
					t.Fatalf("the flood drove out answer %d", i)
				}
			}
			if st := c.Stats(); st.NotFoundBytes > st.NotFoundBound || st.NotFound == 0 {
				t.Fatalf("%+v", st)
			}
		})
	}
}

func TestOnePartitionCannotTakeAll(t *testing.T) {
	c := newCache(t, cache.Config{Bytes: 4 << 20})
	fill(t, c, 1000, func(i int) (string, string) { return fmt.Sprint("p", i), "good" }, sized(200, true))
	fill(t, c, 5_000, func(i int) (string, string) { return "hot", fmt.Sprint("filter=", i) }, sized(200, true))
	for i := range 1000 {
		if _, _, ok := lookup(c, fmt.Sprint("p", i), "good", minute); !ok {
			t.Fatalf("the answer of partition %d is gone", i)
		}
	}
	if _, _, ok := lookup(c, "hot", "filter=4999", minute); !ok {
		t.Fatal("the partition's newest answer is gone")
	}
	if st := c.Stats(); st.Bytes > st.Bound/2 {
		t.Fatalf("%d of %d bytes", st.Bytes, st.Bound)
	}
	must(t, c, "hot", "huge", 1, minute, sized(1<<20, true))
	if _, _, ok := lookup(c, "hot", "huge", minute); ok || c.Stats().Oversized != 1 {
		t.Fatal("an answer that alone is over the share was kept")
	}
}

// TestScanDrivesOutLittle reads a set of popular answers, then far more than the cache holds once.
func TestScanDrivesOutLittle(t *testing.T) {
	c := newCache(t, cache.Config{Bytes: 4 << 20})
	popular := func(i int) (string, string) { return fmt.Sprint("p", i), "popular" }
	get := func(p, a string) {
		if _, _, ok := lookup(c, p, a, minute); !ok {
			must(t, c, p, a, 1, minute, sized(200, true))
		}
	}
	for range 8 {
		for i := range 2000 {
			get(popular(i))
		}
	}
	for i := range 30_000 {
		get(fmt.Sprint("scan", i), "once")
		if i%10 == 0 {
			get(popular(rand.IntN(2000)))
		}
	}
	left := 0
	for i := range 2000 {
		p, a := popular(i)
		if _, _, ok := lookup(c, p, a, minute); ok {
			left++
		}
	}
	if left < 1800 {
		t.Errorf("%d of 2000 popular answers are left", left)
	}
}

func TestAnswerThatVanishesChangesItsShare(t *testing.T) {
	c := newCache(t, cache.Config{})
	must(t, c, "p", "a", 1, minute, answers(1, "body"))
	if st := c.Stats(); st.NotFound != 0 || st.NotFoundBytes != 0 {
		t.Fatalf("found: %+v", st)
	}
	c.Apply(cache.Message{Partition: "p", Version: 2, Tags: []model.Tag{1}})
	must(t, c, "p", "a", 1, minute, loads(func(context.Context) (*cache.Answer, error) {
		return &cache.Answer{Version: 2, Time: time.Now()}, nil
	}))
	if st := c.Stats(); st.NotFound != 1 || st.Entries != 1 || st.NotFoundBytes != st.Bytes {
		t.Fatalf("vanished: %+v", st)
	}
	c.Apply(cache.Message{Partition: "p", Version: 3, Tags: []model.Tag{1}})
	must(t, c, "p", "a", 1, minute, answers(3, "again"))
	if st := c.Stats(); st.NotFound != 0 || st.NotFoundBytes != 0 || st.Partitions != 1 {
		t.Fatalf("back: %+v", st)
	}
}
