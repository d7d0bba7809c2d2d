package runtime

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is one kind of problem: the last part of its type.
type Kind string

// The kinds of problem that callers often tell apart.
const (
	InvalidInput    Kind = "invalid_input"
	OutOfBounds     Kind = "out_of_bounds"
	Unauthenticated Kind = "unauthenticated"
	Forbidden       Kind = "forbidden"
	NotFound        Kind = "not_found"   // a read's row
	MissingRow      Kind = "missing_row" // a row that a write needs
	GuardFailed     Kind = "guard_failed"
	Exists          Kind = "exists"
	NotUnique       Kind = "not_unique"
	TooMany         Kind = "too_many"
	Precondition    Kind = "precondition_failed"
	KeyReused       Kind = "key_reused"
	InFlight        Kind = "in_flight"
	QuotaExceeded   Kind = "quota_exceeded"
	Overloaded      Kind = "overloaded"
	Unavailable     Kind = "unavailable"
	Behind          Kind = "behind"
	Deadline        Kind = "deadline"
	Gone            Kind = "gone"
)

// Problem is a refusal by the service (RFC 9457). errors.As takes it out of an error, IsKind asks for one.
type Problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance"`
	Errors   []ProblemPlace `json:"errors"`

	// RetryAfter is how long the service asks to wait; 0 where it does not say.
	RetryAfter time.Duration `json:"-"`
}

// ProblemPlace names one bad place of a request: exactly one of Pointer, Parameter and Header is set.
type ProblemPlace struct {
	Pointer   string `json:"pointer"` // JSON pointer (RFC 6901) into the body
	Parameter string `json:"parameter"`
	Header    string `json:"header"`
	Detail    string `json:"detail"`
}

const typePrefix = "urn:partita:problem:"

// Kind gives the kind of problem; "" for one that is not the service's own.
func (p *Problem) Kind() Kind {
	kind, ours := strings.CutPrefix(p.Type, typePrefix)
	if !ours {
		return ""
	}
	return Kind(kind)
}

// Error gives the title and what to do.
func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if len(p.Errors) > 1 {
		for _, place := range p.Errors {
			text += " [" + place.Pointer + place.Parameter + place.Header + ": " + place.Detail + "]"
		}
	}
	return text
}

// IsKind tells whether an error is, or wraps, a problem of this kind.
func IsKind(err error, kind Kind) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Kind() == kind
}

// problemOf reads a refusal, also one by something on the way that does not speak RFC 9457.
func problemOf(r *http.Response, body []byte) *Problem {
	p := &Problem{}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, p) != nil {
		*p = Problem{Type: "about:blank", Title: "The answer was " + r.Status}
	}
	p.Status = r.StatusCode
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(r.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = max(0, time.Until(at))
	}
	return p
}
