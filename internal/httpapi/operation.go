package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/model"
)

// operationStatus is how an operation is, as callers read it.
type operationStatus struct {
	ID        string          `json:"id"`
	Status    string          `json:"status"` // pending, done or failed
	Write     string          `json:"write"`
	Family    string          `json:"family"`
	Partition json.RawMessage `json:"partition"`
	Result    *batchResult    `json:"result,omitempty"`  // of one that is done: what the write would have answered
	Problem   *problem        `json:"problem,omitempty"` // of one that failed
}

// serveOperation answers GET /v1/operations/{id}.
func (a *API) serveOperation(w http.ResponseWriter, r *http.Request, id string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a.wrongMethod(w, r, "GET, HEAD, OPTIONS")
		return
	}
	s, err := a.operation(r, id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if s.Done && s.Err == nil {
		w.Header()["Partita-Version"] = []string{a.engine.VersionToken(s.Place.Family, s.Place.Value, s.Result.Version)}
	}
	send(w, r, http.StatusOK, a.operationBody(&s))
}

func (a *API) operation(r *http.Request, id string) (s accept.State, err error) {
	claims, err := a.caller(r, false)
	if err != nil {
		return s, err
	}
	if accept := r.Header["Accept"]; len(accept) > 0 && !acceptsJSON(accept) {
		return s, notAcceptable()
	}
	wait, err := waitOf(r)
	if err != nil {
		return s, err
	}
	if a.accepts == nil || strings.Contains(id, "/") {
		return s, fault.New(fault.UnknownPattern, "There is no such operation, or it is another caller's.")
	}
	defer caught(&err)
	admit.Aside(r.Context())
	return a.accepts.Operation(r.Context(), id, claims, wait)
}

// waitOf reads how long the caller wants to wait: as 10s, or as seconds. More than accept.MaxWait
// counts as that.
func waitOf(r *http.Request) (time.Duration, error) {
	if r.URL.RawQuery == "" {
		return 0, nil
	}
	bad := func(name, message string) (time.Duration, error) {
		return 0, &fault.Error{Code: fault.InvalidInput, Message: name + " " + message + ".", Details: []fault.Detail{{Pointer: name, Message: message}}}
	}
	for name, values := range r.URL.Query() {
		if name != "wait" {
			return bad(name, "is not a parameter of operations")
		}
		if len(values) > 1 {
			return bad(name, "is given twice")
		}
		if n, err := strconv.ParseUint(values[0], 10, 31); err == nil {
			return min(time.Duration(n)*time.Second, accept.MaxWait), nil
		}
		d, err := time.ParseDuration(values[0])
		if err != nil || d < 0 {
			return bad(name, "must be a duration, such as 10s")
		}
		return min(d, accept.MaxWait), nil
	}
	return 0, nil
}

// operationBody tells how an operation is.
func (a *API) operationBody(s *accept.State) []byte {
	if !s.Done {
		return appendPending(make([]byte, 0, 512), s)
	}
	o := operationStatus{ID: s.ID, Status: "done", Write: s.Write, Family: s.Place.Family.Name, Partition: model.AppendJSON(nil, s.Place.Value)}
	if s.Err == nil {
		result := a.itemResult(s.Place.Family, s.Place.Value, &s.Result)
		o.Result = &result
	} else {
		o.Status = "failed"
		err := s.Err
		if w := a.writes[s.Write]; w != nil {
			err = pointInto(err, w.write)
		}
		p, f := problemOf(err)
		if f.Code == fault.Internal && f.Cause == nil {
			p.Detail = f.Message // written for callers when it was put aside
			p.Instance = "urn:partita:operation:" + s.ID
		}
		o.Problem = &p
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		panic(err) // the body that was kept is not JSON: a defect, answered as one
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// appendPending writes what every accepted write is answered with.
func appendPending(b []byte, s *accept.State) []byte {
	for _, member := range [...]struct{ name, value string }{
		{`{"id":`, s.ID}, {`,"status":`, "pending"}, {`,"write":`, s.Write}, {`,"family":`, s.Place.Family.Name},
	} {
		b = model.AppendJSON(append(b, member.name...), model.String(member.value))
	}
	b = model.AppendJSON(append(b, `,"partition":`...), s.Place.Value)
	return append(b, '}')
}
