package httpapi_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestCacheHeadersAndInvalidation(t *testing.T) {
	s := diary(t, nil)
	s.add("a", 1)
	status := func(path string, headers ...string) string {
		a := s.want(200, "GET", path, "", headers...)
		if a.header.Get("Cache-Control") != "private, no-cache" || !strings.HasPrefix(a.header.Get("Server-Timing"), "total;dur=") {
			t.Errorf("headers = %v", a.header)
		}
		return a.header.Get("Cache-Status")
	}
	hit := regexp.MustCompile(`^partita; hit; ttl=[3-6][0-9]$`) // of the 60 s some have gone
	for i, want := range []*regexp.Regexp{regexp.MustCompile(`^partita; fwd=miss$`), hit, hit} {
		if got := status("/v1/note/a/1"); !want.MatchString(got) {
			t.Errorf("read %d: %q, want %v", i, got, want)
		}
	}
	age := s.want(200, "GET", "/v1/note/a/1", "").header.Get("Age")
	if got, err := strconv.Atoi(age); err != nil || got > 30 {
		t.Errorf("Age = %q", age)
	}
	if got := status("/v1/latest/a/1"); got != "partita; fwd=bypass" {
		t.Errorf("a strong read says %q", got)
	}
	changed := s.want(200, "POST", "/v1/change", `{"book_id":"a","n":1,"text":"new"}`)
	a := s.want(200, "GET", "/v1/note/a/1", "", "Partita-Min-Version: "+changed.header.Get("Partita-Version"))
	if a.header.Get("Cache-Status") != "partita; fwd=miss" || a.field(t, "text") != "new" {
		t.Errorf("after a write: %q, %s", a.header.Get("Cache-Status"), a.body)
	}
	if a.header.Get("Partita-Version") != changed.header.Get("Partita-Version") || changed.header.Get("Cache-Control") != "no-store" {
		t.Errorf("versions %q and %q", a.header.Get("Partita-Version"), changed.header.Get("Partita-Version"))
	}
	s.want(404, "GET", "/v1/note/a/9", "")
	if missing := s.want(404, "GET", "/v1/note/a/9", ""); !strings.HasPrefix(missing.header.Get("Cache-Status"), "partita; hit") {
		t.Errorf("not found is not cached: %q", missing.header.Get("Cache-Status"))
	}
}

func TestStoreAway(t *testing.T) {
	s := diary(t, nil)
	s.add("a", 1)
	s.want(200, "GET", "/v1/note/a/1", "")
	changed := s.want(200, "POST", "/v1/change", `{"book_id":"a","n":1,"text":"new"}`)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	a := s.want(200, "GET", "/v1/note/a/1", "")
	if got := a.header.Get("Cache-Status"); !strings.HasPrefix(got, "partita; fwd=stale; ttl=") || !strings.HasSuffix(got, "; detail=stale") || a.header.Get("Age") == "" {
		t.Errorf("stale is not told: %q, Age %q", got, a.header.Get("Age"))
	}
	for _, away := range []answer{
		s.want(503, "GET", "/v1/latest/a/1", ""),
		s.want(503, "POST", "/v1/add", `{"book_id":"a","text":"x"}`),
		s.want(503, "GET", "/v1/note/a/1", "", "Partita-Min-Version: "+changed.header.Get("Partita-Version")),
	} {
		problemIn(t, away)
	}
}

