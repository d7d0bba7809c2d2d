package admit

import (
	"bytes"
	"net/url"
	"strconv"
)

// pattern finds what a request is for by its first line, of which net/http has some bytes. It allocates nothing, but where a
// name is escaped.
func (d *Door) pattern(head []byte, has int) *pattern {
	target, table := d.target(head, has)
	if bytes.HasPrefix(target, []byte("http")) { // as proxies are asked
		_, target, _ = bytes.Cut(target, []byte("://"))
		target = target[max(0, bytes.IndexByte(target, '/')):]
	}
	name, ok := bytes.CutPrefix(target, []byte("/v1/"))
	if !ok {
		if bytes.HasPrefix(target, []byte("/healthz ")) || bytes.HasPrefix(target, []byte("/readyz ")) {
			return d.always
		}
		return d.other
	}
	if end := bytes.IndexAny(name, "/ ?"); end >= 0 {
		name = name[:end]
	}
	if p := table[string(unescaped(name))]; p != nil {
		return p
	}
	return d.other
}

// target gives what stands behind the method, and where names are looked up; nothing for others than those of patterns.
func (d *Door) target(head []byte, has int) ([]byte, map[string]*pattern) {
	if has > len("GET") {
		return nil, nil
	}
	for _, method := range [...]string{"GET ", "POST ", "HEAD "} {
		if target, ok := bytes.CutPrefix(head, []byte(method[has:])); ok {
			if method == "POST " {
				return target, d.writes
			}
			return target, d.reads
		}
	}
	return nil, nil
}

// unescaped gives a part of a path as it is meant.
func unescaped(part []byte) []byte {
	if bytes.IndexByte(part, '%') >= 0 {
		if plain, err := url.PathUnescape(string(part)); err == nil {
			return []byte(plain)
		}
	}
	return part
}

// whollyRead tells whether b is exactly one request, from its first byte to its last, of a kind that can
// be answered without any more of HTTP. What is not sure is left to net/http, and so is what others may read in another
// way: what a proxy takes for one request and the Door for two, or the other way round, is a way to slip somebody else's
// answer to a caller.
func whollyRead(b []byte) bool {
	line, fields, _ := bytes.Cut(b, []byte("\r\n"))
	target, get := bytes.CutPrefix(line, []byte("GET /"))
	post := false
	if !get {
		target, post = bytes.CutPrefix(line, []byte("POST /"))
	}
	target, ok := bytes.CutSuffix(target, []byte(" HTTP/1.1"))
	if !get && !post || !ok || bytes.IndexByte(target, ' ') >= 0 || !clean(target) {
		return false
	}
	length := -1
	for {
		var field []byte
		if field, fields, ok = bytes.Cut(fields, []byte("\r\n")); !ok {
			return false
		}
		if len(field) == 0 {
			break
		}
		name, value, ok := bytes.Cut(field, []byte(":"))
		if value = bytes.Trim(value, " \t"); !ok || !isName(name) || !clean(value) {
			return false
		}
		switch {
		case is(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 31) // neither a sign nor anything else but digits
			if err != nil || length >= 0 {
				return false
			}
			length = int(n)
		case is(name, "transfer-encoding"), is(name, "expect"), is(name, "upgrade"), is(name, "connection") && !is(value, "keep-alive"):
			return false
		}
	}
	if get {
		return length <= 0 && len(fields) == 0
	}
	return length == len(fields)
}

// isName tells whether b is the name of a field, of letters, digits and dashes.
func isName(b []byte) bool {
	for _, c := range b {
		if !named[c] {
			return false
		}
	}
	return len(b) > 0
}

// clean tells whether b has no control characters.
func clean(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// named are the characters of names.
var named = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	return t
}()

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
