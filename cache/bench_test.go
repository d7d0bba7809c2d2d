package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/partita-dev/partita/cache"
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
