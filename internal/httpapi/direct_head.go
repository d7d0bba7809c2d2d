package httpapi

import "bytes"

// requestHead is what matters of a plain request: parts of its bytes.
type requestHead struct {
	name, tail []byte // the pattern, and what stands behind its slash
	host       []byte
	token      []byte // nil: none
	least      []byte // Partita-Min-Version; nil: none
	accept     bool   // it was said that JSON will do

	// Of a write.
	post    bool
	body    []byte
	length  int    // of the body; -1: not given
	json    bool   // it was said that the body is JSON
	key     []byte // Idempotency-Key; nil: none
	ifMatch []byte // nil: none
	async   bool   // Prefer: respond-async
}

// readLine reads the first line of a request, if it is a plain GET of an address with something behind
// the read's name. fields is what stands behind it. False means that it is not, or may not be.
func readLine(b []byte) (h requestHead, fields []byte, ok bool) {
	h.length = -1
	path, fields, ok := plainLine(b, "GET /v1/")
	if !ok {
		return h, nil, false
	}
	h.name, h.tail, ok = bytes.Cut(path, []byte("/"))
	return h, fields, ok
}

// readPost does the same for a POST to an address with nothing behind the write's name.
func readPost(b []byte) (h requestHead, fields []byte, ok bool) {
	h.post, h.length = true, -1
	h.name, fields, ok = plainLine(b, "POST /v1/")
	return h, fields, ok && bytes.IndexByte(h.name, '/') < 0
}

// plainLine gives the path behind begin, and what stands behind the line.
func plainLine(b []byte, begin string) (path, fields []byte, ok bool) {
	if len(b) < len(begin) || string(b[:len(begin)]) != begin {
		return nil, nil, false
	}
	b = b[len(begin):]
	end := bytes.IndexByte(b, ' ')
	if end < 0 {
		return nil, nil, false
	}
	for _, c := range b[:end] {
		if !plainPath[c] {
			return nil, nil, false
		}
	}
	fields, ok = bytes.CutPrefix(b[end:], []byte(" HTTP/1.1\r\n"))
	return b[:end], fields, ok
}

// readFields reads the header fields of a request that is wholly there, to its last byte, and the body of a
// write. False means that it is not, or that it is not a plain one.
func (h *requestHead) readFields(b []byte) bool {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 1 || b[end-1] != '\r' {
			return false
		}
		field := b[:end-1]
		if b = b[end+1:]; len(field) == 0 {
			if h.post {
				h.body = b
				return h.host != nil && h.json && len(b) == h.length
			}
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
		return !again && (string(value) == "*/*" || acceptsJSON([]string{string(value)}))
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
	if h.post {
		if known, plain := h.takeOfWrite(name, value); known {
			return plain
		}
	}
	for _, other := range notPlain {
		if named(name, other) {
			return false
		}
	}
	return true // nobody looks at it
}

// takeOfWrite takes in a header field that only writes have, or only they look at.
func (h *requestHead) takeOfWrite(name, value []byte) (known, plain bool) {
	switch {
	case named(name, "content-length"):
		again := h.length >= 0
		h.length = shortNumber(value)
		return true, !again && h.length >= 0
	case named(name, "content-type"):
		again := h.json
		h.json = string(value) == "application/json" || named(value, "application/json; charset=utf-8")
		return true, !again && h.json
	case named(name, "idempotency-key"):
		again := h.key != nil
		h.key = value
		return true, !again && len(value) > 0
	case named(name, "if-match"):
		again := h.ifMatch != nil
		h.ifMatch = value
		return true, !again && len(value) > 0
	case named(name, "prefer"):
		again := h.async
		h.async = named(value, "respond-async")
		return true, !again && h.async
	}
	for _, other := range notPlainOfWrites {
		if named(name, other) {
			return true, false
		}
	}
	return false, false
}

// notPlain are the fields that ask for something which only net/http, or the whole path of a request, can do.
var (
	notPlain         = [...]string{"if-none-match", "content-length", "transfer-encoding", "expect", "upgrade", "trailer", "te", "http2-settings"}
	notPlainOfWrites = [...]string{"content-encoding", "partita-after"}
)

// shortNumber reads a length of a few digits; -1: it is none.
func shortNumber(b []byte) int {
	if len(b) == 0 || len(b) > 5 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}

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
