package httpapi

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/hosts"
)

// An answer that lies in memory takes less time than net/http takes to read the request and to write
// the answer. Therefore the door hands over what has arrived, and what is one plain GET for an answer that
// is at hand is answered here, byte for byte as net/http would. Everything else is left to net/http, and so
// is every request that is unusual in any way: nothing is ever refused here.

// largestDirect bounds the bodies that are answered directly, and so the memory that answers take.
const largestDirect = 8 << 10

// direct appends the answer to a request; see admit.Direct.
func (a *API) direct(answer, request []byte) (_ []byte, ok bool) {
	start := time.Now()
	defer func() {
		if recover() != nil { // the same happens again where it is recorded and told
			ok = false
		}
	}()
	head, fields, ok := readLine(request)
	if !ok {
		return answer, false
	}
	route := a.reads[string(head.name)]
	if route == nil || route.read.Fresh <= 0 || route.required > 0 || a.modes.Read(route.read) != nil {
		return answer, false
	}
	if !head.readFields(fields) { // looked at last: most reads that are not cached end above
		return answer, false
	}
	if a.verifier == nil {
		if !hosts.Own(hosts.Name(string(head.host))) {
			return answer, false
		}
	} else if head.token == nil && route.private || head.token != nil && a.remembering == nil {
		return answer, false
	}
	call := route.calls.Get().(*readCall)
	q := &call.request
	if a.verifier != nil && head.token != nil {
		if q.Claims = a.remembering.Seen(head.token); q.Claims == nil {
			route.reuse(call)
			return answer, false
		}
	}
	var bad complaints
	if !route.parsePath(q, string(head.tail), false, &bad) || bad.code != "" {
		route.reuse(call)
		return answer, false
	}
	q.Min = string(head.least)
	result, ok := a.hitter.Hit(q, largestDirect)
	if !ok {
		route.reuse(call)
		return answer, false
	}
	sample := engine.ReadSample{Outcome: result.Outcome, Age: result.Age, Total: time.Since(start)}

	b := append(answer, "HTTP/1.1 200 OK\r\nAge: "...)
	b = strconv.AppendInt(b, int64(result.Age/time.Second), 10)
	b = append(b, "\r\nCache-Control: private, no-cache\r\nCache-Status: "...)
	b = appendCacheStatus(b, result.Outcome, cache.Visit(0), route.read.Fresh, result.Age)
	b = append(b, "\r\nContent-Type: application/json\r\n"...)
	if result.ETag != "" {
		b = append(append(append(b, "Etag: "...), result.ETag...), "\r\n"...)
	}
	b = append(b, "Partita-Version: "...)
	b = a.engine.AppendVersionToken(b, route.read.Of.Family, q.Args.Values[0], result.Version)
	b = appendTiming(append(b, "\r\nServer-Timing: "...), sample.Total, 0)
	b = append(a.date.append(append(b, "\r\nDate: "...), start), "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(result.Body)), 10)
	b = append(append(b, "\r\n\r\n"...), result.Body...)
	a.recorder.Read(route.read, sample)
	if result.Spare {
		route.reuse(call)
	}
	return b, true
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
