package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/hosts"
	"github.com/partita-dev/partita/model"
)

// What a read of one row or page takes is less than what net/http takes to read the request and to write the answer, and
// what a write takes is not much more. Therefore the door hands over what has arrived, and what is one plain GET of a read
// or POST of a write is answered here, byte for byte as net/http would. Everything else is left to net/http, and so is
// every request that is unusual in any way: nothing is ever refused here that would not be refused there.

// direct appends the answer to a request; see admit.Direct.
func (a *API) direct(ctx context.Context, room, request []byte) (answer, rest []byte, ok bool) {
	if len(request) > 0 && request[0] == 'P' {
		answer, ok = a.directWrite(ctx, room, request)
		return answer, nil, ok
	}
	return a.directRead(ctx, room, request)
}

// notCopied is the length of the shortest body that is sent from the cache's own memory.
const notCopied = 16 << 10

func (a *API) directRead(ctx context.Context, room, request []byte) (answer, rest []byte, ok bool) {
	start := time.Now()
	defer func() {
		if recover() != nil { // the same happens again where it is recorded and told
			ok = false
		}
	}()
	head, fields, ok := readLine(request)
	if !ok {
		return room, nil, false
	}
	route := a.reads[string(head.name)]
	if route == nil || route.required > 0 || !head.readFields(fields) {
		return room, nil, false
	}
	claims, ok := a.known(&head, route.private)
	if !ok {
		return room, nil, false
	}
	degraded := a.modes.Read(route.read)
	call := route.calls.Get().(*readCall)
	q := &call.request
	q.Claims = claims
	var bad complaints
	if !route.parsePath(q, string(head.tail), false, &bad) || bad.code != "" {
		route.reuse(call)
		return room, nil, false
	}
	q.Min = string(head.least)
	result, err := a.answer(ctx, q)
	if err != nil || !result.Found || result.Quotas != nil {
		return a.atLength(room, request, degraded, start, func(w http.ResponseWriter, r *http.Request) {
			a.tell(w, r, route, call, &result, err, start)
		}), nil, true
	}
	sample := sampleOf(&result, start)
	answer = appendDirect(room, a, call, &result, degraded, sample.Total, start)
	if rest = result.Body; len(rest) < notCopied {
		answer, rest = append(answer, rest...), nil
	}
	a.recorder.Read(route.read, sample)
	if result.Spare {
		route.reuse(call)
	}
	return answer, rest, true
}

// known gives the claims of a caller who may be answered here: one without a token, where none is needed, or with one
// that was seen before.
func (a *API) known(h *requestHead, private bool) (claims *model.Claims, ok bool) {
	switch {
	case a.verifier == nil:
		return nil, hosts.Own(hosts.Name(string(h.host)))
	case h.token == nil:
		return nil, !private
	case a.remembering == nil:
		return nil, false
	}
	claims = a.remembering.Seen(h.token)
	return claims, claims != nil
}

// appendDirect appends the head of an answer that shows something, with its headers in the order in which net/http writes them.
func appendDirect(b []byte, a *API, call *readCall, result *engine.ReadResult, degraded []string, total time.Duration, now time.Time) []byte {
	read := call.request.Read
	b = append(b, "HTTP/1.1 200 OK\r\n"...)
	if aged(read, result) {
		b = append(b, "Age: "...)
		b = append(strconv.AppendInt(b, int64(result.Age/time.Second), 10), "\r\n"...)
	}
	b = append(b, "Cache-Control: private, no-cache\r\nCache-Status: "...)
	b = appendCacheStatus(b, result.Outcome, result.Visit, read.Fresh, result.Age)
	long := len(result.Body) > lengthKnown
	if long {
		b = appendLength(b, result.Body)
	}
	b = append(b, "\r\nContent-Type: application/json\r\n"...)
	if result.ETag != "" {
		b = append(append(append(b, "Etag: "...), result.ETag...), "\r\n"...)
	}
	for _, value := range degraded {
		b = append(append(append(b, "Partita-Degraded: "...), value...), "\r\n"...)
	}
	if result.Sources != "" {
		b = append(append(append(b, "Partita-Source-Version: "...), result.Sources...), "\r\n"...)
	}
	b = append(b, "Partita-Version: "...)
	b = a.engine.AppendVersionToken(b, read.Of.Family, call.request.Args.Values[0], result.Version)
	b = appendTiming(append(b, "\r\nServer-Timing: "...), total, result.Store)
	b = a.date.append(append(b, "\r\nDate: "...), now)
	if !long {
		b = appendLength(b, result.Body)
	}
	return append(b, "\r\n\r\n"...)
}

func appendLength(b, body []byte) []byte {
	return strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(body)), 10)
}

// atLength appends an answer that is seldom given: what a handler of net/http would have sent.
func (a *API) atLength(b, request []byte, degraded []string, start time.Time, handle func(w http.ResponseWriter, r *http.Request)) []byte {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil { // cannot be: it is a plain one
		r = &http.Request{URL: new(url.URL)}
	}
	w := &whole{header: http.Header{}}
	if degraded != nil {
		w.header["Partita-Degraded"] = degraded
	}
	handle(w, r)
	head := bytes.NewBuffer(b)
	fmt.Fprintf(head, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
	_ = w.header.Write(head) // a buffer takes everything
	b = a.date.append(append(head.Bytes(), "Date: "...), start)
	if w.header["Content-Length"] == nil {
		b = appendLength(b, w.body)
	}
	return append(append(b, "\r\n\r\n"...), w.body...)
}

// whole is an answer that is sent when it is complete.
type whole struct {
	header http.Header
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (w *whole) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *whole) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *whole) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

// date gives the Date header's value, which changes once a second.
type date struct{ now atomic.Pointer[dated] }

type dated struct {
	second int64
	text   string
}

func (d *date) append(b []byte, now time.Time) []byte {
	second := now.Unix()
	at := d.now.Load()
	if at == nil || at.second != second {
		at = &dated{second, now.UTC().Format(http.TimeFormat)}
		d.now.Store(at)
	}
	return append(b, at.text...)
}
