package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
)

func TestAccept(t *testing.T) {
	for header, want := range map[string]bool{
		"*/*": true, "application/json": true, "application/*": true, "text/html, */*;q=0.1": true,
		"text/html": false, "application/problem+json": false, "application/json;q=0": false, "*/*;q=0": false,
		"application/json;q=0, */*": false, "*/*;q=0, application/json": true, "application/*;q=0, */*": false,
		"application/json; charset=utf-8": true, ";;": false, "": false, "application/json;q=x": false,
	} {
		if got := acceptsJSON([]string{header}); got != want {
			t.Errorf("Accept: %s allows JSON: %v, want %v", header, got, want)
		}
	}
}

func TestIdempotencyKeyForms(t *testing.T) {
	for header, want := range map[string]string{
		`k`: "k", `"k"`: "k", `"a b"`: "", `"a\"b"`: `a"b`, `"a\\b"`: `a\b`, `"a\b"`: "", `"a`: "", `a"`: "", `"a,b;c"`: "a,b;c", `a,b`: "", `"`: "",
		strings.Repeat("k", 255): strings.Repeat("k", 255), `"` + strings.Repeat("k", 256) + `"`: "", "8e03978e-40d5-43dd-bc93-6894a57f9324": "8e03978e-40d5-43dd-bc93-6894a57f9324",
	} {
		got, err := idempotencyKey([]string{header})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s is read as %q, %v", header, got, err)
		}
	}
	if _, err := idempotencyKey([]string{"a", "b"}); err == nil {
		t.Error("two keys are taken")
	}
}

func TestCacheStatus(t *testing.T) {
	for outcome, want := range map[cache.Outcome]string{
		cache.Bypass: "partita; fwd=bypass", cache.Miss: "partita; fwd=miss", cache.Joined: "partita; fwd=miss; collapsed",
		cache.Hit: "partita; hit; ttl=-10", cache.Refreshed: "partita; hit; ttl=-10; detail=refresh", cache.Stale: "partita; fwd=stale; ttl=-10; detail=stale",
	} {
		if got := string(appendCacheStatus(nil, outcome, cache.Unasked, 20*time.Second, 30*time.Second)); got != want {
			t.Errorf("outcome %d: %q, want %q", outcome, got, want)
		}
	}
	for _, about := range []struct {
		outcome cache.Outcome
		visit   cache.Visit
		want    string
	}{
		{cache.Miss, cache.Missed, "shared; fwd=miss, partita; fwd=miss"},
		{cache.Joined, cache.Missed, "shared; fwd=miss, partita; fwd=miss; collapsed"},
		{cache.Shared, cache.Found, "shared; hit; ttl=15, partita; fwd=miss"},
		{cache.Shared, cache.Awaited, "shared; hit; ttl=15; collapsed, partita; fwd=miss"},
		{cache.Joined, cache.Found, "shared; hit; ttl=15, partita; fwd=miss; collapsed"},
		{cache.Hit, cache.Found, "partita; hit; ttl=15"},
	} {
		if got := string(appendCacheStatus(nil, about.outcome, about.visit, 20*time.Second, 5*time.Second)); got != about.want {
			t.Errorf("outcome %d, visit %d: %q, want %q", about.outcome, about.visit, got, about.want)
		}
	}
	if got := string(appendTiming(nil, 12_345_678*time.Nanosecond, 7*time.Microsecond)); got != "total;dur=12.345, store;dur=0.007" {
		t.Errorf("Server-Timing = %q", got)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range []fault.Code{
		fault.Internal, fault.BadRequest, fault.InvalidInput, fault.OutOfBounds, fault.BadCursor, fault.TooLarge, fault.UnsupportedMedia, fault.NotAcceptable,
		fault.MethodNotAllowed, fault.Unauthenticated, fault.Forbidden, fault.UnknownPattern, fault.NotFound, fault.MissingRow, fault.GuardFailed, fault.Exists,
		fault.NotUnique, fault.TooMany, fault.Precondition, fault.KeyReused, fault.InFlight, fault.QuotaExceeded, fault.Overloaded, fault.Unavailable, fault.Behind,
		fault.Deadline, fault.Gone, fault.NotActive,
	} {
		p, _ := problemOf(&fault.Error{Code: code, Message: "m"})
		if p.Status < 400 || p.Title == "" || p.Type != typePrefix+string(code) {
			t.Errorf("%s: %+v", code, p)
		}
	}
	if len(kinds) != 28 {
		t.Errorf("%d kinds: this list is not complete", len(kinds))
	}
	if p, _ := problemOf(&fault.Error{Code: "made_up", Message: "inner"}); p.Status != 500 || strings.Contains(p.Detail, "inner") {
		t.Errorf("an unknown code: %+v", p)
	}
}
