package bind_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/bind"
)

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{
		"ID": "id", "OrderID": "order_id", "SKU": "sku", "HTTPServer": "http_server", "PlacedAt": "placed_at",
		"Total": "total", "A": "a", "X509Key": "x509_key", "Already_snake": "already_snake",
	} {
		if got := bind.Snake(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

type base struct{ CreatedAt time.Time }

type order struct {
	base
	OrderID string
	Total   int64
	Note    *string
	Renamed string `json:"other,omitempty"`
	Hidden  string `json:"-"`
	secret  string
	Lines   []line
}

type line struct {
	SKU      string
	Quantity int
}

func TestStructsGoThereAndBack(t *testing.T) {
	note := "ring twice"
	want := order{base{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "o1", 1<<62 + 1, &note, "r", "", "", []line{{"a", 2}, {"b", 3}}}
	object, zero, err := bind.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	if string(object["total"]) != "4611686018427387905" || zero["total"] || object["hidden"] != nil || object["secret"] != nil {
		t.Errorf("%s %v", object["total"], zero)
	}
	object["lines"] = json.RawMessage(`[{"sku":"a","quantity":2},{"sku":"b","quantity":3}]`)
	var got order
	if err := bind.Decode(object, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_ = got.secret
}

func TestDecodeSaysWhatDoesNotFit(t *testing.T) {
	var o order
	err := bind.Decode(bind.Object{"total": json.RawMessage(`"12"`)}, &o)
	if err == nil || err.Error()[:len("total does not fit")] != "total does not fit" {
		t.Error(err)
	}
	if err := bind.Decode(bind.Object{}, o); err == nil {
		t.Error("a struct that is no pointer is taken")
	}
	if _, _, err := bind.Encode(3); err == nil {
		t.Error("a number is taken for a row")
	}
	var m map[string]any
	if err := bind.Decode(bind.Object{"a": json.RawMessage(`1`)}, &m); err != nil || m["a"] != 1.0 {
		t.Error(m, err)
	}
}
