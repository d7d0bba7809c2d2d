package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
)

// directWrite answers a write. While that waits for its group it holds its connection, as behind net/http; unlike
// there it goes on when the caller leaves meanwhile.
//
// Writes that run a Go function are not for here: how long they take is theirs, and they may look whether the caller is
// still there.
func (a *API) directWrite(ctx context.Context, room, request []byte) (answer []byte, ok bool) {
	start, begun := time.Now(), false
	var degraded []string
	defer func() {
		cause := recover()
		switch {
		case cause == nil:
		case !begun: // the same happens again where it is recorded and told
			answer, ok = room, false
		default:
			answer = a.atLength(room, request, degraded, start, func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, panicked(cause)) })
			ok = true
		}
	}()
	head, fields, ok := readPost(request)
	if !ok {
		return room, false
	}
	route := a.writes[string(head.name)]
	if route == nil || route.write.Code || !head.readFields(fields) || int64(len(head.body)) > a.maxBody {
		return room, false
	}
	claims, ok := a.known(&head, route.private)
	if !ok {
		return room, false
	}
	q, p, ok := a.plainWrite(route.write, claims, &head)
	if !ok {
		return room, false
	}
	degraded = a.modes.Write(route.write)
	begun = true // from here on nobody else may do it
	came := a.carry(ctx, q, p)
	return a.appendCame(room, request, route, q, &came, degraded, start), true
}

// plainWrite makes the request of a write. Nothing of it is in the memory of the connection, which another request
// may use before the store is done with this one. What is not good is left to net/http.
func (a *API) plainWrite(w *model.Write, claims *model.Claims, head *requestHead) (_ *engine.WriteRequest, p preference, ok bool) {
	q := &engine.WriteRequest{Write: w, Claims: claims, Body: bytes.Clone(head.body), IfMatch: string(head.ifMatch)}
	var err error
	if head.key != nil {
		if q.IdempotencyKey, err = idempotencyKey([]string{string(head.key)}); err != nil {
			return nil, p, false
		}
	}
	if head.async {
		p = a.preference(respondAsync, w)
	} else {
		p = a.preference(nil, w)
	}
	if q.Args, err = model.DecodeArgs(w.Inputs, q.Body); err != nil {
		return nil, p, false
	}
	return q, p, true
}

var respondAsync = []string{"respond-async"}

// appendCame appends what came of a write.
func (a *API) appendCame(answer, request []byte, route *writeRoute, q *engine.WriteRequest, came *written, degraded []string, start time.Time) []byte {
	if came.err != nil {
		return a.atLength(answer, request, degraded, start, func(w http.ResponseWriter, r *http.Request) {
			a.tellWritten(w, r, route, q, came, start)
		})
	}
	sample := came.sample(start)
	answer = a.appendWritten(answer, q, came, degraded, sample.Total, start)
	a.recorder.Write(route.write, sample)
	return answer
}

// appendWritten appends the answer to a write that was done, or accepted, with its headers in the order in which
// net/http writes them.
func (a *API) appendWritten(b []byte, q *engine.WriteRequest, came *written, degraded []string, total time.Duration, now time.Time) []byte {
	result := &came.result
	status, body, location := came.status(), result.Body, result.Location
	if came.pending != nil {
		body, location = a.operationBody(came.pending), operationsPath+came.pending.ID
	}
	b = append(strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10), ' ')
	b = append(append(b, http.StatusText(status)...), "\r\nCache-Control: no-store"...)
	if status != http.StatusNoContent {
		b = append(appendLength(b, body), "\r\nContent-Type: application/json"...)
	}
	b = appendField(b, "\r\nEtag: ", result.ETag)
	if result.Replayed {
		b = append(b, "\r\nIdempotency-Replayed: true"...)
	}
	b = appendField(b, "\r\nLocation: ", location)
	for _, value := range degraded {
		b = appendField(b, "\r\nPartita-Degraded: ", value)
	}
	if came.pending == nil {
		b = a.engine.AppendVersionToken(append(b, "\r\nPartita-Version: "...), q.Write.Family, q.Args.Values[0], result.Version)
	}
	b = appendField(b, "\r\nPreference-Applied: ", came.applied)
	if len(result.Quotas) > 0 {
		b = appendLeft(append(b, "\r\nRatelimit: "...), result.Quotas)
		b = appendPolicies(append(b, "\r\nRatelimit-Policy: "...), result.Quotas)
	}
	b = appendTiming(append(b, "\r\nServer-Timing: "...), total, result.Store)
	b = a.date.append(append(b, "\r\nDate: "...), now)
	b = append(b, "\r\n\r\n"...)
	if status == http.StatusNoContent {
		return b
	}
	return append(b, body...)
}

// appendField appends a header that has a value.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(b, name...), value...)
}
