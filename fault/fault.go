// Package fault holds the kinds of failure that users can meet, and the error type that carries
// them. A fault gets its code where it arises; only internal/httpapi turns codes into HTTP.
//
// It imports the standard library only, so every other package may import it.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Code is one stable kind of failure. Its text is the last part of the problem type
// urn:partita:problem:… and never changes once released.
type Code string

// The kinds of failure. Each has one HTTP status, given in internal/httpapi.
const (
	Internal         Code = "internal"            // a defect of ours or of the machine; details are in the log only
	BadRequest       Code = "bad_request"         // broken JSON, bad header, bad parameter syntax
	InvalidInput     Code = "invalid_input"       // well-formed, but fields are unknown, missing or of the wrong type
	OutOfBounds      Code = "out_of_bounds"       // a value leaves its field's min, max, size or pattern
	BadCursor        Code = "bad_cursor"          // forged, damaged, or of another query
	TooLarge         Code = "too_large"           // the body is over its bound
	UnsupportedMedia Code = "unsupported_media"   // not JSON
	NotAcceptable    Code = "not_acceptable"      // the caller refuses JSON
	MethodNotAllowed Code = "method_not_allowed"  // the address exists, the method does not
	Unauthenticated  Code = "unauthenticated"     // no token, or one that does not verify
	Forbidden        Code = "forbidden"           // verified, but no rule allows it
	UnknownPattern   Code = "unknown_pattern"     // no read or write of that name
	NotFound         Code = "not_found"           // no such row
	MissingRow       Code = "missing_row"         // a write needs a row that is not there
	GuardFailed      Code = "guard_failed"        // the row is there, but `when` says no
	Exists           Code = "exists"              // a row with this key is there already
	NotUnique        Code = "not_unique"          // another row holds this unique value
	TooMany          Code = "too_many"            // more rows or list items than `max` allows
	Precondition     Code = "precondition_failed" // If-Match does not hold
	KeyReused        Code = "key_reused"          // Idempotency-Key was used with another payload
	InFlight         Code = "in_flight"           // the same Idempotency-Key is being worked on right now
	QuotaExceeded    Code = "quota_exceeded"      // the caller's own limit
	Overloaded       Code = "overloaded"          // shed: the service has more to do than it can
	Unavailable      Code = "unavailable"         // a dependency is away
	Behind           Code = "behind"              // Partita-Min-Version cannot be met now
	Deadline         Code = "deadline"            // not done in time; the outcome may be unknown
	Gone             Code = "gone"                // what is asked for is not kept any more
	NotActive        Code = "not_active"          // declared in the model, not carried out by this release
)

// Detail names one bad place in a request.
type Detail struct {
	Pointer string // JSON pointer (RFC 6901) into the body, or the name of a parameter or header
	Message string // a sentence for the caller
}

// Error is a failure that a user may see: every text in it is safe to show. The cause is for the
// log only. Errors are immutable once returned.
type Error struct {
	Code       Code
	Message    string        // one sentence that says what is wrong and what to do
	Details    []Detail      // bad fields, if any
	RetryAfter time.Duration // when to come again; 0 where it would not help or is not known
	Cause      error         // never shown to a user
}

// New returns an error of the given code. The text is shown to users.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of the given code that keeps cause for the log.
func Wrap(code Code, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Error gives code, message and cause: for logs, not for users.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of the first Error in err's chain; Internal if there is none, and ""
// for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// Deterministic tells whether the same request against the same rows would fail the same way
// again, so that the outcome may be stored under an idempotency key and replayed.
func Deterministic(err error) bool {
	switch CodeOf(err) {
	case MissingRow, GuardFailed, Exists, NotUnique, TooMany, OutOfBounds, Precondition, InvalidInput:
		return true
	}
	return false
}

// Transient tells whether the same request may succeed later without any change.
func Transient(err error) bool {
	switch CodeOf(err) {
	case Overloaded, Unavailable, Behind, Deadline, InFlight, QuotaExceeded:
		return true
	}
	return false
}
