package httpapi

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
)

// kind is what HTTP says of a fault.
type kind struct {
	status int
	title  string
}

// kinds is the one table from codes to HTTP.
var kinds = map[fault.Code]kind{
	fault.Internal:         {http.StatusInternalServerError, "Something went wrong inside"},
	fault.BadRequest:       {http.StatusBadRequest, "The request cannot be read"},
	fault.InvalidInput:     {http.StatusUnprocessableEntity, "The input is not valid"},
	fault.OutOfBounds:      {http.StatusUnprocessableEntity, "A value is out of bounds"},
	fault.BadCursor:        {http.StatusBadRequest, "The cursor is not valid"},
	fault.TooLarge:         {http.StatusRequestEntityTooLarge, "The body is too large"},
	fault.UnsupportedMedia: {http.StatusUnsupportedMediaType, "The body must be JSON"},
	fault.NotAcceptable:    {http.StatusNotAcceptable, "Answers are JSON only"},
	fault.MethodNotAllowed: {http.StatusMethodNotAllowed, "The method is not allowed here"},
	fault.Unauthenticated:  {http.StatusUnauthorized, "A valid token is needed"},
	fault.Forbidden:        {http.StatusForbidden, "Not allowed"},
	fault.UnknownPattern:   {http.StatusNotFound, "There is nothing at this address"},
	fault.NotFound:         {http.StatusNotFound, "There is no such row"},
	fault.MissingRow:       {http.StatusNotFound, "A needed row is missing"},
	fault.GuardFailed:      {http.StatusConflict, "The row's state does not allow this"},
	fault.Exists:           {http.StatusConflict, "The row exists already"},
	fault.NotUnique:        {http.StatusConflict, "A value must be unique"},
	fault.TooMany:          {http.StatusUnprocessableEntity, "Too many items"},
	fault.Precondition:     {http.StatusPreconditionFailed, "The row has changed"},
	fault.KeyReused:        {http.StatusUnprocessableEntity, "The idempotency key was used before"},
	fault.InFlight:         {http.StatusConflict, "The same request is being worked on"},
	fault.QuotaExceeded:    {http.StatusTooManyRequests, "The quota is used up"},
	fault.Overloaded:       {http.StatusServiceUnavailable, "The service is overloaded"},
	fault.Unavailable:      {http.StatusServiceUnavailable, "The service is unavailable"},
	fault.Behind:           {http.StatusServiceUnavailable, "The wanted version is not here yet"},
	fault.Deadline:         {http.StatusGatewayTimeout, "Not done in time"},
	fault.Gone:             {http.StatusGone, "Not kept any more"},
	fault.NotActive:        {http.StatusNotImplemented, "Not carried out by this release"},
}

const typePrefix = "urn:partita:problem:"

// problem is a body of application/problem+json (RFC 9457).
type problem struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail,omitempty"`
	Instance string          `json:"instance,omitempty"`
	Errors   []problemDetail `json:"errors,omitempty"`
	Violated []string        `json:"violated-policies,omitempty"` // quotas that are used up
}

// problemDetail names one bad place: of the body, or a parameter, or a header.
type problemDetail struct {
	Pointer   *string `json:"pointer,omitempty"`
	Parameter string  `json:"parameter,omitempty"`
	Header    string  `json:"header,omitempty"`
	Detail    string  `json:"detail"`
}

// problemOf turns an error into what a caller may see. Anything that is not a fault is Internal, and
// says no more than that.
func problemOf(err error) (problem, *fault.Error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = &fault.Error{Code: fault.Internal, Cause: err}
	}
	about, ok := kinds[f.Code]
	if !ok {
		f = &fault.Error{Code: fault.Internal, Cause: err}
		about = kinds[fault.Internal]
	}
	p := problem{Type: typePrefix + string(f.Code), Title: about.title, Status: about.status, Detail: f.Message}
	if f.Code == fault.Internal {
		p.Detail = "The service has noted what happened. Give its operator the instance of this problem."
		return p, f
	}
	for _, d := range f.Details {
		p.Errors = append(p.Errors, place(d))
	}
	return p, f
}

// headerNames are the headers that details may name.
var headerNames = map[string]bool{
	"Accept": true, "Authorization": true, "Content-Encoding": true, "Content-Type": true,
	"Idempotency-Key": true, "If-Match": true, "If-None-Match": true, "Partita-After": true, "Partita-Min-Version": true,
}

// place tells a pointer from the name of a header or a parameter.
func place(d fault.Detail) problemDetail {
	switch {
	case d.Pointer == "" || strings.HasPrefix(d.Pointer, "/"):
		return problemDetail{Pointer: &d.Pointer, Detail: d.Message}
	case headerNames[d.Pointer]:
		return problemDetail{Header: d.Pointer, Detail: d.Message}
	}
	return problemDetail{Parameter: d.Pointer, Detail: d.Message}
}

// encode gives the JSON of p, with < and > as they are.
func (p *problem) encode() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return []byte(`{"type":"about:blank"}`) // cannot be: p holds texts and a number
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

var (
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
)

// fail answers with a problem. Headers that were set before go along.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) fault.Code {
	p, f := problemOf(err)
	a.note(r, &p, f)
	h := w.Header()
	describeExceeded(h, &p, err)
	body := p.encode()
	h["Content-Type"] = problemType
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if f.RetryAfter > 0 {
		h["Retry-After"] = []string{retryAfter(f.RetryAfter)}
	}
	switch f.Code {
	case fault.Unauthenticated:
		h["Www-Authenticate"] = []string{a.challenge(r)}
	case fault.TooLarge:
		h["Connection"] = []string{"close"} // the rest of the body is not worth reading
	case fault.UnsupportedMedia:
		h["Accept"] = jsonType
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
	return f.Code
}

// retryAfter gives whole seconds, rounded up.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}

// challenge is the WWW-Authenticate header (RFC 6750).
func (a *API) challenge(r *http.Request) string {
	challenge := `Bearer realm="` + a.service + `"`
	if len(r.Header["Authorization"]) > 0 {
		challenge += `, error="invalid_token"`
	}
	return challenge
}

// note logs what a caller is not told. A defect gets an id that stands in the problem too.
func (a *API) note(r *http.Request, p *problem, f *fault.Error) {
	if f.Code != fault.Internal {
		if f.Cause != nil {
			a.logger.DebugContext(r.Context(), "a request was refused", "code", f.Code, "path", r.URL.Path, "error", f.Cause)
		}
		return
	}
	var id [8]byte
	rand.Read(id[:]) // never fails
	p.Instance = "urn:partita:request:" + hex.EncodeToString(id[:])
	attributes := []any{"instance", p.Instance, "method", r.Method, "path", r.URL.Path, "error", f.Error()}
	if parent := r.Header.Get("Traceparent"); parent != "" {
		attributes = append(attributes, "traceparent", parent)
	}
	if stack, ok := errors.AsType[*panicError](f); ok {
		attributes = append(attributes, slog.String("stack", string(stack.stack)))
	}
	a.logger.ErrorContext(r.Context(), "a request failed inside", attributes...)
}

// panicError keeps where a panic happened, for the log.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// caught turns a panic into an error: to be deferred. It lets http.ErrAbortHandler through.
func caught(err *error) {
	switch value := recover(); value {
	case nil:
	case http.ErrAbortHandler:
		panic(value)
	default:
		*err = panicked(value)
	}
}

func panicked(value any) error {
	return &fault.Error{Code: fault.Internal, Cause: &panicError{value, debug.Stack()}}
}
