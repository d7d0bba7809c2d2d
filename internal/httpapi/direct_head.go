package httpapi

import "bytes"

// requestHead is what matters of a plain request: parts of its bytes.
type requestHead struct {
	name, tail []byte // the read, and what stands behind its slash
	host       []byte
	token      []byte // nil: none
	least      []byte // Partita-Min-Version; nil: none
	accept     bool   // it was said that JSON will do
}

// readLine reads the first line of a request, if it is a plain GET of an address with something behind
// the read's name. fields is what stands behind it. False means that it is not, or may not be.
func readLine(b []byte) (h requestHead, fields []byte, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte("GET /v1/"))
	if !ok {
		return h, nil, false
	}
	end := bytes.IndexByte(b, ' ')
	if end < 0 {
		return h, nil, false
	}
	for _, c := range b[:end] {
		if !plainPath[c] {
			return h, nil, false
		}
	}
	if h.name, h.tail, ok = bytes.Cut(b[:end], []byte("/")); !ok {
		return h, nil, false
	}
	fields, ok = bytes.CutPrefix(b[end:], []byte(" HTTP/1.1\r\n"))
	return h, fields, ok
}

// readFields reads the header fields of a request that is wholly there, to its last byte. False means
// that it is not, or that it is not a plain one.
func (h *requestHead) readFields(b []byte) bool {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 1 || b[end-1] != '\r' {
			return false
		}
		field := b[:end-1]
		if b = b[end+1:]; len(field) == 0 {
			return h.host != nil && len(b) == 0
		}
		colon := bytes.IndexByte(field, ':')
		if colon < 1 || !h.take(field[:colon], bytes.Trim(field[colon+1:], " \t")) {
			return false
		}
	}
}

// take takes in a header field. False means that the request is not a plain one.
func (h *requestHead) take(name, value []byte) bool {
	for _, c := range name {
		if !plainName[c] {
			return false
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c > '~' {
			return false
		}
	}
	switch {
	case named(name, "host"):
		for _, c := range value {
			if !plainHost[c] {
				return false
			}
		}
		again := h.host != nil
		h.host = value
		return !again && len(value) > 0
	case named(name, "accept"):
		again := h.accept
		h.accept = true
		return !again && (string(value) == "*/*" || string(value) == "application/json")
	case named(name, "authorization"):
		const scheme = "bearer "
		again := h.token != nil
		if len(value) <= len(scheme) || !bytes.EqualFold(value[:len(scheme)], []byte(scheme)) {
			return false
		}
		h.token = value[len(scheme):]
		return !again
	case named(name, "partita-min-version"):
		again := h.least != nil
		h.least = value
		return !again && len(value) > 0
	case named(name, "connection"):
		return named(value, "keep-alive")
	}
	for _, other := range notPlain {
		if named(name, other) {
			return false
		}
	}
	return true // nobody looks at it
}

// notPlain are the fields that ask for something which only net/http, or the whole path of a read, can do.
var notPlain = [...]string{"if-none-match", "content-length", "transfer-encoding", "expect", "upgrade", "trailer", "te", "http2-settings"}

// named compares with a name in lower case.
func named(b []byte, lower string) bool {
	return len(b) == len(lower) && bytes.EqualFold(b, []byte(lower))
}

// What the parts of a plain request are made of: it needs no decoding and no thought.
var (
	plainPath = charset("-._~/")
	plainName = charset("-_")
	plainHost = charset("-.:[]")
)

// charset are letters, digits and some more.
func charset(more string) (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for i := range len(more) {
		t[more[i]] = true
	}
	return t
}
