package httpapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/feed"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/internal/logtest"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

const (
	ann = "01890a5d-ac96-774b-bcce-b302099a8057" // customers of the shop
	bob = "01890a5d-ac96-774b-bcce-b302099a8058"
)

var secret = []byte("a secret of the tests, 32 bytes.")

// service is a whole service: model, store, cache, engine and API, behind a real server.
type service struct {
	t     testing.TB
	url   string
	api   *httpapi.API
	model *model.Model
	store *sqlite.Store
	log   *logtest.Buffer

	contract *contract // every answer is held against it
}

// serve starts the service of a model; change may alter the API's configuration.
func serve(t testing.TB, m *model.Model, change func(*httpapi.Config)) *service {
	t.Helper()
	s := &service{t: t, model: m, log: &logtest.Buffer{}, contract: contractOf(t, m)}
	answers := cache.New(cache.Config{})
	t.Cleanup(answers.Close)
	var err error
	hub := feed.NewHub()
	invalidate := engine.Invalidation(m, answers)
	s.store, err = sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Model: m, Options: store.Options{OnChange: func(c *store.Change) {
		invalidate(c)
		hub.Tell(c)
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	handlers := map[string]engine.Handler{}
	for _, w := range m.Writes {
		if w.Code {
			handlers[w.Name] = panics
		}
	}
	paths, err := engine.New(engine.Config{Model: m, Store: s.store, Cache: answers, Handlers: handlers, Limits: quota.New(m)})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(t.Context(), auth.Config{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	feeds := httpapi.Feeds{Hub: hub, Log: s.store, Allow: paths.MayFollow, Incarnation: s.store.Info().Incarnation, Beat: time.Minute}
	cfg := httpapi.Config{Engine: paths, Verifier: verifier, Feeds: feeds, Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	if change != nil {
		change(&cfg)
	}
	if s.api, err = httpapi.New(cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// shop starts the example shop.
func shop(t *testing.T) *service { return serve(t, models(t)["shop"], nil) }

// token gives the header of a caller. Further claims are name=value pairs.
func token(t testing.TB, subject string, roles ...string) string {
	t.Helper()
	text, err := auth.Mint(secret, map[string]any{"sub": subject, "roles": roles}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + text
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request. Headers are written as "Name: value".
func (s *service) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if strings.HasPrefix(name, "+") {
			r.Header.Add(name[1:], value)
		} else {
			r.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, string(text)}
	s.contract.check(s.t, method, path, a)
	return a
}

// want sends a request that must have the status.
func (s *service) want(status int, method, path, body string, headers ...string) answer {
	s.t.Helper()
	a := s.do(method, path, body, headers...)
	if a.status != status {
		s.t.Fatalf("%s %s = %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// field reads one member of the body.
func (a answer) field(t testing.TB, name string) string {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &object); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return strings.Trim(string(object[name]), `"`)
}

// problem is a problem document as callers read it.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Errors   []struct {
		Pointer   *string `json:"pointer"`
		Parameter string  `json:"parameter"`
		Header    string  `json:"header"`
		Detail    string  `json:"detail"`
	} `json:"errors"`
}

// problemIn reads the problem of an answer and checks all that holds for every one.
func problemIn(t testing.TB, a answer) problem {
	t.Helper()
	var p problem
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("not a problem: %v in %q", err, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q", got)
	}
	if !strings.HasPrefix(p.Type, "urn:partita:problem:") || p.Title == "" || p.Detail == "" || p.Status != a.status {
		t.Errorf("problem = %s", a.body)
	}
	if (a.status == http.StatusUnauthorized) != (a.header.Get("WWW-Authenticate") != "") {
		t.Errorf("status %d with WWW-Authenticate %q", a.status, a.header.Get("WWW-Authenticate"))
	}
	for _, inner := range []string{"sqlite", "SELECT", "INSERT", ".go:", "goroutine", "panic", "runtime error", "/tmp/", "0x"} {
		if strings.Contains(a.body, inner) {
			t.Errorf("the problem tells internals (%s): %s", inner, a.body)
		}
	}
	return p
}

// places lists what the errors of a problem name, such as "pointer /total".
func (p problem) places() string {
	var all []string
	for _, e := range p.Errors {
		switch {
		case e.Pointer != nil:
			all = append(all, "pointer "+*e.Pointer)
		case e.Parameter != "":
			all = append(all, "parameter "+e.Parameter)
		default:
			all = append(all, "header "+e.Header)
		}
	}
	return strings.Join(all, ", ")
}

func (p problem) code() string { return strings.TrimPrefix(p.Type, "urn:partita:problem:") }

// head gives the version of a customer's partition.
func (s *service) head(customer string) uint64 {
	s.t.Helper()
	version, err := s.store.Head(s.t.Context(), store.Partition{Family: s.model.Families[0], Value: model.String(customer)})
	if err != nil {
		s.t.Fatal(err)
	}
	return version
}
