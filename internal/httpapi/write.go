package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
)

// writeRoute is what is known of a write before any request.
type writeRoute struct {
	write   *model.Write
	private bool // needs a token
}

func newWriteRoute(m *model.Model, w *model.Write) *writeRoute {
	return &writeRoute{write: w, private: m.Access != nil && !w.Allow.Public}
}

func (a *API) serveWrite(w http.ResponseWriter, r *http.Request, route *writeRoute, start time.Time) {
	ctx, span := a.span(r, route.write.Name)
	if degraded := a.modes.Write(route.write); degraded != nil {
		w.Header()["Partita-Degraded"] = degraded
	}
	q, err := a.prepareWrite(r, route)
	came := written{err: err}
	if err == nil {
		p := a.preference(r.Header["Prefer"], route.write)
		if came.err = a.comeAfter(ctx, r, q, p.async); came.err == nil {
			came = a.carry(ctx, q, p)
		}
	}
	status, code := a.tellWritten(w, r, route, q, &came, start)
	if span != nil {
		span.End(status, code, "", came.result.Store)
	}
}

// written is what came of a write.
type written struct {
	result  engine.WriteResult
	pending *accept.State // it was accepted, and is not done yet; nil otherwise
	applied string        // which of the caller's preferences were followed
	err     error
}

// carry hands a write to the engine, or over to be carried out later.
func (a *API) carry(ctx context.Context, q *engine.WriteRequest, p preference) (came written) {
	if p.async {
		return a.submit(ctx, q, p)
	}
	came.result, came.err = a.commit(ctx, q)
	return came
}

// tellWritten sends what came of a write and records it. It gives the status and the code of the error, if it is one.
func (a *API) tellWritten(w http.ResponseWriter, r *http.Request, route *writeRoute, q *engine.WriteRequest, came *written, start time.Time) (status int, code fault.Code) {
	sample := came.sample(start)
	status = came.status()
	if came.applied != "" {
		w.Header()["Preference-Applied"] = []string{came.applied}
	}
	switch {
	case came.err != nil:
		if came.result.Replayed {
			w.Header()["Idempotency-Replayed"] = []string{"true"}
		}
		if came.result.Version > 0 {
			w.Header()["Partita-Version"] = []string{a.engine.VersionToken(q.Write.Family, q.Args.Values[0], came.result.Version)}
		}
		describeQuotas(w.Header(), came.result.Quotas)
		sample.Code = a.fail(w, r, came.err)
		status = kinds[sample.Code].status
	case came.pending != nil:
		a.writeAccepted(w, came, sample.Total)
	default:
		a.writeResult(w, q, &came.result, sample.Total)
	}
	a.recorder.Write(route.write, sample)
	return status, sample.Code
}

func (came *written) sample(start time.Time) engine.WriteSample {
	return engine.WriteSample{Replayed: came.result.Replayed, Store: came.result.Store, Total: time.Since(start)}
}

// status is that of the answer, but for errors.
func (came *written) status() int {
	if came.pending != nil {
		return http.StatusAccepted
	}
	return statusOf(&came.result)
}

// commit hands a write to the engine. A panic there is an error like others, so that it is recorded.
func (a *API) commit(ctx context.Context, q *engine.WriteRequest) (result engine.WriteResult, err error) {
	defer caught(&err)
	result, err = a.engine.Write(ctx, q)
	return result, pointInto(err, q.Write)
}

// prepareWrite makes the request of a write, cheapest checks first: the body is read only when the
// headers are good.
func (a *API) prepareWrite(r *http.Request, route *writeRoute) (*engine.WriteRequest, error) {
	q := &engine.WriteRequest{Write: route.write}
	var err error
	if q.Claims, err = a.caller(r, route.private); err != nil {
		return nil, err
	}
	if accept := r.Header["Accept"]; len(accept) > 0 && !acceptsJSON(accept) {
		return nil, notAcceptable()
	}
	if r.URL.RawQuery != "" {
		return nil, fault.New(fault.BadRequest, "A write takes no query parameters; everything goes into the body.")
	}
	if q.IdempotencyKey, err = idempotencyKey(r.Header["Idempotency-Key"]); err != nil {
		return nil, err
	}
	if len(r.Header["If-None-Match"]) > 0 {
		// Ignored, it would let a write through that was to be done only where there is no row yet.
		return nil, &fault.Error{Code: fault.BadRequest, Message: "If-None-Match is for reads. A row that must not be there yet is written by an insert; a row as it was read, with If-Match.",
			Details: []fault.Detail{{Pointer: "If-None-Match", Message: "is not for writes"}}}
	}
	q.IfMatch = strings.Join(r.Header["If-Match"], ",")
	if q.Body, err = a.readBody(r); err != nil {
		return nil, err
	}
	if q.Args, err = model.DecodeArgs(route.write.Inputs, q.Body); err != nil {
		return nil, err
	}
	return q, nil
}

