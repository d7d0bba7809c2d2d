package sqlite

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

const benchModel = `
service: bench
partitions: {customer: {by: customer_id, type: uuid, expect: 100000}}
entities:
  customer: {in: customer, fields: {name: string(200), credit: {type: int, default: 0}}}
  order:
    in: customer
    key: order_id
    expect: 40
    fields:
      order_id:  {type: uuid, default: new}
      number:    {type: string(12), default: random}
      status:    {enum: [placed, paid, shipped, cancelled], default: placed}
      total:     {type: int, min: 0}
      note:      text(2000)?
      placed_at: {type: time, default: now}
reads:
  order:  {get: order}
  orders: {list: order, sort: -placed_at, range: placed_at, filter: [status], page: 20}
`

const (
	benchRows       = 200_000
	benchPartitions = 50_000
)

func benchID(n int) model.Value {
	return model.String(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n)*2654435761, n))
}

func benchOpen(b testing.TB) *Store {
	b.Helper()
	m, err := model.Parse("bench.yaml", []byte(benchModel), nil)
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Config{Dir: b.TempDir(), Model: m})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func benchInsert(s *Store, partition, n int, keyed bool) *store.Write {
	m := s.config.Model
	e := m.Entity("order")
	p := benchID(partition)
	now := time.Now()
	w := &store.Write{Partition: store.Partition{Family: e.Family, Value: p}, Name: "place_order", Revision: m.Revision, Now: now}
	w.ID[0], w.ID[1], w.ID[2], w.ID[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	if keyed {
		w.Key = &store.Key{}
		copy(w.Key.Hash[:], w.ID[:])
	}
	w.Apply = func(tx store.Tx) ([]byte, error) {
		_, err := tx.Insert(e, []model.Value{p, benchID(n), model.String("A23456789012"), model.String("placed"),
			model.Int(int64(n)), model.Null, model.Time(now)})
		return []byte(`{"kind":1}`), err
	}
	return w
}

func benchFill(b *testing.B, s *Store) {
	b.Helper()
	for at := 0; at < benchRows; at += 1000 {
		ws := make([]*store.Write, 1000)
		for i := range ws {
			ws[i] = benchInsert(s, (at+i)%benchPartitions, at+i, false)
		}
		s.Commit(b.Context(), ws...)
	}
	b.ResetTimer()
}

// BenchmarkCommit commits single inserts from 64 goroutines.
func BenchmarkCommit(b *testing.B) {
	for name, c := range map[string]struct {
		partitions int
		keyed      bool
	}{"spread": {benchPartitions, false}, "keyed": {benchPartitions, true}, "one partition": {1, false}} {
		b.Run(name, func(b *testing.B) {
			s := benchOpen(b)
			var n atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := int(n.Add(1))
					w := benchInsert(s, i*7919%c.partitions, i, c.keyed)
					s.Commit(context.Background(), w)
					if w.Result.Err != nil {
						b.Error(w.Result.Err)
						return
					}
				}
			})
			stats, _ := s.Stats(b.Context())
			b.ReportMetric(float64(stats.GroupWrites)/float64(stats.Groups), "writes/group")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// BenchmarkRead reads single rows by key from 64 goroutines.
func BenchmarkRead(b *testing.B) {
	s := benchOpen(b)
	benchFill(b, s)
	r := s.config.Model.Read("order")
	var seed atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		n := int(seed.Add(1)) * 7919
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		for pb.Next() {
			n = (n*7919 + 12345) % benchRows
			p := store.Partition{Family: r.Of.Family, Value: benchID(n % benchPartitions)}
			res, err := s.Read(ctx, p, &store.Query{Read: r, Args: &model.Args{Values: []model.Value{p.Value, benchID(n)}, Given: []bool{true, true}}})
			if err != nil || len(res.Rows) != 1 {
				b.Error("no row", err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
}

// BenchmarkList reads pages of one partition.
func BenchmarkList(b *testing.B) {
	s := benchOpen(b)
	for i := range 1000 {
		s.Commit(b.Context(), benchInsert(s, 1, i, false))
	}
	r := s.config.Model.Read("orders")
	p := store.Partition{Family: r.Of.Family, Value: benchID(1)}
	q := &store.Query{Read: r, Args: &model.Args{Values: []model.Value{p.Value, model.Null}, Given: []bool{true, false}}}
	b.ReportAllocs()
	for b.Loop() {
		if res, err := s.Read(b.Context(), p, q); err != nil || len(res.Rows) != 20 {
			b.Fatal("no page", err)
		}
	}
}
