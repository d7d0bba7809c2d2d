package httpapi_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var left = regexp.MustCompile(`^"posting";r=(\d+);t=\d+$`)

// The chat allows each of its members 5 posts a second, and 20 at once.
func TestQuotas(t *testing.T) {
	s := serve(t, models(t)["chat"], nil)
	s.want(201, "POST", "/v1/open_room", `{"room_id":"`+ann+`","title":"x"}`, token(t, "ann"))
	s.want(201, "POST", "/v1/add_member", `{"room_id":"`+ann+`","user_id":"bob"}`, token(t, "ann"))
	post := func(who string) answer {
		return s.do("POST", "/v1/post", `{"room_id":"`+ann+`","text":"hello"}`, token(t, who))
	}
	var refused answer
	before := 21
	for n := 0; ; n++ {
		a := post("ann")
		if a.header.Get("RateLimit-Policy") != `"posting";q=20;w=4` {
			t.Fatalf("%d: RateLimit-Policy: %s", a.status, a.header.Get("RateLimit-Policy"))
		}
		found := left.FindStringSubmatch(a.header.Get("RateLimit"))
		if found == nil {
			t.Fatalf("%d: RateLimit: %s", a.status, a.header.Get("RateLimit"))
		}
		remaining, _ := strconv.Atoi(found[1])
		if a.status == 429 {
			refused = a
			if n < 20 || remaining != 0 {
				t.Errorf("refused after %d posts, with %d left", n, remaining)
			}
			break
		}
		if a.status != 201 || n == 0 && remaining != 19 || n > 1000 {
			t.Fatalf("post %d: %d, %d left after %d: %s", n, a.status, remaining, before, a.body)
		}
		before = remaining
	}
	if refused.field(t, "type") != "urn:partita:problem:quota_exceeded" || !strings.Contains(refused.body, `"violated-policies":["posting"]`) {
		t.Errorf("refused with %s", refused.body)
	}
	if seconds, err := strconv.Atoi(refused.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 3 {
		t.Errorf("Retry-After: %q", refused.header.Get("Retry-After"))
	}
	if a := post("bob"); a.status != 201 {
		t.Errorf("another member is refused, too: %d %s", a.status, a.body)
	}
	if a := post("eve"); a.status != 403 || !left.MatchString(a.header.Get("RateLimit")) {
		t.Errorf("what is refused after it was counted does not say what is left: %d, RateLimit %q", a.status, a.header.Get("RateLimit"))
	}
	if a := s.do("GET", "/v1/messages/"+ann, "", token(t, "ann")); a.status != 200 || a.header.Get("RateLimit") != "" {
		t.Errorf("a read that is in no limit: %d %s", a.status, a.header.Get("RateLimit"))
	}
}

// In a batch each write counts on its own.
func TestQuotasInBatches(t *testing.T) {
	s := serve(t, models(t)["chat"], nil)
	s.want(201, "POST", "/v1/open_room", `{"room_id":"`+ann+`","title":"x"}`, token(t, "ann"))
	items := make([]string, 100)
	for i := range items {
		items[i] = fmt.Sprintf(`{"write":"post","input":{"room_id":"%s","text":"%d"}}`, ann, i)
	}
	a := s.want(200, "POST", "/v1/batch", `{"writes":[`+strings.Join(items, ",")+`]}`, token(t, "ann"))
	done, refused := strings.Count(a.body, `"status":201`), strings.Count(a.body, `"violated-policies":["posting"]`)
	if done < 20 || refused == 0 || done+refused != 100 {
		t.Errorf("%d were done, %d refused", done, refused)
	}
}
