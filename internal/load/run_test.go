package load

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

const secret = "a secret of these tests, at least 32 bytes long"

// service fills a store with a World's rows and serves it.
func service(t *testing.T, file string, size Size) (*World, Config) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse(file, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, dir := NewWorld(m, size, nil), t.TempDir()
	s, err := storeurl.Open(t.Context(), "", dir, work.Extend(m), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := w.Seed(t.Context(), s)
	if err != nil || rows == 0 {
		t.Fatal(rows, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	app := apptest.Start(t, partita.Config{Model: file, DataDir: dir, Admin: partita.None, Auth: partita.Auth{Secret: []byte(secret)}})
	return w, Config{Model: file, Source: source, Size: w.Size, Addresses: []string{app.Addr()}, Secret: []byte(secret), Keys: "test", Accepts: true}
}

func TestTheServiceTakesWhatIsAsked(t *testing.T) {
	for _, file := range []string{"../../examples/shop/shop.yaml", "../../examples/chat/chat.yaml"} {
		t.Run(file, func(t *testing.T) {
			w, c := service(t, file, Size{Partitions: 50})
			r := newRunner(w, &c)
			var names []string
			for again := time.NewTicker(20 * time.Millisecond); ; <-again.C { // until views are built
				names = nil
				trials := r.rehearse()
				away := false
				for _, trial := range trials {
					away = away || trial.Status == 503
					if trial.Fair {
						names = append(names, trial.Name)
					} else if trial.Status != 503 {
						t.Fatalf("%s: %d %s", trial.Name, trial.Status, trial.Detail)
					}
				}
				if !away {
					break
				}
			}
			got, err := r.run(Phase{For: 500 * time.Millisecond, Seed: 1, Streams: []Stream{
				{Name: "all", Rate: 400, Patterns: names, Partition: -1, Connections: 16, Patience: time.Minute, Within: time.Minute, Log: LogAll},
				{Name: "one", Rate: 100, Patterns: names, Partition: 3, Connections: 4, Patience: time.Minute, Within: time.Minute, From: 100 * time.Millisecond, To: 300 * time.Millisecond},
			}})
			if err != nil {
				t.Fatal(err)
			}
			all, one := got.Streams[0].Sum(), got.Streams[1].Sum()
			for class, n := range all.Counts {
				switch class := Class(class); class {
				case Good, Refused, Quota:
				case Late, Shed: // on a machine that is busy with something else
				default:
					if n > 0 {
						t.Errorf("%d requests were %s", n, class)
					}
				}
			}
			if all.Counts[Good] == 0 || uint64(len(got.Notes)) != all.Counts.All() || one.Counts.All() == 0 {
				t.Errorf("%d good of %d, %d notes, %d to one partition", all.Counts[Good], all.Counts.All(), len(got.Notes), one.Counts.All())
			}
			found, missing := 0, 0
			for _, n := range got.Notes {
				p := &r.mix.Patterns[n.Pattern]
				switch {
				case p.Read == nil || p.Read.List || p.Read.Of.View != nil:
				case n.Status == 200:
					found++
				case n.Status == 404:
					missing++
				}
				if n.At > 500*time.Millisecond || n.Done < n.Sent || n.Sent < n.At-time.Millisecond {
					t.Errorf("due at %s, sent at %s, done at %s", n.At, n.Sent, n.Done)
				}
			}
			if found == 0 || missing > max(3, found/10) { // a few were deleted
				t.Errorf("%d gets found their row, %d did not", found, missing)
			}
		})
	}
}

func TestTheProcessSpeaksThroughItsPipes(t *testing.T) {
	_, c := service(t, "../../examples/ledger/ledger.yaml", Size{Partitions: 5})
	var in, out bytes.Buffer
	to := gob.NewEncoder(&in)
	for _, v := range []any{&c, &order{Rehearse: true}, &order{Phase: &Phase{For: time.Millisecond, Streams: []Stream{{Name: "none", Rate: 0}}}}} {
		if err := to.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := Serve(&in, &out); err != nil {
		t.Fatal(err)
	}
	from := gob.NewDecoder(&out)
	var first, second reply
	if err := from.Decode(&first); err != nil || len(first.Trials) == 0 {
		t.Error(first, err)
	}
	if err := from.Decode(&second); err != nil || !strings.Contains(second.Err, "asks for nothing") {
		t.Error(second, err)
	}
}

func TestArrivalsGoToConnectionsOnce(t *testing.T) {
	var (
		mu   sync.Mutex
		seen []time.Duration
		by   = map[int]int{}
	)
	p := pool{most: 3}
	p.serve = func(number int, a arrival) {
		for more := true; more; a, more = p.take(number) {
			mu.Lock()
			seen = append(seen, a.at)
			by[number]++
			mu.Unlock()
		}
	}
	const n = 10_000
	for i := range n {
		p.give(arrival{at: time.Duration(i)})
	}
	p.close()
	slices.Sort(seen)
	if len(seen) != n || len(by) > 3 {
		t.Fatalf("%d of %d by %d connections", len(seen), n, len(by))
	}
	for i, at := range seen {
		if at != time.Duration(i) {
			t.Fatalf("%d is missing, or there twice", i)
		}
	}
}

// answers is a server that sends what it is told, one text for each request.
func answers(t *testing.T, texts ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for len(texts) > 0 {
				b := make([]byte, 1024)
				if _, err := c.Read(b); err != nil {
					break
				}
				text := texts[0]
				texts = texts[1:]
				if text == "" {
					break // hang up without an answer
				}
				io.WriteString(c, text)
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func TestStrangersDoNotWaitForEachOther(t *testing.T) {
	busy, turned := make(chan struct{}), 0
	p := &pool{most: 2, none: func(arrival) { turned++ }}
	p.serve = func(number int, _ arrival) {
		<-busy
		for more := true; more; {
			_, more = p.take(number)
		}
	}
	for range 5 {
		p.give(arrival{})
	}
	close(busy)
	p.close()
	if turned != 3 {
		t.Errorf("%d found no connection", turned)
	}
}

func TestAnswersAreReadAsTheyAre(t *testing.T) {
	body := `{"type":"urn:partita:problem:overloaded","status":503}`
	l := &line{addresses: []string{answers(t,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nPartita-Version: customer/c/INC/41\r\nCache-Status: partita; fwd=stale; ttl=-3; detail=stale\r\n\r\n{}",
		"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nLocation: /v1/x\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\nRetry-After: 2\r\nConnection: close\r\n\r\n%s", len(body), body),
		"HTTP/1.1 204 No Content\r\n\r\n",
	)}}
	defer l.drop()
	ask := func() *answer {
		t.Helper()
		if err := l.ask([]byte("GET / HTTP/1.1\r\n\r\n"), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		return &l.answer
	}
	if a := ask(); a.status != 200 || string(a.version) != "41" || !a.stale {
		t.Errorf("%+v", a)
	}
	if a := ask(); a.status != 201 || a.stale || len(a.version) != 0 || string(a.place) != "/v1/x" {
		t.Errorf("%+v", a)
	}
	if a := ask(); a.status != 503 || a.problem() != "overloaded" || a.retry != 2*time.Second || l.conn != nil {
		t.Errorf("%+v %q", a, a.problem())
	}
	if a := ask(); a.status != 204 || a.problem() != "" {
		t.Errorf("%+v", a)
	}
}

func TestACallerGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &line{addresses: []string{l.Addr().String(), answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}}
	if err := c.ask([]byte("GET / HTTP/1.1\r\n\r\n"), time.Now().Add(20*time.Millisecond)); err == nil || c.conn != nil {
		t.Errorf("%v, and the connection is kept: %v", err, c.conn != nil)
	}
	// The next try goes to another node.
	if err := c.ask([]byte("GET / HTTP/1.1\r\n\r\n"), time.Now().Add(time.Minute)); err != nil || c.answer.status != 200 {
		t.Error(err, c.answer.status)
	}
}

// Connections that are there before anything arrives have asked for something: others are closed by a service before
// somebody comes over them.
func TestConnectionsThatAreReadyHaveAsked(t *testing.T) {
	w, c := service(t, "../../examples/ledger/ledger.yaml", Size{Partitions: 5})
	var asked atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			asked.Add(1)
		}
	})}
	go s.Serve(l)
	defer s.Close()
	c.Addresses = []string{l.Addr().String()}
	r := newRunner(w, &c)
	for range 2 { // the second time they are there already
		if _, err := r.run(Phase{For: time.Millisecond, Keep: true, Streams: []Stream{{Name: "ready", Rate: 1, Partition: -1, Connections: 8, Ready: 8, Patience: time.Minute, Within: time.Minute}}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 8 {
		t.Errorf("%d of 8 connections have asked", n)
	}
	r.lines.hangUp()
}

// Who comes in two streams over the same connections needs no more of them than in one, and finds those of
// the phase before.
func TestConnectionsAreSharedAndKept(t *testing.T) {
	w, c := service(t, "../../examples/ledger/ledger.yaml", Size{Partitions: 5})
	r := newRunner(w, &c)
	first := Stream{Name: "first", Rate: 400, Partition: -1, Connections: 8, Ready: 8, Patience: time.Minute, Within: time.Minute}
	second := first
	second.Name, second.Shared, second.Connections = "second", true, 0
	for range 2 {
		got, err := r.run(Phase{For: 200 * time.Millisecond, Seed: 1, Keep: true, Streams: []Stream{first, second}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Streams {
			if sum := s.Sum(); sum.Counts.All() == 0 {
				t.Errorf("nobody came in the stream %s", s.Name)
			}
		}
		if n := len(r.lines.free); n == 0 || n > first.Connections {
			t.Errorf("%d connections are kept, of %d", n, first.Connections)
		}
	}
	if _, err := r.run(Phase{For: time.Millisecond, Streams: []Stream{second}}); err == nil {
		t.Error("the first stream shares connections with nobody")
	}
	if _, err := r.run(Phase{For: time.Millisecond, Streams: []Stream{first}}); err != nil || len(r.lines.free) > 0 {
		t.Errorf("%v, and %d connections are kept", err, len(r.lines.free))
	}
}
