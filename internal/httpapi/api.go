// Package httpapi serves an engine over HTTP: routes from the model, problem details, OpenAPI. It is
// the only package that knows what status a fault has.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/hosts"
	"github.com/partita-dev/partita/model"
)

// Engine is what answers reads and carries out writes.
type Engine interface {
	Model() *model.Model
	Read(ctx context.Context, q *engine.ReadRequest) (engine.ReadResult, error)
	Write(ctx context.Context, q *engine.WriteRequest) (engine.WriteResult, error)
	Batch(ctx context.Context, qs []*engine.WriteRequest) ([]engine.WriteResult, []error)
	VersionToken(f *model.Family, partition model.Value, version uint64) string
	AppendVersionToken(b []byte, f *model.Family, partition model.Value, version uint64) []byte
}

// Verifier verifies bearer tokens. Its errors are *fault.Error.
type Verifier interface {
	Verify(ctx context.Context, token string) (*model.Claims, error)
}

// Remembering is a Verifier that knows tokens again: Seen gives nil for one that Verify has to look at.
type Remembering interface {
	Seen(token []byte) *model.Claims
}

// Recorder is told of each finished request to a known pattern. It must not block.
type Recorder interface {
	Read(r *model.Read, s engine.ReadSample)
	Write(w *model.Write, s engine.WriteSample)
}

// Modes gives, for a pattern, the value of the header Partita-Degraded; nil while all is well for it. It must
// be quick.
type Modes interface {
	Read(r *model.Read) []string
	Write(w *model.Write) []string
}

type well struct{}

func (well) Read(*model.Read) []string   { return nil }
func (well) Write(*model.Write) []string { return nil }

// Config is what an API is made of.
type Config struct {
	Engine   Engine                  // required
	Verifier Verifier                // required where the model has `access`; otherwise tokens are not looked at
	Recorder Recorder                // default: none
	Tracer   Tracer                  // default: none
	Logger   *slog.Logger            // default slog.Default()
	MaxBody  int64                   // bytes of a request's body, default 1 MiB
	Bodies   int64                   // bytes of all bodies that are being read, default 256 MiB, or four of the largest
	Accepts  Acceptor                // default: no write is accepted for later
	Feeds    Feeds                   // default: feeds are not served
	Modes    Modes                   // default: nothing is ever degraded
	Ready    func() (bool, []string) // whether /readyz says ready, and what is wrong; default: always
}

// API serves one model. It is an http.Handler and safe for concurrent use.
type API struct {
	engine   Engine
	verifier Verifier // nil: no access in the model
	recorder Recorder
	tracer   Tracer // nil: none
	logger   *slog.Logger
	maxBody  int64
	bodies   bodies
	ready    func() (bool, []string)
	modes    Modes

	remembering Remembering // nil: no token is known at the door
	date        date

	service string
	reads   map[string]*readRoute
	writes  map[string]*writeRoute
	batch   *batchRoute
	feeds   map[string]*feedRoute
	openAPI document

	accepts   Acceptor // nil: none
	feedsFrom Feeds
	feedsOpen atomic.Int64
}

// New makes an API. The error names what is missing.
func New(cfg Config) (*API, error) {
	if cfg.Engine == nil {
		return nil, errors.New("httpapi: Config.Engine is required")
	}
	m := cfg.Engine.Model()
	a := &API{
		engine: cfg.Engine, verifier: cfg.Verifier, recorder: cfg.Recorder, tracer: cfg.Tracer,
		accepts: cfg.Accepts,
		logger:  cfg.Logger, maxBody: cfg.MaxBody, ready: cfg.Ready,
		service: m.Service, reads: map[string]*readRoute{}, writes: map[string]*writeRoute{},
	}
	if m.Access == nil {
		a.verifier = nil
	} else if a.verifier == nil {
		return nil, errors.New("httpapi: the model has `access`, so Config.Verifier is required")
	}
	if a.recorder == nil {
		a.recorder = unrecorded{}
	}
	a.remembering, _ = a.verifier.(Remembering)
	if a.logger == nil {
		a.logger = slog.Default()
	}
	if a.maxBody <= 0 {
		a.maxBody = 1 << 20
	}
	if a.bodies.most = cfg.Bodies; a.bodies.most <= 0 {
		a.bodies.most = max(bodiesUnderWay, 4*a.maxBody)
	}
	if a.modes = cfg.Modes; a.modes == nil {
		a.modes = well{}
	}
	if a.ready == nil {
		a.ready = func() (bool, []string) { return true, nil }
	}
	for _, r := range m.Reads {
		if served(r.Allow) && !r.Internal {
			a.reads[r.Name] = newReadRoute(m, r)
		}
	}
	for _, w := range m.Writes {
		if served(w.Allow) {
			a.writes[w.Name] = newWriteRoute(m, w)
		}
	}
	a.batch = newBatchRoute(a.maxBody)
	a.feeds, a.feedsFrom = newFeedRoutes(m), cfg.Feeds.withDefaults()
	description, err := OpenAPI(m)
	if err != nil {
		return nil, err
	}
	a.openAPI = newDocument(description)
	return a, nil
}

