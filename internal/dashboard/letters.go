package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/relay"
)

// Letters are the dead letters of the service; *relay.Events has them.
type Letters interface {
	Letters(ctx context.Context, after string, limit int) (list []relay.Letter, next string, err error)
	Inspect(ctx context.Context, id string) (relay.Letter, error)
	Replay(ctx context.Context, ids ...string) (int, error)
	Drop(ctx context.Context, ids ...string) (int, error)
	All(ctx context.Context, do func(ids []string) error) error
}

// LetterList is a page of dead letters.
type LetterList struct {
	Letters []relay.Letter `json:"letters"`
	Next    string         `json:"next,omitempty"` // where to go on, as `after`; empty: that was all
}

// LetterOrder says which dead letters to replay or to drop.
type LetterOrder struct {
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
}

// LettersDone says how many dead letters were replayed or dropped.
type LettersDone struct {
	Done int `json:"done"`
}

// office answers questions about dead letters, and takes orders.
type office struct{ letters Letters }

func (o office) serve(mux *http.ServeMux, token string) {
	mux.HandleFunc("GET /dead", o.list)
	mux.HandleFunc("GET /dead/{id}", owner(token, o.inspect)) // it has the event's data
	// A page of a stranger must not give orders.
	same := http.NewCrossOriginProtection()
	mux.Handle("POST /dead/replay", same.Handler(o.order(Letters.Replay)))
	mux.Handle("POST /dead/drop", same.Handler(owner(token, o.order(Letters.Drop))))
}

func (o office) list(w http.ResponseWriter, r *http.Request) {
	const usual, most = 100, 1000
	limit := usual
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			http.Error(w, "limit must be a number from 1 to 1000.", http.StatusBadRequest)
			return
		}
		limit = n
	}
	list, next, err := o.letters.Letters(r.Context(), r.URL.Query().Get("after"), limit)
	if err != nil {
		writeFault(w, err)
		return
	}
	if list == nil {
		list = []relay.Letter{}
	}
	writeJSON(w, LetterList{list, next})
}

func (o office) inspect(w http.ResponseWriter, r *http.Request) {
	letter, err := o.letters.Inspect(r.Context(), r.PathValue("id"))
	if err != nil {
		writeFault(w, err)
		return
	}
	writeJSON(w, letter)
}

func (o office) order(do func(Letters, context.Context, ...string) (int, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var order LetterOrder
		const most = 1 << 20
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, most)).Decode(&order); err != nil || order.All == (len(order.IDs) > 0) {
			http.Error(w, `Say which: {"ids": ["…"]} or {"all": true}.`, http.StatusBadRequest)
			return
		}
		var done LettersDone
		some := func(ids []string) error {
			n, err := do(o.letters, r.Context(), ids...)
			done.Done += n
			return err
		}
		var err error
		if order.All {
			err = o.letters.All(r.Context(), some)
		} else {
			err = some(order.IDs)
		}
		if err != nil {
			writeFault(w, err)
			return
		}
		writeJSON(w, done)
	}
}

// writeFault answers with what an error may show.
func writeFault(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch fault.CodeOf(err) {
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.BadRequest:
		status = http.StatusBadRequest
	case fault.Unavailable, fault.Overloaded, fault.Deadline:
		status = http.StatusServiceUnavailable
	}
	text := "It failed; the log of the service says why."
	if f, ok := errors.AsType[*fault.Error](err); ok {
		text = f.Message
	}
	http.Error(w, text, status)
}
