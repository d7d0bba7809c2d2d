package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
)

const parcels = `
service: parcels
partitions: {house: {by: house_id, type: string(20), expect: 10}}
entities:
  parcel: {in: house, key: n, expect: 100, fields: {n: {type: int, default: next}, note: text(100)?}}
limits:
  wide:   {of: [send, counted], per: [house_id], rate: 1000/s, burst: 100000}
  narrow: {of: [send], per: [house_id], rate: 1/h}
reads:
  one: {get: parcel}
  all: {list: parcel}
writes:
  put:     {insert: parcel, input: [note], async: offered}
  always:  {insert: parcel, input: [note], async: always}
  atonce:  {insert: parcel, input: [note]}
  counted: {insert: parcel, input: [note], async: offered}
  send:    {insert: parcel, input: [note], async: offered}
`

// operations are the parts of an answer that differ from one accepted write to the next.
var operations = regexp.MustCompile(`(?m)"id":"[^"]*"|/v1/operations/[^\r]*|/v1/one/h/[0-9]+|"n":[0-9]+|^Content-Length: .*`)

func TestAcceptedWritesAtTheDoorAreThoseOfNetHTTP(t *testing.T) {
	m, err := model.Parse("parcels.yaml", []byte(parcels), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := acceptingModel(t, m).twice()
	const body, later = `{"house_id":"h","note":"red"}`, "Prefer: respond-async"
	for _, test := range []struct {
		name, request, status string
		direct                bool
	}{
		{"at once", post("put", body), "201", true},
		{"later", post("put", body, later), "202", true},
		{"later, in other words", post("put", body, "PREFER:  Respond-Async "), "202", true},
		{"later, under a key", post("put", body, later, "Idempotency-Key: a"), "202", true},
		{"always later", post("always", body), "202", true},
		{"never later", post("atonce", body, later), "201", true},
		{"within limits", post("counted", body, later), "202", true},
		{"beyond a limit", post("send", body, later), "429", true},
		{"later, or soon", post("put", body, later+", wait=0"), "202", false},
		{"two preferences", post("put", body, later, "Prefer: wait=0"), "202", false},
		{"after another", post("put", body, later, "Partita-After: x"), "400", false},
		{"not good", post("put", `{"house_id":"h","note":1}`, later), "422", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := strings.Replace(test.request, "Host: x", "Host: localhost", 1)
			var want, got string
			direct := false
			for range 50 { // net/http may have looked for the caller just when the request came; then it is net/http's
				want = operations.ReplaceAllString(s.heard(s.plain, request, 1), "…")
				s.begun.Store(0)
				got = operations.ReplaceAllString(s.heard(s.door, request, 1), "…")
				if direct = s.begun.Load() == 1; got == want && direct == test.direct {
					break
				}
			}
			if got != want || !strings.HasPrefix(got, "HTTP/1.1 "+test.status) {
				t.Errorf("behind the door\n%s\nand without it\n%s", got, want)
			}
			if direct != test.direct {
				t.Errorf("answered at the door: %v", direct)
			}
		})
	}
}

// What is accepted says what is left of the limits that it counts in.
func TestQuotasOfAcceptedWrites(t *testing.T) {
	m, err := model.Parse("parcels.yaml", []byte(parcels), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := acceptingModel(t, m).twice()
	const body = `{"house_id":"h"}`
	a := s.want(202, "POST", "/v1/counted", body, async)
	if a.header.Get("RateLimit-Policy") != `"wide";q=100000;w=100` || !strings.HasPrefix(a.header.Get("RateLimit"), `"wide";r=99999;t=`) {
		t.Errorf("%v", a.header)
	}
	c, r := s.known(s.door)
	for range 3 {
		answer, err := sent(c, r, strings.Replace(post("counted", body, async), "Host: x", "Host: localhost", 1))
		if err != nil || answer.StatusCode != http.StatusAccepted || !strings.HasPrefix(answer.Header.Get("RateLimit"), `"wide";r=9999`) {
			t.Errorf("%v, %v", answer, err)
		}
	}
}
