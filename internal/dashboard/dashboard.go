// Package dashboard is what the admin address serves: the page, /status, /metrics and profiles. It
// shows what internal/observe knows, and is careful about who may see it.
package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/partita-dev/partita/internal/advise"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

// Config is what the admin handler is made of.
type Config struct {
	Recorder *observe.Recorder // required
	Model    *model.Model      // required
	// Token is what callers must show. "": none is needed, and then only callers on this machine
	// are answered.
	Token string
	// Hosts are names by which the address may be called, beside localhost and plain IP addresses.
	Hosts []string
	// Letters are the dead letters; nil: there are none, and no address for them.
	Letters Letters
	// Data are the rows; nil: the page shows none, and there are no addresses for them.
	Data *Data
	// Keeping is about the data as a whole.
	Keeping Keeping
	// API is the base URL of the API, for the example on the page: "http://127.0.0.1:8080".
	API string
	// Peers gives the other nodes of the service, with their figures of a window. nil: there are none.
	Peers func(ctx context.Context, w observe.Window) []observe.Peer
	// Advice tells what to change in the model, from figures since the start. nil: there is none.
	Advice func(context.Context, observe.Snapshot) *advise.Report
}

// tokenLength is the least number of characters of a token: it stands against guessing.
const tokenLength = 16

// New returns the handler of the admin address. The error names the field of Config that is wrong.
func New(cfg Config) (http.Handler, error) {
	switch {
	case cfg.Recorder == nil:
		return nil, errors.New("dashboard: Config.Recorder is required")
	case cfg.Model == nil:
		return nil, errors.New("dashboard: Config.Model is required")
	case cfg.Token != "" && len(cfg.Token) < tokenLength:
		return nil, fmt.Errorf("dashboard: the admin token has %d characters: give at least %d, such as the output of `openssl rand -hex 32`", len(cfg.Token), tokenLength)
	}
	files, err := loadFiles()
	if err != nil {
		return nil, err
	}
	about, err := json.Marshal(describe(&cfg))
	if err != nil {
		return nil, err
	}
	d := &desk{recorder: cfg.Recorder, peers: cfg.Peers, about: about}
	g := newGate(cfg, files)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", cfg.Recorder.Metrics())
	mux.HandleFunc("GET /status", d.status)
	mux.HandleFunc("GET /live", d.live)
	mux.HandleFunc("GET /past", d.past)
	mux.HandleFunc("GET /about", d.serveAbout)
	mux.HandleFunc("GET /debug/pprof/{$}", listProfiles)
	mux.HandleFunc("GET /debug/pprof/{name}", serveProfile)
	if cfg.Advice != nil {
		mux.HandleFunc("GET /advice", func(w http.ResponseWriter, r *http.Request) {
			writeJSON(w, cfg.Advice(r.Context(), d.snapshot(r.Context(), observe.SinceStart)))
		})
	}
	if cfg.Letters != nil {
		office{cfg.Letters}.serve(mux, cfg.Token)
	}
	if cfg.Data != nil {
		newShelf(&cfg).serve(mux, cfg.Token)
	}
	cfg.Keeping.serve(mux, cfg.Token)
	mux.Handle("GET /", files)
	return g.guard(mux), nil
}

// desk answers questions about the service.
type desk struct {
	recorder *observe.Recorder
	peers    func(context.Context, observe.Window) []observe.Peer
	about    []byte
}

// snapshot gives the figures of all nodes.
func (d *desk) snapshot(ctx context.Context, w observe.Window) observe.Snapshot {
	if !w.Valid() {
		w = observe.Last1m
	}
	if d.peers == nil {
		return d.recorder.Snapshot(ctx, w)
	}
	return d.recorder.Snapshot(ctx, w, d.peers(ctx, w)...)
}

// live gives the figures of the window that the page shows.
func (d *desk) live(w http.ResponseWriter, r *http.Request) {
	window := observe.Last1m
	if asked := r.URL.Query().Get("window"); asked != "" {
		window = observe.Window(asked)
	}
	if !window.Valid() {
		http.Error(w, "There is no such window: write window=10s, 1m, 5m, 1h or start.", http.StatusBadRequest)
		return
	}
	writeJSON(w, d.snapshot(r.Context(), window))
}

// past gives the figures over time of the node that is asked.
func (d *desk) past(w http.ResponseWriter, r *http.Request) {
	asked := observe.Past5m
	if text := r.URL.Query().Get("range"); text != "" {
		asked = observe.Range(text)
	}
	if !asked.Valid() {
		http.Error(w, "There is no such range: write range=5m, 1h, 6h or 24h.", http.StatusBadRequest)
		return
	}
	body, err := json.Marshal(d.recorder.Past(asked)) // thousands of figures: not a line for each
	sendJSON(w, body, err)
}

// status gives the same for scripts and terminals: JSON, or text where it is asked for.
func (d *desk) status(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Accept"), "text/plain") {
		d.live(w, r)
		return
	}
	window := observe.Window(r.URL.Query().Get("window"))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte(StatusText(d.snapshot(r.Context(), window))))
}

func (d *desk) serveAbout(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(d.about)
}

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "")
	sendJSON(w, body, err)
}

// sendJSON sends a body, or says that it could not be made.
func sendJSON(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		http.Error(w, "The figures cannot be written as JSON; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n'))
}
