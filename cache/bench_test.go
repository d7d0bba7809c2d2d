package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/maypok86/otter/v2"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
)

const benchPartitions = 20_000

type benchKey struct{ partition, answer []byte }

func benchKeys() []benchKey {
	keys := make([]benchKey, benchPartitions)
	for i := range keys {
		keys[i] = benchKey{
			fmt.Appendf(nil, "customer/0191c2a4-7b1e-7c3a-9d52-%012d", i),
			fmt.Appendf(nil, "order/0191c2a4-7b1e-7c3a-8e41-%012d", i*7),
		}
	}
	return keys
}

// BenchmarkLookup measures a hit over many partitions, and on a single one, from all processors.
func BenchmarkLookup(b *testing.B) {
	keys := benchKeys()
	c := newCache(b, cache.Config{})
	for _, k := range keys {
		if _, _, err := c.Load(context.Background(), string(k.partition), string(k.answer), 1, minute, answers(1, "{}")); err != nil {
			b.Fatal(err)
		}
	}
	run := func(name string, spread int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(spread); pb.Next(); i++ {
					k := &keys[i*7919%spread]
					if _, _, ok := c.Lookup(k.partition, k.answer, minute); !ok {
						b.Error("miss")
						return
					}
				}
			})
		})
	}
	run("spread", benchPartitions)
	run("one", 1)
}

// BenchmarkOtter measures the plainest use of otter beside it: one key, made by the caller, no
// versions and no age.
func BenchmarkOtter(b *testing.B) {
	keys := benchKeys()
	type key struct{ partition, answer string }
	o := otter.Must(&otter.Options[key, *cache.Answer]{
		MaximumWeight: 64 << 20,
		Weigher:       func(key, *cache.Answer) uint32 { return 500 },
	})
	made := make([]key, len(keys))
	for i, k := range keys {
		made[i] = key{string(k.partition), string(k.answer)}
		o.Set(made[i], &cache.Answer{Version: 1, Time: time.Now()})
	}
	run := func(name string, spread int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(spread); pb.Next(); i++ {
					if _, ok := o.GetIfPresent(made[i*7919%spread]); !ok {
						b.Error("miss")
						return
					}
				}
			})
		})
	}
	run("spread", benchPartitions)
	run("one", 1)
}

// BenchmarkOtterRecords measures otter as the place of partition records, which is what the rules
// would need of it: a record with its answers behind a lock, versions and age compared.
func BenchmarkOtterRecords(b *testing.B) {
	keys := benchKeys()
	type record struct {
		mu      sync.RWMutex
		floor   uint64
		tags    map[model.Tag]uint64
		answers map[string]*cache.Answer
	}
	o := otter.Must(&otter.Options[string, *record]{
		MaximumWeight: 64 << 20,
		Weigher:       func(string, *record) uint32 { return 500 },
	})
	for _, k := range keys {
		o.Set(string(k.partition), &record{
			tags:    map[model.Tag]uint64{1: 1},
			answers: map[string]*cache.Answer{string(k.answer): {Version: 1, Time: time.Now()}},
		})
	}
	run := func(name string, spread int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(spread); pb.Next(); i++ {
					k := &keys[i*7919%spread]
					rec, ok := o.GetIfPresent(unsafe.String(unsafe.SliceData(k.partition), len(k.partition)))
					if !ok {
						b.Error("miss")
						return
					}
					rec.mu.RLock()
					a := rec.answers[string(k.answer)]
					ok = a.Version >= rec.floor && a.Version >= rec.tags[1] && time.Since(a.Time) < time.Minute
					rec.mu.RUnlock()
					if !ok {
						b.Error("not current")
						return
					}
				}
			})
		})
	}
	run("spread", benchPartitions)
	run("one", 1)
}

// BenchmarkHitRatio reads 200,000 partitions by Zipf's law through a cache with room for a tenth of
// them, or a fiftieth, and reports the share of hits beside otter's with the same number of entries.
func BenchmarkHitRatio(b *testing.B) {
	for _, bytes := range []int64{16 << 20, 3 << 20} {
		b.Run(fmt.Sprintf("%dMiB", bytes>>20), func(b *testing.B) {
			for b.Loop() {
				ours, theirs := hitRatio(b, bytes)
				b.ReportMetric(100*ours, "%hits")
				b.ReportMetric(100*theirs, "%hits-otter")
			}
		})
	}
}

func hitRatio(b *testing.B, bytes int64) (ours, theirs float64) {
	const reads = 1_000_000
	c := newCache(b, cache.Config{Bytes: bytes})
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, 200_000)
	sequence := make([]string, reads)
	for i := range sequence {
		sequence[i] = fmt.Sprintf("customer/%032d", zipf.Uint64())
	}
	l := answers(1, "a row of some two hundred bytes would stand here")
	for _, key := range sequence {
		if _, _, ok := c.Lookup([]byte(key), []byte("order"), minute); !ok {
			if _, _, err := c.Load(context.Background(), key, "order", 1, minute, l); err != nil {
				b.Fatal(err)
			}
		}
	}
	st := c.Stats()
	o := otter.Must(&otter.Options[string, bool]{MaximumSize: st.Entries})
	hits := 0
	for _, key := range sequence {
		if _, ok := o.GetIfPresent(key); ok {
			hits++
		} else {
			o.Set(key, true)
		}
	}
	return float64(st.Hits) / reads, float64(hits) / reads
}

// BenchmarkLoad measures what the cache adds to a load.
func BenchmarkLoad(b *testing.B) {
	b.Run("strong", func(b *testing.B) {
		c := newCache(b, cache.Config{})
		l := answers(1, "{}")
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := c.Load(context.Background(), "p", "a", 1, cache.Terms{}, l); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		c := newCache(b, cache.Config{})
		l := answers(1, "{}")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, _, err := c.Load(context.Background(), "p", fmt.Sprint(i), 1, minute, l); err != nil {
				b.Fatal(err)
			}
		}
	})
}
