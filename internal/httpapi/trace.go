package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
)

// Tracer starts a span for each request to a known pattern. It is called on the hot path, and safe
// for concurrent use. The request's headers carry the caller's traceparent (W3C Trace Context), if
// there is one.
type Tracer interface {
	Start(r *http.Request, pattern string) (context.Context, Span)
}

// Span is one request being traced. End is called once: code is "" for an answer, outcome names what
// the cache did, "" for a write. It is an alias, so that a tracer need not import this package.
type Span = interface {
	End(status int, code fault.Code, outcome string, store time.Duration)
}

// outcomeNames are the cache's outcomes in words.
var outcomeNames = [...]string{
	cache.Bypass: "bypass", cache.Hit: "hit", cache.Miss: "miss", cache.Joined: "joined",
	cache.Refreshed: "refreshed", cache.Stale: "stale", cache.Shared: "shared",
}

// span starts a span where there is a tracer; the second result is nil otherwise.
func (a *API) span(r *http.Request, pattern string) (context.Context, Span) {
	if a.tracer == nil {
		return r.Context(), nil
	}
	return a.tracer.Start(r, pattern)
}
