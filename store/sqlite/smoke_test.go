package sqlite

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func field(name string, k model.Kind) *model.Field {
	return &model.Field{Name: name, Type: model.Type{Kind: k, Size: 100}}
}

func handModel() *model.Model {
	by := field("customer_id", model.KindUUID)
	f := &model.Family{Name: "customer", By: by}
	e := &model.Entity{Name: "order", Family: f, Fields: []*model.Field{by, field("order_id", model.KindUUID),
		field("number", model.KindString), field("status", model.KindString), field("total", model.KindInt), field("note", model.KindText), field("placed_at", model.KindTime)}}
	e.Fields[5].Type.Null = true
	for i, x := range e.Fields {
		x.Pos = i
	}
	e.Key = e.Fields[1:2]
	get := &model.Read{Name: "order", Of: e, Fields: e.Fields}
	get.Params = []*model.Input{{Field: e.Fields[0]}, {Field: e.Fields[1], Index: 1}}
	list := &model.Read{ID: 1, Name: "orders", Of: e, List: true, Fields: e.Fields, Page: 50, Range: e.Fields[6], Filter: e.Fields[3:4],
		Sort: []model.Order{{Field: e.Fields[6], Desc: true}, {Field: e.Fields[1]}}}
	list.Params = []*model.Input{{Field: e.Fields[0]}, {Field: e.Fields[3], Index: 1}}
	e.Indexes = []*model.Index{{Name: "x", Entity: e, Order: list.Sort}}
	return &model.Model{Service: "shop", Revision: "r", Families: []*model.Family{f}, Entities: []*model.Entity{e}, Reads: []*model.Read{get, list}}
}

func id(n int) model.Value {
	return model.String(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
}

func insert(m *model.Model, n, k int) *store.Write {
	e := m.Entities[0]
	now := time.Now()
	return &store.Write{Partition: store.Partition{Family: m.Families[0], Value: id(n)}, Name: "place", Revision: "r", Now: now,
		Apply: func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(e, []model.Value{id(n), id(k), model.String("A12345678901"), model.String("placed"), model.Int(int64(k)), model.Null, model.Time(now)})
			return []byte("ok"), err
		}}
}

func TestSmoke(t *testing.T) {
	m := handModel()
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), Model: m})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			w := insert(m, i%3, i)
			s.Commit(t.Context(), w)
			if w.Result.Err != nil {
				t.Error(w.Result.Err)
			}
		})
	}
	wg.Wait()
	r, err := s.Read(t.Context(), store.Partition{Family: m.Families[0], Value: id(0)}, &store.Query{Read: m.Reads[0], Args: &model.Args{Values: []model.Value{id(0), id(3)}, Given: []bool{true, true}}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(r.Version, len(r.Rows), r.Rows[0])
	r, err = s.Read(t.Context(), store.Partition{Family: m.Families[0], Value: id(0)}, &store.Query{Read: m.Reads[1], Args: &model.Args{Values: []model.Value{id(0), model.Null}, Given: []bool{true, false}}})
	fmt.Println(r.Version, len(r.Rows), r.More, err)
	ch, err := s.Changes(t.Context(), store.Partition{Family: m.Families[0], Value: id(0)}, 0, 3)
	fmt.Println(len(ch), err, ch[0].Rows[0].After)
	st, _ := s.Stats(t.Context())
	fmt.Printf("%+v\n", st)
}

func BenchmarkCommit(b *testing.B) {
	m := handModel()
	s, err := Open(b.Context(), Config{Dir: b.TempDir(), Model: m})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.SetParallelism(32)
	var before, after syscall.Rusage
	syscall.Getrusage(0, &before)
	defer func() {
		syscall.Getrusage(0, &after)
		cpu := func(r syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
		b.ReportMetric(float64(cpu(after)-cpu(before))/float64(b.N), "cpu-ns/op")
	}()
	var mu sync.Mutex
	n := 0
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			k := n
			mu.Unlock()
			w := insert(m, (k*7919)%20000, k)
			s.Commit(context.Background(), w)
			if w.Result.Err != nil {
				b.Error(w.Result.Err)
			}
		}
	})
	st, _ := s.Stats(b.Context())
	b.ReportMetric(float64(st.GroupWrites)/float64(st.Groups), "writes/group")
}

func BenchmarkRead(b *testing.B) {
	m := handModel()
	s, err := Open(b.Context(), Config{Dir: b.TempDir(), Model: m})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const N = 200000
	for at := 0; at < N; at += 1000 {
		var ws []*store.Write
		for i := range 1000 {
			ws = append(ws, insert(m, (at+i)%50000, at+i))
		}
		s.Commit(b.Context(), ws...)
	}
	b.ResetTimer()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		k := 0
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		for pb.Next() {
			k = (k*7919 + 12345) % N
			r, err := s.Read(ctx, store.Partition{Family: m.Families[0], Value: id(k % 50000)}, &store.Query{Read: m.Reads[0], Args: &model.Args{Values: []model.Value{id(k % 50000), id(k)}, Given: []bool{true, true}}})
			if err != nil || len(r.Rows) != 1 {
				b.Error(err, "rows", len(r.Rows))
			}
		}
	})
}
