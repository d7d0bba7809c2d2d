package postgres

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/pgtest"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

var server *pgtest.Server

func TestMain(m *testing.M) { pgtest.Main(m, &server) }

func TestSmoke(t *testing.T) {
	src, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", src, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	var seen []uint64
	s, err := Open(t.Context(), Config{URL: server.Database(t), Model: m, Options: store.Options{OnChange: func(c *store.Change) { seen = append(seen, c.Version) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := m.Entity("order")
	p := store.Partition{Family: e.Family, Value: model.String("018f2f6e-0000-7000-8000-000000000001")}
	key := model.String("018f2f6e-0000-7000-8000-000000000002")
	insert := func(tx store.Tx) ([]byte, error) {
		_, err := tx.Insert(e, []model.Value{p.Value, key, model.String("n1"), model.String("placed"), model.Int(5), model.Null, model.Time(time.Now())})
		return []byte("{}"), err
	}
	k := &store.Key{Hash: [32]byte{1}}
	w1 := &store.Write{Partition: p, ID: [16]byte{1}, Name: "a", Now: time.Now(), Apply: insert, Key: k}
	w2 := &store.Write{Partition: p, ID: [16]byte{2}, Name: "b", Now: time.Now(), Apply: insert}
	w3 := &store.Write{Partition: p, ID: [16]byte{3}, Name: "c", Now: time.Now(), Apply: func(tx store.Tx) ([]byte, error) {
		row, err := tx.Get(e, []model.Value{key})
		if err != nil {
			return nil, err
		}
		v := append([]model.Value(nil), row.Values...)
		v[e.Field("total").Pos] = model.Int(6)
		_, err = tx.Update(e, row, v)
		return nil, err
	}}
	s.Commit(t.Context(), w1, w2, w3)
	t.Log(w1.Result, w2.Result, w3.Result)
	r, err := s.Read(context.Background(), p, &store.Query{Read: m.Read("order"), Args: &model.Args{Values: []model.Value{p.Value, key}, Given: []bool{true, true}}, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Version, r.Rows[0], seen)
	s.Commit(t.Context(), w1)
	t.Log(w1.Result)
	cs, err := s.Changes(t.Context(), p, 0, 10)
	t.Log(len(cs), err)
}