func TestConditionalRequests(t *testing.T) {
	s := diary(t, nil)
	s.add("a", 1)
	for _, path := range []string{"/v1/note/a/1", "/v1/latest/a/1", "/v1/notes/a"} {
		first := s.want(200, "GET", path, "")
		tag := first.header.Get("ETag")
		for _, known := range []string{tag, `"other", ` + tag, "W/" + tag, "*"} {
			same := s.want(304, "GET", path, "", "If-None-Match: "+known)
			if same.body != "" || same.header.Get("ETag") != tag {
				t.Errorf("304 with body %q and tag %q", same.body, same.header.Get("ETag"))
			}
		}
		s.want(200, "GET", path, "", `If-None-Match: "other"`)
		head := s.want(200, "HEAD", path, "")
		if head.body != "" || head.header.Get("ETag") != tag || head.header.Get("Content-Length") != strconv.Itoa(len(first.body)) {
			t.Errorf("HEAD of %s: %v", path, head.header)
		}
	}
	tag := s.want(200, "GET", "/v1/note/a/1", "").header.Get("ETag")
	changed := s.want(200, "POST", "/v1/change", `{"book_id":"a","n":1,"text":"new"}`, "If-Match: "+tag)
	s.want(412, "POST", "/v1/change", `{"book_id":"a","n":1,"text":"newer"}`, "If-Match: "+tag)
	s.want(200, "POST", "/v1/change", `{"book_id":"a","n":1,"text":"newer"}`, "If-Match: "+changed.header.Get("ETag"))
	s.want(200, "GET", "/v1/note/a/1", "", "If-None-Match: "+tag)
}

func TestWritesAnswerAsTheyShould(t *testing.T) {
	s := diary(t, nil)
	added := s.want(201, "POST", "/v1/add", `{"book_id":"a","text":"x"}`, "Content-Type: application/json; charset=UTF-8")
	if added.header.Get("Location") != "/v1/note/a/1" || added.header.Get("ETag") == "" {
		t.Errorf("headers = %v", added.header)
	}
	if got := s.want(200, "GET", added.header.Get("Location"), ""); got.body != added.body || got.header.Get("ETag") != added.header.Get("ETag") {
		t.Errorf("read %s, written %s", got.body, added.body)
	}
	gone := s.want(204, "POST", "/v1/drop", `{"book_id":"a","n":1}`)
	if gone.body != "" || gone.header.Get("Partita-Version") == "" {
		t.Errorf("204 with %q and %v", gone.body, gone.header)
	}
	s.want(404, "GET", "/v1/note/a/1", "")
}

func TestIdempotencyKeys(t *testing.T) {
	s := shop(t)
	me, staff := token(t, ann), token(t, "ops", "staff")
	body := `{"customer_id":"` + ann + `","total":1,"lines":[]}`
	first := s.want(201, "POST", "/v1/place_order", body, me, `Idempotency-Key: "k-1"`)
	again := s.want(201, "POST", "/v1/place_order", body, me, `Idempotency-Key: k-1`) // the same key without its quotes
	if again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("a repeat gets another answer: %s, then %s", first.body, again.body)
	}
	if first.header.Get("Idempotency-Replayed") != "" || s.head(ann) != 1 {
		t.Errorf("version %d", s.head(ann))
	}
	for _, other := range []answer{
		s.want(422, "POST", "/v1/place_order", strings.Replace(body, "1,", "2,", 1), me, `Idempotency-Key: "k-1"`),
		s.want(422, "POST", "/v1/place_order", body, me, `Idempotency-Key: "k-1"`, `If-Match: *`),
	} {
		if problemIn(t, other).code() != "key_reused" {
			t.Errorf("another payload: %s", other.body)
		}
	}
	// Another caller's key is another key: it neither sees the first outcome nor collides with it.
	theirs := s.want(201, "POST", "/v1/place_order", strings.Replace(body, "1,", "3,", 1), staff, `Idempotency-Key: "k-1"`)
	if theirs.header.Get("Idempotency-Replayed") != "" || s.head(ann) != 2 {
		t.Errorf("another caller's key collides: version %d", s.head(ann))
	}
	// Refusals that would come again are kept too.
	id := first.header.Get("Location")[strings.LastIndex(first.header.Get("Location"), "/")+1:]
	s.want(201, "POST", "/v1/put_customer", `{"customer_id":"`+ann+`","name":"Ann","email":"ann@example.com"}`, me)
	s.want(409, "POST", "/v1/pay_order", order(id), me, "Idempotency-Key: k-2")
	s.want(200, "POST", "/v1/add_credit", `{"customer_id":"`+ann+`","amount":100}`, staff)
	refused := s.want(409, "POST", "/v1/pay_order", order(id), me, "Idempotency-Key: k-2")
	if refused.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("a refusal of before is given as if it were new: %v", refused.header)
	}
	s.want(200, "POST", "/v1/pay_order", order(id), me, "Idempotency-Key: k-3")
}
