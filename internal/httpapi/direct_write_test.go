package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const desks = `
service: desks
partitions: {house: {by: house_id, type: string(20), expect: 10}}
entities:
  desk: {in: house, key: n, expect: 100, fields: {n: int, state: {enum: [free, taken], default: free}, note: text(4000)?}}
access:
  rules: {owner: auth.house == house_id}
  allow: [owner]
limits:
  wide:   {of: [often, rarely], per: [house_id], rate: 1000/s, burst: 100000}
  narrow: {of: [rarely], per: [house_id], rate: 1/h}
reads:
  one: {get: desk, allow: public}
  all: {list: desk, allow: public}
writes:
  put:    {upsert: desk, input: [note], allow: public}
  add:    {insert: desk, input: [note], allow: public}
  take:   {update: desk, when: {state: free}, set: {state: taken}, allow: public}
  drop:   {delete: desk, allow: public}
  often:  {upsert: desk, input: [note], allow: public}
  rarely: {upsert: desk, input: [note], allow: public}
  own:    {upsert: desk, input: [note]}
  known:  {upsert: desk, input: [note], allow: anyone}
  hide:   {upsert: desk, input: [note], allow: none}
  code:   {code: true, in: house, input: {n: int}, allow: public}
`

// post is a plain request of a write; fields are further lines.
func post(write, body string, fields ...string) string {
	b := fmt.Sprintf("POST /v1/%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", write, len(body))
	for _, f := range fields {
		b += f + "\r\n"
	}
	return b + "\r\n" + body
}

// versions are the parts of an answer that differ from one write to the next.
var versions = regexp.MustCompile(`(?m)^(Partita-Version|Etag): .*|r=[0-9]+;t=[0-9]+|Retry-After: [0-9]+|urn:partita:request:[0-9a-f]+`)

// heard gives the answers to a request, as many as are wanted, on a connection that stays.
func (s *twice) heard(address, request string, answers int) string {
	s.t.Helper()
	c, r := s.known(address)
	defer c.Close()
	var all strings.Builder
	if _, err := io.WriteString(c, request); err != nil {
		s.t.Fatal(err)
	}
	copied := bufio.NewReader(io.TeeReader(r, &all))
	for range answers {
		a, err := http.ReadResponse(copied, nil)
		if err != nil {
			s.t.Fatal(err, all.String())
		}
		if _, err := io.Copy(io.Discard, a.Body); err != nil {
			s.t.Fatal(err)
		}
		a.Body.Close()
	}
	text := all.String()[:all.Len()-copied.Buffered()]
	return versions.ReplaceAllString(moment.ReplaceAllString(text, "…"), "…")
}

const desk = `{"house_id":"h","n":1,"note":"red"}`

