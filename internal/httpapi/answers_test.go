package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// journal is a model without access: short pages, strong and cached reads, partitions that are texts.
const journal = `
service: journal
partitions:
  book: {by: book_id, type: string(40), expect: 100}
entities:
  note:
    in: book
    key: n
    expect: 100
    fields:
      n:    {type: int, default: next}
      text: string(100)
      mood: {enum: [calm, wild], default: calm}
reads:
  note:   {get: note, fresh: 1m, stale: 1h}
  latest: {get: note}
  notes:  {list: note, filter: [mood], range: n, page: 3, fresh: 1m, stale: 1h}
  back:   {list: note, sort: -n, page: 3}
writes:
  add:    {insert: note, input: [text, mood]}
  change: {update: note, input: [text]}
  drop:   {delete: note}
`

func diary(t *testing.T, change func(*httpapi.Config)) *service {
	m, err := model.Parse("journal.yaml", []byte(journal), nil)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, m, change)
}

func (s *service) add(book string, n int) {
	s.t.Helper()
	for i := range n {
		s.want(201, "POST", "/v1/add", fmt.Sprintf(`{"book_id":%q,"text":"note %d"}`, book, i+1))
	}
}

type page struct {
	Items      []struct{ N int }
	Next, Prev string
}

func (s *service) page(path string) (p page, numbers string) {
	s.t.Helper()
	a := s.want(200, "GET", path, "")
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		s.t.Fatal(err)
	}
	for _, item := range p.Items {
		numbers += strconv.Itoa(item.N) + " "
	}
	return p, strings.TrimSpace(numbers)
}

func TestPagingBothWays(t *testing.T) {
	s := diary(t, nil)
	s.add("a", 8)
	for read, want := range map[string][]string{"notes": {"1 2 3", "4 5 6", "7 8"}, "back": {"8 7 6", "5 4 3", "2 1"}} {
		t.Run(read, func(t *testing.T) {
			s.t = t
			base := "/v1/" + read + "/a"
			p, got := s.page(base)
			if got != want[0] || p.Prev != "" {
				t.Fatalf("first page = %q, prev %q", got, p.Prev)
			}
			for _, w := range want[1:] {
				if p, got = s.page(base + "?after=" + p.Next); got != w {
					t.Fatalf("page = %q, want %q", got, w)
				}
			}
			if p.Next != "" {
				t.Errorf("the last page has a next")
			}
			for _, w := range []string{want[1], want[0]} {
				if p, got = s.page(base + "?before=" + p.Prev); got != w {
					t.Fatalf("page back = %q, want %q", got, w)
				}
			}
			if p.Prev != "" {
				t.Error("the first page, reached backwards, has a prev")
			}
			if _, got = s.page(base + "?after=" + p.Next); got != want[1] {
				t.Errorf("turning round gives %q", got)
			}
		})
	}
}

func TestFiltersRangesAndForeignCursors(t *testing.T) {
	s := diary(t, nil)
	s.add("a", 4)
	s.want(201, "POST", "/v1/add", `{"book_id":"a","text":"x","mood":"wild"}`)
	if _, got := s.page("/v1/notes/a?mood=wild"); got != "5" {
		t.Errorf("filtered = %q", got)
	}
	if _, got := s.page("/v1/notes/a?n.from=2&n.to=4"); got != "2 3" {
		t.Errorf("range = %q: it is half-open", got)
	}
	if _, got := s.page("/v1/notes/nobody"); got != "" {
		t.Errorf("an empty partition has %q", got)
	}
	p, _ := s.page("/v1/notes/a")
	for _, path := range []string{"/v1/notes/b?after=", "/v1/back/a?after=", "/v1/notes/a?mood=calm&after=", "/v1/notes/a?n.from=1&after="} {
		if got := problemIn(t, s.want(400, "GET", path+p.Next, "")); got.code() != "bad_cursor" {
			t.Errorf("%s: %s", path, got.code())
		}
	}
}

func TestPartitionsThatNeedEscapes(t *testing.T) {
	s := diary(t, nil)
	for _, book := range []string{"a/b", "ü %", "100%", "a+b", "q?x=1&y"} {
		a := s.want(201, "POST", "/v1/add", fmt.Sprintf(`{"book_id":%q,"text":"x"}`, book))
		got := s.want(200, "GET", a.header.Get("Location"), "")
		if got.field(t, "book_id") != book {
			t.Errorf("%q is read as %s", book, got.body)
		}
	}
}

func TestAroundThePatterns(t *testing.T) {
	reasons := []string{"store: away"}
	s := diary(t, func(c *httpapi.Config) { c.Ready = func() (bool, []string) { return len(reasons) == 0, reasons } })
	s.want(200, "GET", "/healthz", "")
	if a := s.want(503, "GET", "/readyz", ""); a.body != `{"ready":false,"reasons":["store: away"]}` {
		t.Errorf("body = %s", a.body)
	}
	reasons = nil
	if a := s.want(200, "GET", "/readyz", ""); a.body != `{"ready":true,"reasons":[]}` {
		t.Errorf("body = %s", a.body)
	}
	description := s.want(200, "GET", "/openapi.json", "")
	if text, err := httpapi.OpenAPI(s.model); err != nil || string(text) != description.body {
		t.Error("the description served is not that of the model")
	}
	s.want(304, "GET", "/openapi.json", "", "If-None-Match: "+description.header.Get("ETag"))
	s.want(405, "POST", "/healthz", "")
	for path, allow := range map[string]string{"/v1/note/a/1": "GET, HEAD, OPTIONS", "/v1/add": "POST, OPTIONS", "/v1/batch": "POST, OPTIONS", "/healthz": "GET, HEAD, OPTIONS"} {
		if a := s.want(204, "OPTIONS", path, ""); a.header.Get("Allow") != allow {
			t.Errorf("OPTIONS %s: %q", path, a.header.Get("Allow"))
		}
	}
	s.want(200, "GET", "/v1/notes/a", "", "Authorization: nonsense") // no access in the model: tokens are not looked at
}

func TestServerHoldsSlowClientsOff(t *testing.T) {
	server := httpapi.Server(http.NotFoundHandler())
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
}
