package dashboard

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// Headers of an edit: who makes it, and the version that the row had when they looked at it.
const (
	operatorHeader = "Partita-Operator"
	versionHeader  = "Partita-Row-Version"
)

var operatorRule = regexp.MustCompile(`^[A-Za-z0-9._@+-]{1,40}$`)

// maxEdit bounds the body of an edit, in bytes.
const maxEdit = 1 << 20

// write carries out a write of the model for somebody who runs the service. Its input, its guards and
// its bounds hold as for everybody; only the rules are not asked.
func (s *shelf) write(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	q, who, err := s.edit(w, r)
	if err != nil {
		s.fail(w, r, err, nil)
		return
	}
	result, err := s.Engine.Write(r.Context(), q)
	sample := engine.WriteSample{Replayed: result.Replayed, Store: result.Store, Total: time.Since(start)}
	about := []any{"write", q.Write.Name, "operator", who, "remote", r.RemoteAddr, "partition", string(model.AppendText(nil, q.Args.Values[0]))}
	if err != nil {
		sample.Code = s.fail(w, r, err, q.Write)
		s.recorder.Write(q.Write, sample)
		s.Logger.InfoContext(r.Context(), "an operator's write was refused", append(about, "code", sample.Code)...)
		return
	}
	s.recorder.Write(q.Write, sample)
	s.Logger.InfoContext(r.Context(), "an operator wrote", append(about, "version", result.Version, "replayed", result.Replayed)...)
	b := strconv.AppendUint([]byte(`{"version":`), result.Version, 10)
	b = strconv.AppendBool(append(b, `,"replayed":`...), result.Replayed)
	b = append(b, `,"result":`...)
	if result.Kind == engine.Deleted || len(result.Body) == 0 {
		b = append(b, "null"...)
	} else {
		b = append(b, result.Body...)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(b, "}\n"...))
}

// edit reads the request of a write, and who makes it.
func (s *shelf) edit(w http.ResponseWriter, r *http.Request) (*engine.WriteRequest, string, error) {
	write := s.model.Write(r.PathValue("write"))
	if write == nil {
		return nil, "", fault.New(fault.UnknownPattern, "The model has no write of that name.")
	}
	if write.Allow.None {
		return nil, "", fault.New(fault.Forbidden, "%s is for the service itself only, and follows from an event; it cannot be made by hand.", write.Name)
	}
	who := r.Header.Get(operatorHeader)
	if !operatorRule.MatchString(who) {
		return nil, "", &fault.Error{Code: fault.InvalidInput, Message: "Say who you are: 1 to 40 letters, digits, '.', '_', '@', '+' or '-'; it goes into the log.",
			Details: []fault.Detail{{Pointer: operatorHeader, Message: "must say who you are"}}}
	}
	key, err := httpapi.Key(r.Header)
	if err != nil {
		return nil, "", err
	}
	if key == "" {
		return nil, "", fault.New(fault.BadRequest, "An edit needs an Idempotency-Key, so that it is done once however often it is sent.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEdit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, "", fault.New(fault.TooLarge, "The body is larger than %d bytes.", maxEdit)
	}
	if err != nil {
		return nil, "", fault.Wrap(fault.BadRequest, err, "The body broke off before its end.")
	}
	name := "operator:" + who
	q := &engine.WriteRequest{Write: write, Body: body, IdempotencyKey: key, Operator: true,
		Claims: &model.Claims{Subject: name, Key: name, All: map[string]any{"sub": name}}}
	if q.Args, err = model.DecodeArgs(write.Inputs, body); err != nil {
		return nil, "", err
	}
	if text := r.Header.Get(versionHeader); text != "" {
		version, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, "", fault.New(fault.BadRequest, "%s must be the version of a row.", versionHeader)
		}
		q.IfMatch = s.Engine.VersionTag(version)
	}
	return q, who, nil
}
