package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/partita-dev/partita/fault"
)

// document is a body that never changes.
type document struct {
	body []byte
	etag string
}

func newDocument(body []byte) document {
	sum := sha256.Sum256(body)
	return document{body, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// serveAround answers what is beside the patterns: the description, liveness and readiness.
func (a *API) serveAround(w http.ResponseWriter, r *http.Request, path string) {
	switch path {
	case "/openapi.json", "/healthz", "/readyz":
	default:
		a.fail(w, r, fault.New(fault.UnknownPattern, "There is nothing here; /openapi.json describes this service."))
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a.wrongMethod(w, r, "GET, HEAD, OPTIONS")
		return
	}
	switch path {
	case "/openapi.json":
		a.serveDocument(w, r)
	case "/healthz":
		send(w, r, http.StatusOK, []byte(`{"status":"ok"}`))
	case "/readyz":
		a.serveReady(w, r)
	}
}

func (a *API) serveDocument(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Etag"] = []string{a.openAPI.etag}
	if known := r.Header["If-None-Match"]; len(known) > 0 && matchesNone(known, a.openAPI.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Cache-Control"] = []string{"no-cache"}
	send(w, r, http.StatusOK, a.openAPI.body)
}

// serveReady tells whether the service can be of use now, and what is wrong with it in any case.
func (a *API) serveReady(w http.ResponseWriter, r *http.Request) {
	ready, reasons := a.ready()
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	if reasons == nil {
		reasons = []string{}
	}
	body, err := json.Marshal(struct {
		Ready   bool     `json:"ready"`
		Reasons []string `json:"reasons"`
	}{ready, reasons})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	send(w, r, status, body)
}

func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = noStore
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
