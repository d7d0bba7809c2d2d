package store_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

// sample is a change with every kind of row change in it.
func sample(m *model.Model) *store.Change {
	order := m.Entity("order")
	p := store.Partition{Family: m.Families[0], Value: model.String("p")}
	row := func(version uint64, kind string, rank model.Value) *model.Row {
		return &model.Row{Version: version, Values: []model.Value{p.Value, model.String("1"), model.String(`c"\`), model.String(kind),
			rank, model.String("é\n\x02"), model.TimeMicro(1)}}
	}
	return &store.Change{
		Partition: p, Version: 9, ID: [16]byte{1, 2}, Write: "put", Revision: "r", Time: time.UnixMicro(77).UTC(),
		Rows: []model.RowChange{
			{Entity: order, After: row(9, "a", model.Null)},
			{Entity: order, Before: row(4, "a", model.Null), After: row(9, "b", model.Int(3))},
			{Entity: order, Before: row(4, "a", model.Int(1)), After: row(9, "a", model.Null)},
			{Entity: order, Before: row(8, "c", model.Int(0)), Expired: true},
			{Entity: m.Entity("account"), After: &model.Row{Version: 9, Values: []model.Value{p.Value, model.String("n"), model.Int(0)}}},
		},
		Events: []store.Event{{Name: "e", Data: []byte(`{"x":[1,2]}`)}, {Name: "f"}},
	}
}

func beside(c *store.Change) store.Change {
	return store.Change{Partition: c.Partition, Version: c.Version, ID: c.ID, Time: c.Time}
}

func TestChangeRoundTrip(t *testing.T) {
	m := storetest.Model(t)
	want := sample(m)
	body := store.EncodeChange([]byte("prefix"), want)[len("prefix"):]
	got, err := store.DecodeChange(m, beside(want), body)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\ngives %+v\nwant %+v", body, got, want)
	}
}

func TestChangeOfAnotherModel(t *testing.T) {
	m := storetest.Model(t)
	head := beside(sample(m))
	for body, rows := range map[string]int{
		`{"r":[{"e":"nothing","a":{}}]}`:                         0, // an entity that is not known
		`{"r":[{"e":"seat","a":{"seat_id":1,"who":"w"}}]}`:       0, // one of another family
		`{"r":[{"e":"account","a":{"name":"n","color":"red"}}]}`: 0, // a field that is not known
		`{"r":[{"e":"account","a":{"name":7,"credit":1}}]}`:      0, // a field of another type
		`{"r":[{"e":"account","a":{"credit":1}}]}`:               0, // a field that it does not have, and that must be
		`{"r":[{"e":"account"}]}`:                                0, // neither before nor after
		`{"r":[{"e":"order","b":{"order_id":"1","kind":"z","label":"x","at":"2026-01-31T08:05:00Z"}},{"e":"account","a":{"name":"n"}}]}`: 1,
	} {
		c, err := store.DecodeChange(m, head, []byte(body))
		if err != nil || !c.Foreign || len(c.Rows) != rows {
			t.Errorf("%s gives %+v, %v; want it foreign with %d rows", body, c, err, rows)
		}
	}
}

func TestDamagedChange(t *testing.T) {
	m := storetest.Model(t)
	for _, body := range []string{"", "{", "[]", `{"r":1}`, "\x00"} {
		if _, err := store.DecodeChange(m, beside(sample(m)), []byte(body)); fault.CodeOf(err) != fault.Internal {
			t.Errorf("%q gives %v", body, err)
		}
	}
}

func FuzzDecodeChange(f *testing.F) {
	m := storetest.Model(f)
	f.Add(store.EncodeChange(nil, sample(m)))
	f.Add([]byte(`{"r":[{"e":"order","v":1,"b":{"rank":null},"a":{"order_id":"1"},"x":true}]}`))
	f.Add([]byte(`{"r":[{"e":"sample","a":{"f":1e400,"p":"1.23456","r":"=","j":{"a":1},"u":"x"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := store.DecodeChange(m, beside(sample(m)), body)
		if err != nil {
			return
		}
		for _, r := range c.Rows {
			for _, row := range []*model.Row{r.Before, r.After} {
				if row != nil && len(row.Values) != len(r.Entity.Fields) {
					t.Fatalf("%q gives an incomplete row", body)
				}
			}
		}
		if c.Foreign {
			return
		}
		again, err := store.DecodeChange(m, beside(c), store.EncodeChange(nil, c))
		if err != nil || !reflect.DeepEqual(again.Rows, c.Rows) {
			t.Fatalf("%q: %+v becomes %+v (%v)", body, c.Rows, again, err)
		}
	})
}
