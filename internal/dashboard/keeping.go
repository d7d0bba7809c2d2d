package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/keep"
)

// Keeping is what the service can be asked of its data as a whole.
type Keeping struct {
	// Accepted writes the accepted writes that wait on a bus in this process. nil: there is none.
	Accepted func(ctx context.Context, w io.Writer) error
	// Erase erases a partition, written as FAMILY/VALUE. nil: it cannot be done.
	Erase func(ctx context.Context, partition string, tell func(keep.Step)) (*keep.Certificate, error)
}

// EraseOrder says which partition to erase, as FAMILY/VALUE.
type EraseOrder struct {
	Partition string `json:"partition"`
}

// EraseLine is a line of the answer: a step, and in the end a certificate or why there is none.
type EraseLine struct {
	*keep.Step
	Certificate *keep.Certificate `json:"certificate,omitempty"`
	Error       string            `json:"error,omitempty"`
}

func (k Keeping) serve(mux *http.ServeMux, token string) {
	if k.Accepted != nil {
		mux.HandleFunc("GET /accepted", owner(token, k.accepted))
	}
	if k.Erase != nil {
		// A page of a stranger must not give orders.
		mux.Handle("POST /erase", http.NewCrossOriginProtection().Handler(owner(token, k.erase)))
	}
}

func (k Keeping) accepted(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	patient(http.NewResponseController(w), long)
	_ = k.Accepted(r.Context(), w) // what is not whole has no last line
}

// How long a caller may take to read: all of an answer, or a line of it.
const (
	long  = 10 * time.Minute
	short = time.Minute
)

// patient gives a caller another time to read than other answers have.
func patient(out *http.ResponseController, d time.Duration) {
	_ = out.SetWriteDeadline(time.Now().Add(d)) // a writer without deadlines has none to be put off
}

// erase answers line by line, for as long as it takes.
func (k Keeping) erase(w http.ResponseWriter, r *http.Request) {
	var order EraseOrder
	const most = 64 << 10
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, most)).Decode(&order); err != nil || order.Partition == "" {
		http.Error(w, `Say which: {"partition": "FAMILY/VALUE"}.`, http.StatusBadRequest)
		return
	}
	out := http.NewResponseController(w)
	begun := false
	line := func(l EraseLine) {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		text, err := json.Marshal(l)
		if err != nil {
			return
		}
		patient(out, short)
		w.Write(append(text, '\n'))
		out.Flush()
	}
	c, err := k.Erase(r.Context(), order.Partition, func(s keep.Step) { line(EraseLine{Step: &s}) })
	switch {
	case err == nil:
		line(EraseLine{Certificate: c})
	case !begun:
		writeFault(w, err)
	default:
		text := "It failed; the log of the service says why. Order it again."
		if f, ok := errors.AsType[*fault.Error](err); ok {
			text = f.Message
		}
		line(EraseLine{Error: text})
	}
}
