package admit

import (
	"bytes"
	"strconv"
)

// pattern finds what a request is for by its first line, which lacks its first byte where led. It
// allocates nothing.
func (d *Door) pattern(head []byte, led bool) *pattern {
	if !led {
		if len(head) == 0 || head[0] != 'G' && head[0] != 'P' && head[0] != 'H' {
			return d.other
		}
		head = head[1:]
	}
	var table map[string]*pattern
	rest, ok := bytes.CutPrefix(head, []byte("ET /"))
	if ok {
		table = d.reads
	} else if rest, ok = bytes.CutPrefix(head, []byte("OST /")); ok {
		table = d.writes
	} else if rest, ok = bytes.CutPrefix(head, []byte("EAD /")); ok {
		table = d.reads
	} else {
		return d.other
	}
	name, ok := bytes.CutPrefix(rest, []byte("v1/"))
	if !ok {
		if bytes.HasPrefix(rest, []byte("healthz ")) || bytes.HasPrefix(rest, []byte("readyz ")) {
			return d.always
		}
		return d.other
	}
	if end := bytes.IndexAny(name, "/ ?"); end >= 0 {
		name = name[:end]
	}
	if p := table[string(name)]; p != nil {
		return p
	}
	return d.other
}

// whollyRead tells whether b is exactly one request, from its first byte to its last, of a kind that can
// be answered without any more of HTTP. What is not sure is left to net/http.
func whollyRead(b []byte) bool {
	get := bytes.HasPrefix(b, []byte("GET /"))
	if !get && !bytes.HasPrefix(b, []byte("POST /")) {
		return false
	}
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return false
	}
	line, fields, ok := bytes.Cut(head, []byte("\r\n"))
	if !ok || !bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	length := -1
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(field, []byte(":"))
		if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' || bytes.ContainsAny(field, "\r\n") {
			return false
		}
		switch {
		case is(name, "content-length"):
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil || n < 0 || length >= 0 {
				return false
			}
			length = n
		case is(name, "transfer-encoding"), is(name, "expect"), is(name, "upgrade"), is(name, "connection") && !is(bytes.TrimSpace(value), "keep-alive"):
			return false
		}
	}
	if get {
		return length <= 0 && len(body) == 0
	}
	return length == len(body)
}

// is compares with a lower-case name.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
