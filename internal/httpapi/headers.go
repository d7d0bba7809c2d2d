package httpapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Values of headers that are the same for every answer; nobody changes them.
var (
	jsonType = []string{"application/json"}
	// A copy may be kept by the caller, but only the service knows whether it is still good: a
	// browser that kept one for `fresh` would not see the caller's own writes.
	revalidate = []string{"private, no-cache"}
)

// caller gives the claims of the request's token: nil without one, where the pattern is open to all.
// A bad token is refused even there. Without access in the model tokens are not looked at.
func (a *API) caller(r *http.Request, private bool) (*model.Claims, error) {
	if a.verifier == nil {
		return nil, nil
	}
	given := r.Header["Authorization"]
	if len(given) == 0 {
		if private {
			return nil, fault.New(fault.Unauthenticated, "This needs a token; send it as Authorization: Bearer ….")
		}
		return nil, nil
	}
	const scheme = "Bearer "
	if len(given) > 1 || len(given[0]) <= len(scheme) || !strings.EqualFold(given[0][:len(scheme)], scheme) {
		return nil, fault.New(fault.Unauthenticated, "The Authorization header must be one token: Bearer ….")
	}
	return a.verifier.Verify(r.Context(), given[0][len(scheme):])
}

// appendCacheStatus appends Cache-Status (RFC 9211): a member for each tier that was asked, the one
// nearest to the store first.
func appendCacheStatus(b []byte, o cache.Outcome, v cache.Visit, fresh, age time.Duration) []byte {
	if o == cache.Miss || o == cache.Joined || o == cache.Shared {
		b = appendVisit(b, v, fresh, age)
	}
	b = append(b, "partita; "...)
	switch o {
	case cache.Bypass:
		return append(b, "fwd=bypass"...)
	case cache.Miss, cache.Shared:
		return append(b, "fwd=miss"...)
	case cache.Joined:
		return append(b, "fwd=miss; collapsed"...)
	case cache.Hit, cache.Refreshed:
		b = append(b, "hit; ttl="...)
	case cache.Stale:
		b = append(b, "fwd=stale; ttl="...)
	}
	b = strconv.AppendInt(b, int64((fresh-age)/time.Second), 10)
	switch o {
	case cache.Refreshed:
		b = append(b, "; detail=refresh"...)
	case cache.Stale:
		b = append(b, "; detail=stale"...)
	}
	return b
}

// appendVisit appends the member of the tier that the nodes share.
func appendVisit(b []byte, v cache.Visit, fresh, age time.Duration) []byte {
	switch v {
	case cache.Missed:
		return append(b, "shared; fwd=miss, "...)
	case cache.Found, cache.Awaited:
		b = append(b, "shared; hit; ttl="...)
		b = strconv.AppendInt(b, int64((fresh-age)/time.Second), 10)
		if v == cache.Awaited { // another node loaded it meanwhile
			b = append(b, "; collapsed"...)
		}
		return append(b, ", "...)
	}
	return b
}

// appendTiming appends Server-Timing: milliseconds with three digits behind the point.
func appendTiming(b []byte, total, store time.Duration) []byte {
	b = appendMillis(append(b, "total;dur="...), total)
	if store > 0 {
		b = appendMillis(append(b, ", store;dur="...), store)
	}
	return b
}

func appendMillis(b []byte, d time.Duration) []byte {
	micros := uint64(max(0, d.Microseconds()))
	b = strconv.AppendUint(b, micros/1000, 10)
	rest := micros % 1000
	return append(b, '.', '0'+byte(rest/100), '0'+byte(rest/10%10), '0'+byte(rest%10))
}

// matchesNone tells whether If-None-Match names the tag (weak comparison, RFC 9110, 13.1.2).
func matchesNone(values []string, tag string) bool {
	for _, value := range values {
		if value == tag || strings.TrimSpace(value) == "*" {
			return true
		}
		for candidate := range strings.SplitSeq(value, ",") {
			if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == tag {
				return true
			}
		}
	}
	return false
}

// acceptsJSON tells whether an Accept header lets JSON be the answer.
func acceptsJSON(values []string) bool {
	if len(values) == 1 && (values[0] == "*/*" || values[0] == "application/json") {
		return true
	}
	best, allowed := -1, false // the most specific range decides
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			accepted, parameters, err := mime.ParseMediaType(strings.TrimSpace(item))
			specific := -1
			switch accepted {
			case "*/*":
				specific = 0
			case "application/*":
				specific = 1
			case "application/json":
				specific = 2
			}
			if err != nil || specific < best || specific < 0 {
				continue
			}
			q, given := parameters["q"]
			weight, err := strconv.ParseFloat(q, 64)
			ok := !given || err == nil && weight > 0
			allowed = ok || specific == best && allowed
			best = specific
		}
	}
	return allowed
}

func notAcceptable() error {
	return &fault.Error{Code: fault.NotAcceptable, Message: "Answers are JSON; accept application/json.",
		Details: []fault.Detail{{Pointer: "Accept", Message: "does not allow application/json"}}}
}

// isJSON checks Content-Type and Content-Encoding of a body.
func isJSON(h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupported("Content-Encoding", "The body must not be compressed.")
	}
	given := h["Content-Type"]
	if len(given) == 1 && given[0] == "application/json" {
		return nil
	}
	if len(given) == 1 {
		media, parameters, err := mime.ParseMediaType(given[0])
		if charset, ok := parameters["charset"]; err == nil && media == "application/json" && (!ok || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return unsupported("Content-Type", "The body must be JSON in UTF-8; send Content-Type: application/json.")
}

func unsupported(header, message string) error {
	return &fault.Error{Code: fault.UnsupportedMedia, Message: message, Details: []fault.Detail{{Pointer: header, Message: "is not supported"}}}
}

// maxKey bounds the characters of an idempotency key.
const maxKey = 255

// idempotencyKey reads the Idempotency-Key header: a structured-field string (RFC 8941), as the
// draft asks, or the bare characters, as many clients send it. "" means that there is none.
func idempotencyKey(given []string) (string, error) {
	if len(given) == 0 {
		return "", nil
	}
	bad := func() (string, error) {
		return "", &fault.Error{Code: fault.BadRequest,
			Message: "Idempotency-Key must be one key of 1 to 255 visible ASCII characters, with or without quotes around it.",
			Details: []fault.Detail{{Pointer: "Idempotency-Key", Message: "is not a valid key"}}}
	}
	if len(given) > 1 {
		return bad()
	}
	key, ok := given[0], true
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key, ok = unquoteKey(key[1 : len(key)-1])
	} else if strings.ContainsAny(key, `",;`) {
		ok = false // several keys, or parameters of a structured field
	}
	if ok && visible(key) {
		return key, nil
	}
	return bad()
}

// visible tells whether an idempotency key has a good length and visible ASCII characters only.
func visible(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= maxKey
}

// unquoteKey takes the backslashes off what stands between the quotes of a structured-field string.
func unquoteKey(inner string) (string, bool) {
	plain := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '"':
			return "", false
		case c != '\\':
			plain = append(plain, c)
		case i+1 < len(inner) && (inner[i+1] == '"' || inner[i+1] == '\\'):
			i++
			plain = append(plain, inner[i])
		default:
			return "", false
		}
	}
	return string(plain), true
}
