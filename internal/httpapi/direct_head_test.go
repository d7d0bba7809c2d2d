package httpapi

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"
)

// FuzzPlainRequest holds what is taken for a plain request against what net/http makes of the same bytes.
func FuzzPlainRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /v1/one/h/1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nPartita-Min-Version: a/b/c/1\r\n\r\n",
		"POST /v1/put HTTP/1.1\r\nHost: [::1]:80\r\nContent-Type: application/json\r\nContent-Length: 2\r\nAuthorization: Bearer x\r\n\r\n{}",
		"POST /v1/put HTTP/1.1\r\nhost: x\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length:0002 \r\nIdempotency-Key: \"a\"\r\nIf-Match: \"b\"\r\nPrefer: respond-async\r\n\r\n{}",
		"POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
		"POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nA: b\r\n c\r\nExpect: 100-continue\r\n\r\n{}",
		"POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}GET / HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		head, fields, plain := readLine(b)
		method, path := http.MethodGet, "/v1/"+string(head.name)+"/"+string(head.tail)
		if !plain {
			head, fields, plain = readPost(b)
			method, path = http.MethodPost, "/v1/"+string(head.name)
		}
		if !plain || !head.readFields(fields) {
			return
		}
		from := bufio.NewReader(bytes.NewReader(b))
		r, err := http.ReadRequest(from)
		if err != nil {
			t.Fatal(err)
		}
		if r.Method != method || r.URL.Path != path || r.URL.RawPath != "" || r.URL.RawQuery != "" || r.Host != string(head.host) || r.Proto != "HTTP/1.1" {
			t.Errorf("%s %q of %q", r.Method, r.URL, r.Host)
		}
		if r.Close || len(r.TransferEncoding) > 0 || r.ContentLength != max(0, int64(head.length)) {
			t.Errorf("close %v, %v, length %d", r.Close, r.TransferEncoding, r.ContentLength)
		}
		if body, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(body, head.body) {
			t.Errorf("body %q, %v", body, err)
		}
		if rest, err := io.ReadAll(from); len(rest) > 0 || err != nil {
			t.Errorf("behind it %q, %v", rest, err)
		}
		looked := map[string][]byte{"Partita-Min-Version": head.least}
		if head.post {
			looked = map[string][]byte{"Idempotency-Key": head.key, "If-Match": head.ifMatch}
		}
		if given := r.Header["Authorization"]; len(given) == 1 && head.token != nil {
			given[0] = given[0][len("Bearer "):]
		}
		looked["Authorization"] = head.token
		for name, value := range looked { // others have no meaning there
			if got := r.Header[name]; value == nil && len(got) > 0 || value != nil && !slices.Equal(got, []string{string(value)}) {
				t.Errorf("%s: %q, and not %q", name, got, value)
			}
		}
		if accept := r.Header["Accept"]; len(accept) > 0 && !acceptsJSON(accept) {
			t.Errorf("Accept: %q", accept)
		}
		if head.post && isJSON(r.Header) != nil {
			t.Errorf("%q", r.Header)
		}
		for _, name := range []string{"Expect", "Upgrade", "Trailer", "If-None-Match", "Te"} {
			if len(r.Header[name]) > 0 {
				t.Errorf("%s: %q", name, r.Header[name])
			}
		}
	})
}
