package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/partita-dev/partita/internal/quota"
)

// describeQuotas sets RateLimit and RateLimit-Policy (IETF draft, RateLimit header fields for HTTP): a
// member for each limit that the request counts in.
func describeQuotas(h http.Header, states []quota.State) {
	if len(states) == 0 {
		return
	}
	h["Ratelimit"], h["Ratelimit-Policy"] = []string{string(appendLeft(nil, states))}, []string{string(appendPolicies(nil, states))}
}

// appendLeft appends the value of RateLimit.
func appendLeft(b []byte, states []quota.State) []byte {
	for i, s := range states {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendItem(b, s.Policy.Name, ";r=", int64(s.Remaining), ";t=", seconds(s.Full))
	}
	return b
}

// appendPolicies appends the value of RateLimit-Policy.
func appendPolicies(b []byte, states []quota.State) []byte {
	for i, s := range states {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendItem(b, s.Policy.Name, ";q=", int64(s.Policy.Burst), ";w=", max(1, seconds(s.Policy.Window)))
	}
	return b
}

func appendItem(b []byte, name, first string, one int64, second string, other int64) []byte {
	b = append(append(append(b, '"'), name...), '"')
	b = strconv.AppendInt(append(b, first...), one, 10)
	return strconv.AppendInt(append(b, second...), other, 10)
}

// seconds gives whole seconds, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// describeExceeded says in headers and problem which quota an error is about, if it is about one.
func describeExceeded(h http.Header, p *problem, err error) {
	if e, ok := errors.AsType[*quota.Exceeded](err); ok {
		p.Violated = []string{e.Violated}
		if h != nil {
			describeQuotas(h, e.States)
		}
	}
}
