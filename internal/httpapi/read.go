package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
)

// readRoute is what is known of a read before any request.
type readRoute struct {
	read     *model.Read
	template string      // its address, for people
	segments int         // of the path behind the name
	query    []parameter // of a list; the first required ones must be given
	required int
	others   string // names the query parameters, for messages
	private  bool   // needs a token
	calls    sync.Pool
}

func newReadRoute(m *model.Model, r *model.Read) *readRoute {
	route := &readRoute{read: r, segments: 1, query: queryParameters(r), private: m.Access != nil && !r.Allow.Public}
	if !r.List {
		route.segments = len(r.Params)
	}
	route.required = len(r.By)
	path := []string{"/v1", r.Name}
	for _, in := range r.Params[:route.segments] {
		path = append(path, "{"+in.Name+"}")
	}
	route.template = strings.Join(path, "/")
	if len(route.query) == 0 {
		route.others = ", which takes none"
	} else {
		names := make([]string, len(route.query))
		for i, p := range route.query {
			names[i] = p.name
		}
		route.others = "; it takes " + strings.Join(names, ", ")
	}
	route.calls.New = func() any { return newReadCall(r) }
	return route
}

// readCall is all that the engine is asked with, in one piece of memory. It may keep it.
type readCall struct {
	request engine.ReadRequest
	args    model.Args
	values  [4]model.Value
	given   [4]bool
}

func newReadCall(r *model.Read) *readCall {
	c := &readCall{}
	if n := len(r.Params); n <= len(c.values) {
		c.args.Values, c.args.Given = c.values[:n:n], c.given[:n:n]
	} else {
		c.args.Values, c.args.Given = make([]model.Value, n), make([]bool, n)
	}
	c.request.Read, c.request.Args = r, &c.args
	return c
}

// reuse keeps a call that nobody else has for another request, without anything of this one.
func (route *readRoute) reuse(c *readCall) {
	clear(c.args.Values)
	clear(c.args.Given)
	c.request = engine.ReadRequest{Read: route.read, Args: &c.args}
	route.calls.Put(c)
}

func (a *API) serveRead(w http.ResponseWriter, r *http.Request, route *readRoute, tail string, escaped bool, start time.Time) {
	ctx, span := a.span(r, route.read.Name)
	if degraded := a.modes.Read(route.read); degraded != nil {
		w.Header()["Partita-Degraded"] = degraded
	}
	call := route.calls.Get().(*readCall)
	err := a.prepareRead(r, route, call, tail, escaped)
	var result engine.ReadResult
	if err == nil {
		result, err = a.answer(ctx, &call.request)
	}
	status, code := a.tell(w, r, route, call, &result, err, start)
	if span != nil {
		span.End(status, code, outcomeNames[result.Outcome], result.Store)
	}
}

// tell sends what came of a read and records it. It gives the status and the code of the error, if it is one. The
// call is not used any more.
func (a *API) tell(w http.ResponseWriter, r *http.Request, route *readRoute, call *readCall, result *engine.ReadResult, err error, start time.Time) (status int, code fault.Code) {
	sample := sampleOf(result, start)
	switch {
	case err != nil:
		sample.Code = a.fail(w, r, err)
		status = kinds[sample.Code].status
	case !result.Found:
		a.describe(w.Header(), call, result, sample.Total)
		sample.Code = a.fail(w, r, fault.New(fault.NotFound, "There is no such row in this partition."))
		status = http.StatusNotFound
	default:
		status = a.writeAnswer(w, r, call, result, sample.Total)
	}
	a.recorder.Read(route.read, sample)
	if result.Spare {
		route.reuse(call)
	}
	return status, sample.Code
}

func sampleOf(result *engine.ReadResult, start time.Time) engine.ReadSample {
	return engine.ReadSample{Outcome: result.Outcome, Store: result.Store, Age: result.Age, Total: time.Since(start)}
}

// answer asks the engine. A panic there is an error like others, so that it is recorded.
func (a *API) answer(ctx context.Context, q *engine.ReadRequest) (result engine.ReadResult, err error) {
	defer caught(&err)
	return a.engine.Read(ctx, q)
}

// prepareRead fills in the request, cheapest checks first.
func (a *API) prepareRead(r *http.Request, route *readRoute, call *readCall, tail string, escaped bool) (err error) {
	q := &call.request
	if q.Claims, err = a.caller(r, route.private); err != nil {
		return err
	}
	if accept := r.Header["Accept"]; len(accept) > 0 && !acceptsJSON(accept) {
		return notAcceptable()
	}
	var bad complaints
	if !route.parsePath(q, tail, escaped, &bad) {
		return fault.New(fault.UnknownPattern, "The read %s has the address %s.", route.read.Name, route.template)
	}
	if raw := r.URL.RawQuery; raw != "" || route.required > 0 {
		route.parseQuery(q, raw, &bad)
	}
	if err := bad.err(); err != nil {
		return err
	}
	switch least := r.Header["Partita-Min-Version"]; len(least) {
	case 0:
	case 1:
		q.Min = least[0]
	default:
		q.Min = strings.Join(least, ",")
	}
	return nil
}

// writeAnswer sends the answer, or 304 where the caller has it already, and tells the status.
func (a *API) writeAnswer(w http.ResponseWriter, r *http.Request, call *readCall, result *engine.ReadResult, total time.Duration) int {
	h := w.Header()
	a.describe(h, call, result, total)
	h["Cache-Control"] = revalidate
	if known := r.Header["If-None-Match"]; len(known) > 0 && matchesNone(known, result.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	h["Content-Type"] = jsonType
	if r.Method == http.MethodHead || len(result.Body) > lengthKnown {
		h["Content-Length"] = []string{strconv.Itoa(len(result.Body))}
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(result.Body)
	}
	return http.StatusOK
}

// lengthKnown is the length of the longest body whose Content-Length net/http sets by itself, at less
// cost: it looks at what was written when the handler returns, if its buffer holds all of it.
const lengthKnown = 2000

// aged tells whether an answer's age is told: it may have been made before it was asked for.
func aged(read *model.Read, result *engine.ReadResult) bool {
	return read.Of.View != nil || result.Outcome == cache.Hit || result.Outcome == cache.Refreshed || result.Outcome == cache.Stale ||
		result.Visit >= cache.Found
}

// describe sets the headers that say where an answer comes from. Header names are in the canonical
// form of net/http, so that the map can be written to directly; the values of all are in two pieces
// of memory, which whoever looks at the answer's headers may keep.
func (a *API) describe(h http.Header, call *readCall, result *engine.ReadResult, total time.Duration) {
	read := call.request.Read
	var room [320]byte
	b := appendCacheStatus(room[:0], result.Outcome, result.Visit, read.Fresh, result.Age)
	status := len(b)
	b = appendTiming(b, total, result.Store)
	timing := len(b)
	b = a.engine.AppendVersionToken(b, read.Of.Family, call.request.Args.Values[0], result.Version)
	version := len(b)
	aged := aged(read, result)
	if aged {
		b = strconv.AppendInt(b, int64(result.Age/time.Second), 10)
	}
	text := string(b)
	values := &[...]string{text[:status], text[status:timing], text[timing:version], result.ETag, text[version:]}
	h["Cache-Status"], h["Server-Timing"], h["Partita-Version"] = values[0:1:1], values[1:2:2], values[2:3:3]
	if result.ETag != "" {
		h["Etag"] = values[3:4:4]
	}
	if result.Sources != "" {
		h["Partita-Source-Version"] = []string{result.Sources}
	}
	if aged {
		h["Age"] = values[4:5:5]
	}
	describeQuotas(h, result.Quotas)
}