// readBody reads a JSON body, never more of it than is allowed.
func (a *API) readBody(r *http.Request) ([]byte, error) {
	if err := isJSON(r.Header); err != nil {
		return nil, err
	}
	if r.ContentLength > a.maxBody {
		return nil, a.tooLarge()
	}
	// A caller gets memory for what it sends, not for what it says that it will.
	room := min(max(r.ContentLength, 512), 64<<10)
	body := make([]byte, 0, room+1) // with room for the read that finds the end
	under := a.bodies.begin()
	defer under.end()
	if !under.grow(cap(body)) {
		return nil, tooMuchUnderWay()
	}
	limited := io.LimitReader(r.Body, a.maxBody+1)
	for {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > a.maxBody:
			return nil, a.tooLarge()
		case err == io.EOF:
			return body, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fault.Wrap(fault.BadRequest, err, "The rest of the body did not come in time.")
		case err != nil:
			return nil, fault.Wrap(fault.BadRequest, err, "The body broke off before its end.")
		}
		if len(body) == cap(body) {
			if !under.grow(2 * cap(body)) {
				return nil, tooMuchUnderWay()
			}
			grown := make([]byte, len(body), 2*cap(body))
			copy(grown, body)
			body = grown
		}
	}
}

func (a *API) tooLarge() error {
	return fault.New(fault.TooLarge, "The body is larger than %d bytes.", a.maxBody)
}

// pointInto turns the names of fields in an error's details into pointers into the body, where the
// body has them.
func pointInto(err error, w *model.Write) error {
	f, ok := err.(*fault.Error) //nolint:errorlint // the engine returns it as it is
	if !ok || len(f.Details) == 0 {
		return err
	}
	pointed := *f
	pointed.Details = make([]fault.Detail, 0, len(f.Details))
	for _, d := range f.Details {
		if d.Pointer != "" && d.Pointer[0] != '/' && !headerNames[d.Pointer] {
			if !takes(w, d.Pointer) {
				continue // of a row, not of the body: the message names it
			}
			d.Pointer = "/" + d.Pointer
		}
		pointed.Details = append(pointed.Details, d)
	}
	return &pointed
}

func takes(w *model.Write, name string) bool {
	for _, in := range w.Inputs {
		if in.Name == name {
			return true
		}
	}
	return false
}

func statusOf(result *engine.WriteResult) int {
	switch result.Kind {
	case engine.Created:
		return http.StatusCreated
	case engine.Deleted:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func (a *API) writeResult(w http.ResponseWriter, q *engine.WriteRequest, result *engine.WriteResult, total time.Duration) {
	h := w.Header()
	var room [64]byte
	values := &[7]string{
		a.engine.VersionToken(q.Write.Family, q.Args.Values[0], result.Version),
		string(appendTiming(room[:0], total, result.Store)),
		strconv.Itoa(len(result.Body)),
		result.Location, result.ETag, "true",
	}
	h["Partita-Version"] = values[0:1:1]
	h["Server-Timing"] = values[1:2:2]
	h["Cache-Control"] = noStore
	describeQuotas(h, result.Quotas)
	if result.Location != "" {
		h["Location"] = values[3:4:4]
	}
	if result.ETag != "" {
		h["Etag"] = values[4:5:5]
	}
	if result.Replayed {
		h["Idempotency-Replayed"] = values[5:6:6]
	}
	if result.Kind == engine.Deleted {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h["Content-Type"] = jsonType
	h["Content-Length"] = values[2:3:3]
	w.WriteHeader(statusOf(result))
	w.Write(result.Body)
}
