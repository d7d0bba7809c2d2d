package admit

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
)

// FuzzWhollyRead holds what is taken for exactly one request against net/http: what is refused without it
// must not leave anything behind on the connection.
func FuzzWhollyRead(f *testing.F) {
	for _, s := range []string{
		"GET /v1/a/b HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n\r\n",
		"GET /v1/a HTTP/1.1\r\nHost: x\r\n Folded: y\r\n\r\n",
		"GET /v1/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET /v1/a HTTP/1.1\nHost: x\n\nGET /v1/b HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length : 9\r\n\r\n{}",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding : chunked\r\n\r\n{}",
		"POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding\x0b: chunked\r\n\r\n{}",
		"GET /v1/a HTTP/1.0 HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !whollyRead(b) {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b))
		q, err := http.ReadRequest(r)
		if err != nil {
			line, _, _ := bytes.Cut(b, []byte("\r\n"))
			target := bytes.Fields(line)[1]
			if _, bad := url.ParseRequestURI(string(target)); bad == nil {
				t.Errorf("%q cannot be read, and is answered with the connection kept: %v", b, err)
			}
			return // it is plain where the request ends, whatever it is for
		}
		for name := range q.Header {
			if strings.ContainsAny(name, " \t\v\f") { // net/http's server refuses it later
				t.Errorf("%q has a field that is named %q", b, name)
			}
		}
		n, err := io.Copy(io.Discard, q.Body)
		if err != nil || r.Buffered() != 0 {
			t.Errorf("%q: %d of the body, %v, %d left", b, n, err, r.Buffered())
		}
		if q.Close || q.ProtoMinor != 1 {
			t.Errorf("%q is answered with the connection kept", b)
		}
	})
}

const hints = `
service: hints
partitions:
  house: {by: house_id, type: string(20), expect: 1k}
entities:
  ring: {in: house, key: n, expect: 10, fields: {n: {type: int, default: next}, colour: string(20)}}
reads:
  ring: {get: ring}
writes:
  put: {insert: ring, input: [colour]}
`

func TestWhatARequestIsFor(t *testing.T) {
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDoor(DoorConfig{Model: m})
	hint := heavyHint{m.Families[0], []byte("red"), []byte(`"house_id"`)}
	for request, want := range map[string]struct {
		is    *pattern
		heavy bool
	}{
		"GET /v1/ring/red/1 HTTP/1.1\r\n\r\n":                                    {d.reads["ring"], true},
		"HEAD /v1/ring/red?x=1 HTTP/1.1\r\n\r\n":                                 {d.reads["ring"], true},
		"GET /v1/ring/redder/1 HTTP/1.1\r\n\r\n":                                 {d.reads["ring"], false},
		"POST /v1/put HTTP/1.1\r\n\r\n{\"colour\":\"x\",\"house_id\" : \"red\"}": {d.writes["put"], true},
		"POST /v1/put HTTP/1.1\r\n\r\n{\"house_id\":\"redder\"}":                 {d.writes["put"], false},
		"POST /v1/put HTTP/1.1\r\n\r\n":                                          {d.writes["put"], false},
		"GET /v1/put/red HTTP/1.1\r\n\r\n":                                       {d.other, false},
		"GET /readyz HTTP/1.1\r\n\r\n":                                           {d.always, false},
		"GET /v1/r%69ng/r%65d/1 HTTP/1.1\r\n\r\n":                                {d.reads["ring"], true},
		"GET http://x:80/v1/ring/red/1 HTTP/1.1\r\n\r\n":                         {d.reads["ring"], true},
		"GET http://x/readyz HTTP/1.1\r\n\r\n":                                   {d.always, false},
		"GET http://x":                                                           {d.other, false},
		"GET /":                                                                  {d.other, false},
		"BREW /v1/ring/red HTTP/1.1\r\n\r\n":                                     {d.other, false},
	} {
		p := d.pattern([]byte(request), 0)
		if p != want.is || want.is != d.other && (d.pattern([]byte(request)[1:], 1) != p || d.pattern([]byte(request)[3:], 3) != p) {
			t.Errorf("%q is for %+v", request, p)
		}
		if p.read == nil && p.write == nil {
			continue
		}
		if got := hint.named(p, []byte(request)); got != want.heavy {
			t.Errorf("%q names the heavy partition: %t", request, got)
		}
	}
}

func BenchmarkDoor(b *testing.B) {
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		b.Fatal(err)
	}
	d := NewDoor(DoorConfig{Model: m, Inside: 1000, Reads: NewGate(GateConfig{}), Writes: NewGate(GateConfig{})})
	head := []byte("GET /v1/ring/red/1 HTTP/1.1\r\nHost: x\r\n\r\n")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := &Conn{door: d}
		for pb.Next() {
			if !d.enter(c, head) {
				b.Fatal("not let in")
			}
			c.Aside()
		}
	})
}
