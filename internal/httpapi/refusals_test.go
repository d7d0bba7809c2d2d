package httpapi_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
)

// pages has keys that stand in addresses, and a field that is worked out.
const pages = `
service: wiki
partitions: {site: {by: site_id, type: string(20), expect: 10}}
entities:
  page: {in: site, key: slug, expect: 5, fields: {slug: string(20), views: {type: int, default: 0}, more: json(1000)?}}
reads:
  page: {get: page}
  pages: {list: page}
writes:
  put_page: {upsert: page, input: [more]}
  share:    {update: page, input: {parts: int}, set: {views: = row.views / input.parts}}
`

func wiki(t *testing.T) *service {
	m, err := model.Parse("wiki.yaml", []byte(pages), nil)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, m, nil)
}

func TestKeysThatAddressesCannotHoldAreRefused(t *testing.T) {
	s := wiki(t)
	for _, dots := range []string{"", ".", ".."} {
		for _, body := range []string{`{"site_id":"a","slug":"` + dots + `"}`, `{"site_id":"` + dots + `","slug":"a"}`} {
			p := problemIn(t, s.want(422, "POST", "/v1/put_page", body))
			if p.code() != "out_of_bounds" || !strings.Contains(p.Detail, "must not be "+cmp.Or(dots, "empty")) {
				t.Errorf("%s: %+v", body, p)
			}
		}
	}
	for _, address := range []string{"/v1/page//a", "/v1/page/a/", "/v1/pages/"} {
		p := problemIn(t, s.want(422, "GET", address, ""))
		if p.code() != "out_of_bounds" || !strings.Contains(p.Detail, "must not be empty") {
			t.Errorf("%s: %+v", address, p)
		}
	}
	for _, slug := range []string{"...", ".a", "a.", ".well-known"} {
		a := s.want(201, "POST", "/v1/put_page", `{"site_id":"a","slug":"`+slug+`"}`)
		s.want(200, "GET", a.header.Get("Location"), "")
	}
}

func TestTooDeepBodiesAreCalledSo(t *testing.T) {
	s := wiki(t)
	nested := func(levels int) string {
		return `{"site_id":"a","slug":"a","more":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	}
	s.want(201, "POST", "/v1/put_page", nested(64))
	for levels, status := range map[int]int{65: 422, 20_000: 400} {
		p := problemIn(t, s.want(status, "POST", "/v1/put_page", nested(levels)))
		if !strings.Contains(p.Detail, "64") || strings.Contains(p.Detail, "not valid") {
			t.Errorf("%d levels: %+v", levels, p)
		}
	}
}

func TestAValueThatCannotBeWorkedOutIsNamed(t *testing.T) {
	s := wiki(t)
	s.want(201, "POST", "/v1/put_page", `{"site_id":"a","slug":"a"}`)
	p := problemIn(t, s.want(422, "POST", "/v1/share", `{"site_id":"a","slug":"a","parts":0}`))
	if !strings.Contains(p.Detail, "page.views") || !strings.Contains(p.Detail, "divided by zero") {
		t.Errorf("%+v", p)
	}
}

// Without access rules a host name may be a stranger's, and the description says what comes of it.
func TestTheDescriptionTellsOfStrangeHostNames(t *testing.T) {
	s := wiki(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/page/a/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "stranger.example"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Error(answer.Status)
	}
	var d struct {
		Paths map[string]map[string]struct {
			Responses map[string]any
		}
	}
	if err := json.Unmarshal([]byte(s.want(200, "GET", "/openapi.json", "").body), &d); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{"/v1/page/{site_id}/{slug}": "get", "/v1/put_page": "post", "/v1/batch": "post"} {
		if d.Paths[path][method].Responses["403"] == nil {
			t.Errorf("%s %s: no 403 among %v", method, path, d.Paths[path][method].Responses)
		}
	}
}
