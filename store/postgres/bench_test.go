package postgres

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// shopModel reads the example shop.
func shopModel(tb testing.TB) *model.Model {
	tb.Helper()
	src, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", src, func(string) (string, bool) { return "", false })
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// BenchmarkCommit inserts orders of 5,000 customers from 64 callers at once.
func BenchmarkCommit(b *testing.B) {
	m := shopModel(b)
	s, err := Open(b.Context(), Config{URL: server.Database(b), Model: m})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	e := m.Entity("order")
	var n atomic.Uint64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(n.Add(1), 1))
		for pb.Next() {
			var id [16]byte
			binary.BigEndian.PutUint64(id[8:], uint64(r.IntN(5000)))
			p := store.Partition{Family: e.Family, Value: model.String(uuid.UUID(id).String())}
			w := &store.Write{Partition: p, ID: uuid.New(), Name: "place_order", Now: time.Now(), Apply: func(tx store.Tx) ([]byte, error) {
				key := model.String(uuid.Must(uuid.NewV7()).String())
				_, err := tx.InsertNew(e, []model.Value{p.Value, key, model.String("n1"), model.String("placed"), model.Int(5), model.Null, model.Time(time.Now())})
				return nil, err
			}}
			s.Commit(b.Context(), w)
			if w.Result.Err != nil {
				b.Error(w.Result.Err)
			}
		}
	})
	b.ReportMetric(float64(s.groupWrites.Load())/float64(s.groups.Load()), "writes/group")
}
