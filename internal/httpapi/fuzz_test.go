package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/httpapi"
)

// FuzzRequest sends anything to a service: paths, filters and cursors, lists of tags, keys, tokens,
// bodies and batches. No fault inside comes of it, and what is
// refused is a problem.
func FuzzRequest(f *testing.F) {
	s := serve(f, models(f)["shop"], func(c *httpapi.Config) { c.MaxBody = 1 << 16 })
	me := token(f, ann)
	order := `{"customer_id":"` + ann + `","lines":[{"product_id":"` + bob + `","quantity":1}]}`
	for _, seed := range []struct{ method, target, name, value, body string }{
		{"GET", "/v1/orders/" + ann + "?status=placed&after=AAAA", "If-None-Match", `W/"a", "b"`, ""},
		{"GET", "/v1/orders/" + ann + "?placed_at.from=2026-01-01T00:00:00Z&before=x", "Partita-Min-Version", "customer/" + ann + "/x/1", ""},
		{"GET", "/v1/order/" + ann + "/%2e%2e", "Accept", "application/json;q=0.5, */*;q=0", ""},
		{"GET", "/v1/feeds/x/" + ann + "?after=1", "Last-Event-ID", "a.1", ""},
		{"GET", "/v1/operations/abc?wait=1ms", "Authorization", "Bearer x.y.z", ""},
		{"POST", "/v1/place_order", "If-Match", `"a.1.b", *`, order},
		{"POST", "/v1/place_order", "Idempotency-Key", `"a\"b"`, `{"customer_id":"` + ann + `","customer_id":1e400}`},
		{"POST", "/v1/batch", "Prefer", "respond-async, wait=1", `{"writes":[{"write":"place_order","input":` + order + `,"if_match":"*"}]}`},
	} {
		f.Add(seed.method, seed.target, seed.name, seed.value, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, target, name, value, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || method == http.MethodHead {
			return // net/http would not let it through
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL, r.Host = method, u, "127.0.0.1"
		r.Header.Set("Authorization", strings.TrimPrefix(me, "Authorization: "))
		r.Header.Set("Content-Type", "application/json")
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		if strings.Contains(r.Header.Get("Accept"), "event-stream") {
			return // a feed goes on
		}
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable { // that is for a version that there is not yet
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Code >= 400 {
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Detail == "" {
				t.Errorf("%d with %q, %v", w.Code, w.Body, err)
			}
		}
	})
}
