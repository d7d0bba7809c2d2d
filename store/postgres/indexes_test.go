package postgres

import (
	"testing"

	"github.com/partita-dev/partita/model"
)

// The engine's counts are those of the indexes that the model has, under the model's names.
func TestIndexesAreCounted(t *testing.T) {
	m, err := model.Parse("shop.yaml", []byte(`service: shop
partitions: {customer: {by: customer_id, type: uuid, expect: 10}}
entities: {order: {in: customer, key: order_id, unique: [[number]], fields: {order_id: uuid, number: int, total: int}}}
reads: {orders: {list: order, sort: -total}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: server.Database(t), Model: m})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Indexes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Index != m.Entity("order").Indexes[0] || list[0].Scans != 0 || list[0].Bytes <= 0 {
		t.Errorf("%+v", list)
	}
}