func TestAnswersToWritesAtTheDoorAreThoseOfNetHTTP(t *testing.T) {
	s := serveTwice(t, desks)
	s.want(201, "POST", "/v1/put", desk)
	s.want(201, "POST", "/v1/put", `{"house_id":"h","n":2}`)
	s.want(200, "POST", "/v1/take", `{"house_id":"h","n":2}`)
	some := token(t, "ann")
	s.want(200, "POST", "/v1/known", desk, some) // the token is known from now on
	for _, test := range []struct {
		name, request, status string
		direct                bool
	}{
		{"a row that is there", post("put", desk), "200", true},
		{"a long one", post("put", `{"house_id":"h","n":1,"note":"`+strings.Repeat("x", 3000)+`"}`), "200", true},
		{"longer than what is read at once", post("put", `{"house_id":"h","n":1,"note":"`+strings.Repeat("x", 3990)+`"}`), "200", false},
		{"what browsers send", post("put", desk, "Connection: keep-alive", "User-Agent: Mozilla/5.0 (X11)", "accept: */*", "Accept-Encoding: gzip, br", "Cookie: a=b", "Origin: http://localhost", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "200", true},
		{"a row that is not there", post("take", `{"house_id":"h","n":7}`), "404", true},
		{"a row that is there already", post("add", desk), "409", true},
		{"a guard", post("take", `{"house_id":"h","n":2}`), "409", true},
		{"nothing to delete", post("drop", `{"house_id":"h","n":7}`), "404", true},
		{"another tag", post("put", desk, `If-Match: "x"`), "412", true},
		{"two tags", post("put", desk, `If-Match: "x"`, `If-Match: "y"`), "412", false},
		{"a key", post("put", desk, "Idempotency-Key: a"), "200", true},
		{"a key in quotes", post("put", desk, `Idempotency-Key: "b\"c"`), "200", true},
		{"a key used again for something else", post("put", `{"house_id":"h","n":1,"note":"blue"}`, "Idempotency-Key: a"), "422", true},
		{"a refusal under a key", post("add", desk, "Idempotency-Key: c"), "409", true},
		{"a bad key", post("put", desk, "Idempotency-Key: a,b"), "400", false},
		{"an empty key", post("put", desk, "Idempotency-Key:"), "400", false},
		{"two keys", post("put", desk, "Idempotency-Key: a", "Idempotency-Key: b"), "400", false},
		{"limits", post("often", desk), "200", true},
		{"beyond a limit", post("rarely", desk), "429", true},
		{"a token that is known", post("known", desk, some), "200", true},
		{"no token", post("known", desk), "401", false},
		{"a bad token", post("put", desk, some+"x"), "401", false},
		{"two tokens", post("put", desk, some, some), "401", false},
		{"not allowed", post("own", desk, some), "403", true},
		{"hidden", post("hide", desk), "404", false},
		{"a function", post("code", `{"house_id":"h","n":1}`), "500", false},
		{"asynchronous where that is not offered", post("put", desk, "Prefer: respond-async"), "200", true},
		{"another preference", post("put", desk, "Prefer: return=minimal"), "200", false},
		{"operations to come after", post("put", desk, "Partita-After: a"), "400", false},
		{"If-None-Match", post("put", desk, "If-None-Match: *"), "400", false},
		{"a parameter", post("put?a=b", desk), "400", false},
		{"an escape", post("%70ut", desk), "200", false},
		{"a slash", post("put/", desk), "404", false},
		{"a read", post("one", desk), "404", false},
		{"a batch", post("batch", `{"writes":[]}`), "200", false},
		{"no JSON object", post("put", `[]`), "422", false},
		{"broken JSON", post("put", `{"house_id":`), "400", false},
		{"an unknown field", post("put", `{"house_id":"h","n":1,"colour":"red"}`), "422", false},
		{"no body", post("put", ""), "400", false},
		{"another type of body", strings.Replace(post("put", desk), "application/json", "text/plain", 1), "415", false},
		{"a charset", strings.Replace(post("put", desk), "application/json", "application/json; charset=utf-8", 1), "200", true},
		{"another charset", strings.Replace(post("put", desk), "application/json", "application/json; charset=latin1", 1), "415", false},
		{"what clients in browsers accept", post("put", desk, "Accept: application/json, text/plain, */*"), "200", true},
		{"accepted twice", post("put", desk, "Accept: application/json", "Accept: */*"), "200", false},
		{"compressed", post("put", desk, "Content-Encoding: gzip"), "415", false},
		{"another type of answer", post("put", desk, "Accept: text/html"), "406", false},
		{"the last one", post("put", desk, "Connection: close"), "200", false},
		{"one that waits to be told to go on", post("put", desk, "Expect: 100-continue"), "100", false},
		{"an old version", strings.Replace(post("put", desk), "HTTP/1.1", "HTTP/1.0", 1), "200", false},
		{"no host", strings.Replace(post("put", desk), "Host: x\r\n", "", 1), "400", false},
		{"no length", strings.Replace(post("put", ""), "Content-Length: 0\r\n", "", 1), "400", false},
		{"a length with a sign", strings.Replace(post("put", desk), "Length: ", "Length: +", 1), "400", false},
		{"two lengths", post("put", desk, "Content-Length: 1"), "400", false},
		{"the same length twice", post("put", desk, fmt.Sprintf("Content-Length: %d", len(desk))), "200", false},
		{"a length and chunks", post("put", desk, "Transfer-Encoding: identity"), "501", false},
		{"a body in chunks", "POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(desk), desk), "200", false},
		{"a folded field", post("put", desk, "A: b", " c"), "200", false},
		{"a space before the colon", post("put", desk, "A : b"), "400", false},
		{"bare line ends", strings.ReplaceAll(post("put", desk), "\r\n", "\n"), "200", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want, got string
			direct := false
			for range 50 { // net/http may have looked for the caller just when the request came; then it is net/http's
				want = s.heard(s.plain, test.request, 1)
				s.begun.Store(0)
				got = s.heard(s.door, test.request, 1)
				// The first request of a connection is net/http's; what it refuses does not count as begun.
				direct = s.begun.Load() == 1 && !strings.Contains(got, "text/plain")
				if got == want && direct == test.direct {
					break
				}
			}
			if got != want || !strings.HasPrefix(got, "HTTP/1.1 "+test.status) && !strings.HasPrefix(got, "HTTP/1.0 "+test.status) {
				t.Errorf("behind the door\n%s\nand without it\n%s", got, want)
			}
			if direct != test.direct {
				t.Errorf("answered at the door: %v", direct)
			}
		})
	}
}

// Rows that come and go have answers of other kinds.
func TestRowsComeAndGoAtTheDoor(t *testing.T) {
	s := serveTwice(t, desks)
	var told [2]string
	for i, address := range []string{s.plain, s.door} {
		for _, request := range []string{
			post("add", desk), post("drop", `{"house_id":"h","n":1}`),
			post("put", desk, fmt.Sprintf("Idempotency-Key: %d", i)), post("put", desk, fmt.Sprintf("Idempotency-Key: %d", i)),
			post("take", `{"house_id":"h","n":1}`), post("take", `{"house_id":"h","n":1}`), post("drop", `{"house_id":"h","n":1}`),
		} {
			told[i] += s.heard(address, request, 1)
		}
	}
	if told[0] != told[1] {
		t.Errorf("behind the door\n%s\nand without it\n%s", told[1], told[0])
	}
	for _, part := range []string{" 201 Created", " 204 No Content", "\nIdempotency-Replayed: true", " 409 Conflict", "\nLocation: /v1/one/h/1"} {
		if !strings.Contains(told[1], part) {
			t.Errorf("no %q in\n%s", part, told[1])
		}
	}
}

// A second request that came with the first is neither lost nor taken for a part of its body.
func TestTwoWritesAtOnce(t *testing.T) {
	s := serveTwice(t, desks)
	both := post("put", desk) + post("put", strings.Replace(desk, ":1", ":2", 1))
	for _, request := range []string{both, both + "GET /v1/one/h/2 HTTP/1.1\r\nHost: x\r\n\r\n"} {
		answers := 2 + strings.Count(request, "GET")
		s.heard(s.plain, request, answers) // from now on the rows are there
		if want, got := s.heard(s.plain, request, answers), s.heard(s.door, request, answers); got != want {
			t.Errorf("behind the door\n%s\nand without it\n%s", got, want)
		}
	}
}

// Damaged writes are never taken for good ones at the door alone, and what goes through is the same.
func TestDamagedWritesAreThoseOfNetHTTP(t *testing.T) {
	s := serveTwice(t, desks)
	s.want(201, "POST", "/v1/put", desk)
	r := rand.New(rand.NewPCG(1, 2))
	length := fmt.Sprintf("Content-Length: %d\r\n", len(desk))
	pieces := []string{"\r", "\n", "\r\n", ":", " ", "\t", "\x00", "\xff", "%", "/", "?", "Host: y\r\n", "P", "0", "é", "{", "}", `"`, ",",
		"\r\n ", " :", "+", length, "Content-Length: 1\r\n", "Content-Length: 999\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
		"Transfer-Encoding:\x0bchunked\r\n", "Content-Length : 3\r\n", "Expect: 100-continue\r\n", "GET /v1/one/h/1 HTTP/1.1\r\nHost: x\r\n\r\n", post("put", desk)}
	for range 600 {
		b := []byte(post("put", desk, "Accept: */*", "X-Other: 1"))
		for range 1 + r.IntN(2) {
			at := r.IntN(len(b))
			switch piece := pieces[r.IntN(len(pieces))]; r.IntN(3) {
			case 0:
				b = append(b[:at:at], b[at+1:]...)
			case 1:
				b[at] = piece[0]
			default:
				if lines := strings.SplitAfter(string(b), "\r\n"); len(piece) > 6 && r.IntN(4) > 0 { // where a field can stand
					at = len(strings.Join(lines[:1+r.IntN(len(lines)-1)], ""))
				}
				b = append(b[:at:at], append([]byte(piece), b[at:]...)...)
			}
		}
		var got, want string
		for range 20 { // the first of them may have made a row that others find there
			if want, got = s.both(string(b)); got == want {
				break
			}
		}
		if got != want {
			t.Fatalf("%q: behind the door\n%s\nand without it\n%s", b, got, want)
		}
	}
}

// both gives all that is said, without the door and behind it, to a request after which nothing more comes. net/http may
// take that for a caller who has gone, and let the write go too; then it is what is said first to one who stays.
func (s *twice) both(request string) (plain, door string) {
	plain, door = s.told(s.plain, request), s.told(s.door, request)
	if strings.Contains(plain+door, "problem:deadline") {
		return s.heard(s.plain, request, 1), s.heard(s.door, request, 1)
	}
	return versions.ReplaceAllString(plain, "…"), versions.ReplaceAllString(door, "…")
}

// Each write at the door takes the next version, and stands when it is answered.
func TestWritesAtTheDoorTakeEffectOnce(t *testing.T) {
	s := serveTwice(t, desks)
	const callers, each = 8, 25
	var work sync.WaitGroup
	for caller := range callers {
		c, r := s.known(s.door)
		work.Go(func() {
			for i := range each {
				body := fmt.Sprintf(`{"house_id":"h","n":%d,"note":"red"}`, caller*each+i)
				if a, err := sent(c, r, post("add", body)); err != nil || a.StatusCode != http.StatusCreated {
					t.Error(a, err)
				}
				get := fmt.Sprintf("GET /v1/one/h/%d HTTP/1.1\r\nHost: x\r\n\r\n", caller*each+i)
				if a, err := sent(c, r, get); err != nil || a.StatusCode != http.StatusOK {
					t.Error(a, err)
				}
			}
		})
	}
	work.Wait()
	last := s.want(200, "POST", "/v1/put", `{"house_id":"h","n":0,"note":"blue"}`).header.Get("Partita-Version")
	if want := fmt.Sprintf("/%d", callers*each+1); !strings.HasSuffix(last, want) {
		t.Errorf("the last version is %s, not %s", last, want)
	}
}

func sent(c net.Conn, r *bufio.Reader, request string) (*http.Response, error) {
	if _, err := io.WriteString(c, request); err != nil {
		return nil, err
	}
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	_, err = io.Copy(io.Discard, a.Body)
	return a, err
}

// What the rows do not allow says which version of the partition they are from.
func TestRefusedWritesTellTheVersion(t *testing.T) {
	s := serveTwice(t, desks)
	version := s.want(201, "POST", "/v1/put", desk).header.Get("Partita-Version")
	for _, write := range []string{"add", "add"} {
		refused := s.want(409, "POST", "/v1/"+write, desk, "Idempotency-Key: a")
		if told := refused.header.Get("Partita-Version"); told != version {
			t.Errorf("%q, not %q", told, version)
		}
	}
	for _, request := range [][2]string{{"own", desk}, {"take", `{"house_id":"h"}`}} {
		if told := s.do("POST", "/v1/"+request[0], request[1]).header.Get("Partita-Version"); told != "" {
			t.Errorf("%s tells %q", request[0], told)
		}
	}
}
