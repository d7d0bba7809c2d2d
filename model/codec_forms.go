package model

import (
	"net/url"
	"strings"
)

const uuidForm = "must be a uuid, such as 0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11"

// parseUUID takes a UUID in any case and gives it in lower case, with dashes.
func parseUUID(text string) (Value, problem) {
	if canonicalUUID(text) {
		return String(text), problem{}
	}
	if lower := strings.ToLower(text); canonicalUUID(lower) && len(text) == len(lower) {
		return String(lower), problem{}
	}
	return Null, invalid(uuidForm)
}

func canonicalUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	sum := 0 // without a branch for each character, of which a processor guesses half wrong
	for i := range len(s) {
		sum += int(uuidCharacters[s[i]])
	}
	return sum == 4
}

// uuidCharacters is 0 for hexadecimal digits, 1 for the dash, of which there are four, and more for
// all that does not belong into a UUID.
var uuidCharacters = func() (t [256]uint8) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
		case c == '-':
			t[c] = 1
		default:
			t[c] = 5
		}
	}
	return t
}()

// validEmail accepts what browsers accept in an email field, and letters beyond ASCII: one part
// before the @ and a host name behind it. Whether anyone reads mail there, only a mail can tell.
func validEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 {
		return false
	}
	for i := range at {
		c := s[i]
		if c <= ' ' || c == 0x7f || strings.IndexByte(`"(),:;<>@[\]`, c) >= 0 {
			return false
		}
	}
	if s[0] == '.' || s[at-1] == '.' || strings.Contains(s[:at], "..") {
		return false
	}
	return validHost(s[at+1:])
}

func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !(c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80) {
				return false
			}
		}
	}
	return true
}

// validURL accepts absolute http and https URLs with a host.
func validURL(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == ""
}
