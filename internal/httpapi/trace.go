package httpapi

import (
	"context"
	"net/http"

	"github.com/partita-dev/partita/fault"
)

// Tracer starts a span for each request to a known pattern. It is called on the hot path, and safe
// for concurrent use. The request's headers carry the caller's traceparent (W3C Trace Context), if
// there is one.
type Tracer interface {
	Start(r *http.Request, pattern string) (context.Context, Span)
}

// Span is one request being traced. End is called once; code is "" for an answer.
type Span interface {
	End(status int, code fault.Code)
}

// span starts a span where there is a tracer; the second result is nil otherwise.
func (a *API) span(r *http.Request, pattern string) (context.Context, Span) {
	if a.tracer == nil {
		return r.Context(), nil
	}
	return a.tracer.Start(r, pattern)
}
