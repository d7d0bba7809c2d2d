package webhook

import (
	"net/http"
	"testing"
	"time"
)

// FuzzAnswer judges anything that a receiver may answer: what it asks to wait is bounded.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"120", "-1", "99999999999999999999", "Sun, 06 Nov 2094 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", " 5 ", ""} {
		f.Add(503, s)
	}
	f.Add(410, "")
	f.Add(0, "x")
	f.Fuzz(func(t *testing.T, status int, after string) {
		err := judge(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}, time.Unix(1e9, 0))
		if (err == nil) != (status >= 200 && status < 300) {
			t.Errorf("%d is %v", status, err)
		}
		if bad, ok := err.(*Failure); ok && (bad.Wait < 0 || bad.Wait > longestWait || bad.Reason == "") { //nolint:errorlint // judge gives it as it is
			t.Errorf("%d with %q is %+v", status, after, bad)
		}
	})
}

// FuzzSecrets takes only secrets that are long enough to sign with, and never quotes one.
func FuzzSecrets(f *testing.F) {
	f.Add(NewSecret())
	f.Add("whsec_AAAA")
	f.Add("whsec_!")
	f.Add("")
	f.Fuzz(func(t *testing.T, secret string) {
		keys, err := parseSecrets([]string{secret})
		if err == nil && (len(keys) != 1 || len(keys[0]) < 24 || len(keys[0]) > 64) {
			t.Errorf("%q is taken as %d keys", secret, len(keys))
		}
	})
}