// served tells whether callers may ever use a pattern: one with `allow: none` does not exist for them.
func served(allow model.Allow) bool { return !allow.None }

// ServeHTTP answers one request; see http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	defer a.recoverPanic(w, r)
	path, escaped := r.URL.RawPath, true
	if path == "" { // set only where it says more than Path
		path, escaped = r.URL.Path, false
	}
	rest, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		a.serveAround(w, r, path)
		return
	}
	if a.verifier == nil && !hosts.Own(hosts.Name(r.Host)) {
		a.fail(w, r, fault.New(fault.Forbidden, "The model has no access rules, so this service answers under its IP address and as localhost only, not under this host name."))
		return
	}
	name, tail, deep := strings.Cut(rest, "/")
	if escaped {
		name, _ = unescapeSegment(name)
	}
	if deep {
		if route := a.reads[name]; route != nil {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				a.serveRead(w, r, route, tail, escaped, start)
				return
			}
			a.wrongMethod(w, r, "GET, HEAD, OPTIONS")
			return
		}
		switch name {
		case "feeds":
			a.serveFeed(w, r, tail, escaped)
		case "operations":
			a.serveOperation(w, r, tail)
		default:
			a.serveUnknown(w, r, name)
		}
		return
	}
	route := a.writes[name]
	switch {
	case route != nil && r.Method == http.MethodPost:
		a.serveWrite(w, r, route, start)
	case name == "batch" && r.Method == http.MethodPost:
		a.serveBatch(w, r, start)
	case route != nil || name == "batch":
		a.wrongMethod(w, r, "POST, OPTIONS")
	default:
		a.serveUnknown(w, r, name)
	}
}

// serveUnknown says what is wrong with an address that no pattern has.
func (a *API) serveUnknown(w http.ResponseWriter, r *http.Request, name string) {
	switch read, write := a.reads[name], a.writes[name]; {
	case name == "feeds":
		a.fail(w, r, fault.New(fault.UnknownPattern, "A feed has the address /v1/feeds/{feed}/{partition}."))
	case name == "operations":
		a.fail(w, r, fault.New(fault.UnknownPattern, "An operation has the address /v1/operations/{id}."))
	case read != nil:
		a.fail(w, r, fault.New(fault.UnknownPattern, "The read %s has the address %s.", name, read.template))
	case write != nil:
		a.fail(w, r, fault.New(fault.UnknownPattern, "The write %s has the address /v1/%s; partition and key go into the body.", name, name))
	default:
		a.fail(w, r, fault.New(fault.UnknownPattern, "This service has no read or write of that name; /openapi.json lists them."))
	}
}

// wrongMethod answers OPTIONS, and refuses every other method than those in allow.
func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header()["Allow"] = []string{allow}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a.fail(w, r, fault.New(fault.MethodNotAllowed, "This address takes %s only.", allow))
}

// recoverPanic turns a panic into a problem. What was written already cannot be taken back.
func (a *API) recoverPanic(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // the value itself is what net/http looks for
		panic(cause)
	}
	a.fail(w, r, panicked(cause))
}

type unrecorded struct{}

func (unrecorded) Read(*model.Read, engine.ReadSample)    {}
func (unrecorded) Write(*model.Write, engine.WriteSample) {}

// Server returns a server for the handler whose limits hold slow and talkative clients off. The
// caller sets the address and starts it.
func Server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          100,
			MaxReceiveBufferPerConnection: 128 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
			SendPingTimeout:               30 * time.Second, // else a connection whose caller is gone stays for as long as a stream is open
			PingTimeout:                   10 * time.Second,
			WriteByteTimeout:              30 * time.Second,
		},
	}
}
