package httpapi_test

import (
	"testing"

	"github.com/partita-dev/partita/model"
)

// The bounds of a range are of the field's type, and need not be values that it may have.
func TestBoundsOfARangeNeedNotBeValues(t *testing.T) {
	m, err := model.Parse("hotel.yaml", []byte(`
service: hotel
partitions: {house: {by: house_id, type: string(9), expect: 10}}
entities:
  room:
    in: house
    key: label
    expect: 10
    fields: {label: {type: string(9), pattern: "[A-Z]-[0-9]+"}, n: {type: int, min: 1, max: 9}, price: {type: "decimal(6,2)", min: "0.01"}}
reads:
  by_price: {list: room, sort: price, range: price}
  by_n:     {list: room, sort: -n, range: n}
  rooms:    {list: room, range: label}
writes:
  add: {insert: room, input: [n, price]}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, m, nil)
	for _, body := range []string{
		`{"house_id":"h","label":"A-1","n":1,"price":"0.01"}`, `{"house_id":"h","label":"B-1","n":5,"price":"7"}`, `{"house_id":"h","label":"C-1","n":9,"price":"99"}`,
	} {
		s.want(201, "POST", "/v1/add", body)
	}
	for path, want := range map[string]string{
		"by_price/h?price.from=0&price.to=10": "1 5",
		"by_price/h?price.from=-1":            "1 5 9",
		"by_n/h?n.from=0&n.to=10":             "9 5 1",
		"by_n/h?n.to=100":                     "9 5 1",
		"rooms/h?label.from=B":                "5 9",
		"rooms/h?label.from=A&label.to=C":     "1 5",
	} {
		if _, got := s.page("/v1/" + path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"by_n/h?n.from=x", "by_price/h?price.to=1.234", "rooms/h?label.to=ABCDEFGHIJ"} {
		s.want(422, "GET", "/v1/"+path, "")
	}
	s.want(422, "POST", "/v1/add", `{"house_id":"h","label":"D-1","n":10,"price":"1"}`)
}
