package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"
)

// The requests of a connection are answered at the door from the first on, with the same bytes.
func TestTheFirstRequestIsAnsweredAtTheDoor(t *testing.T) {
	s := serveTwice(t, desks)
	s.want(201, "POST", "/v1/add", `{"house_id":"h","n":1}`)
	told := func(address, request string) string {
		c, r := s.dial(address)
		a, body := s.ask(c, r, request)
		head, err := httputil.DumpResponse(a, false)
		if err != nil {
			t.Fatal(err)
		}
		return versions.ReplaceAllString(moment.ReplaceAllString(string(head)+body, "…"), "…")
	}
	for _, request := range []string{
		get("/v1/one/h/1"), get("/v1/one/h/2"), get("/v1/all/h"), post("put", `{"house_id":"h","n":1,"note":"a"}`), post("put", `{"house_id":"h"}`),
		post("take", `{"house_id":"h","n":7}`),
	} {
		want := told(s.plain, request)
		s.begun.Store(0)
		if got := told(s.door, request); got != want {
			t.Errorf("behind the door\n%s\nand without it\n%s", got, want)
		}
		if direct := s.begun.Load() == 0; direct != (request != post("put", `{"house_id":"h"}`)) {
			t.Errorf("%q was answered at the door: %v", request, direct)
		}
	}
}

func get(address string) string { return "GET " + address + " HTTP/1.1\r\nHost: x\r\n\r\n" }

// While something is not well, answers are still given at the door, and say so.
func TestAnswersAtTheDoorSayWhatIsNotWell(t *testing.T) {
	s := serveTwice(t, desks)
	s.want(201, "POST", "/v1/add", `{"house_id":"h","n":1}`)
	s.modes.now.Store(&[]string{"load; state=degraded; effect=shed", "store; state=down"})
	for _, request := range []string{get("/v1/one/h/1"), get("/v1/one/h/2"), post("put", `{"house_id":"h","n":1}`), post("take", `{"house_id":"h","n":7}`)} {
		var begun int64
		for range 50 { // net/http may have looked for the caller just when the request came; then it is net/http's
			want := s.heard(s.plain, request, 1)
			s.begun.Store(0)
			got := s.heard(s.door, request, 1)
			if got != want || strings.Count(got, "Partita-Degraded: ") != 2 {
				t.Errorf("behind the door\n%s\nand without it\n%s", got, want)
			}
			if begun = s.begun.Load(); begun == 1 {
				break
			}
		}
		if begun != 1 {
			t.Errorf("%q: net/http began %d requests, and not only the one before", request, begun)
		}
	}
}

// The time for a request begins when it comes, also where net/http has waited for one all the while that others
// were answered at the door.
func TestTimeForARequestBeginsWithIt(t *testing.T) {
	const limit = 3 * time.Second
	s := serveTwice(t, desks, func(server *http.Server) { server.ReadTimeout = limit })
	c, r := s.dial(s.door)
	for begun := time.Now(); time.Since(begun) < limit; {
		s.ask(c, r, get("/v1/all/h"))
	}
	const body = `{"house_id":"h","n":1}`
	if _, err := fmt.Fprintf(c, "POST /v1/put HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatal(line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	other, heard := s.dial(s.door)
	for begun := time.Now(); time.Since(begun) < limit/3; { // deadlines may be late
		s.ask(other, heard, get("/v1/all/h"))
	}
	if _, err := io.WriteString(c, body); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusCreated {
		b, err := io.ReadAll(a.Body)
		t.Errorf("%s %s %v", a.Status, b, err)
	}
	if s.begun.Load() != 1 {
		t.Errorf("net/http began %d requests", s.begun.Load())
	}
}

// A server that stops does not wait for connections on which nothing is under way, though net/http has seen nothing of
// them.
func TestStopDoesNotWaitForWhatWasAnsweredAtTheDoor(t *testing.T) {
	s := serveTwice(t, desks)
	for range 10 {
		c, r := s.dial(s.door)
		s.ask(c, r, get("/v1/all/h"))
	}
	if n := s.begun.Load(); n != 0 {
		t.Fatalf("net/http began %d requests", n)
	}
	ctx, end := context.WithTimeout(t.Context(), 4*time.Second) // net/http waits for 5 and more
	defer end()
	if err := s.server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
