package partita_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/logtest"
)

// coded has writes whose work is done by Go functions.
const coded = notes + `
  tally: {code: true, in: person, input: {text: string(50)?}, returns: {notes: int, at: time?}}
  ping:  {code: true, in: person}
`

type tallyInput struct {
	PersonID string
	Text     *string
}

type tallyResult struct {
	Notes int
	At    *time.Time
}

type note struct {
	PersonID string
	NoteID   int
	Text     string
	Done     bool
	At       time.Time
}

type total struct{ Notes int }

// serve runs the model with a function for each write, and gives the address.
func serve(t *testing.T, f func(context.Context, *partita.Tx, tallyInput) (tallyResult, error)) (base string, log *logtest.Buffer) {
	t.Helper()
	c, log := config(t, coded)
	c.HandlerTimeout = 5 * time.Second
	app := open(t, c)
	partita.Handle(app, "tally", f)
	partita.Handle(app, "ping", func(context.Context, *partita.Tx, struct{}) (struct{}, error) { return struct{}{}, nil })
	start(t, app)
	return "http://" + app.Addr(), log
}

// tally calls the write "tally" and gives status and body.
func tally(t *testing.T, base string) (int, string) {
	t.Helper()
	return call(t, "POST", base+"/v1/tally", `{"person_id":"ada","text":"from Go"}`)
}

func TestHandleWorksInThePartition(t *testing.T) {
	base, _ := serve(t, func(_ context.Context, tx *partita.Tx, in tallyInput) (tallyResult, error) {
		if tx.Partition() != "ada" || in.PersonID != "ada" {
			return tallyResult{}, errors.New("wrong partition")
		}
		first := note{Text: *in.Text}
		if err := tx.Insert("note", &first); err != nil {
			return tallyResult{}, err
		}
		if first.NoteID == 0 || first.At != tx.Now() || first.PersonID != "ada" {
			t.Errorf("the row as inserted: %+v", first)
		}
		if err := tx.Insert("note", map[string]any{"text": "second", "done": true}); err != nil {
			return tallyResult{}, err
		}
		if err := tx.Update("note", map[string]any{"text": "changed"}, first.NoteID); err != nil {
			return tallyResult{}, err
		}
		if err := tx.Delete("note", first.NoteID+1); err != nil {
			return tallyResult{}, err
		}
		var list []note
		if err := tx.List("note", &list, map[string]any{"done": false}, 10); err != nil {
			return tallyResult{}, err
		}
		var sum total
		if found, err := tx.Get("total", &sum); err != nil || found {
			return tallyResult{}, errors.Join(err, errors.New("a total is there already"))
		}
		if err := tx.Insert("total", total{Notes: len(list)}); err != nil {
			return tallyResult{}, err
		}
		now := tx.Now()
		return tallyResult{Notes: len(list), At: &now}, nil
	})
	code, body := tally(t, base)
	if code != http.StatusOK || !strings.HasPrefix(body, `{"notes":1,"at":"2`) {
		t.Fatal(code, body)
	}
	if code, body := call(t, "GET", base+"/v1/note/ada/1", ""); code != http.StatusOK || !strings.Contains(body, `"changed"`) {
		t.Error(code, body)
	}
	if code, body := call(t, "GET", base+"/v1/total/ada", ""); code != http.StatusOK || !strings.Contains(body, `"notes":1`) {
		t.Error(code, body)
	}
	if code, body := call(t, "POST", base+"/v1/ping", `{"person_id":"ada"}`); code != http.StatusNoContent {
		t.Error("a write that returns nothing:", code, body)
	}
}

// What goes wrong in a handler undoes what it did, and is told without its inside.
func TestHandleContainsWhatGoesWrong(t *testing.T) {
	tests := []struct {
		name  string
		f     func(context.Context, *partita.Tx) (tallyResult, error)
		code  int
		shown string // in the answer
		log   string // in the log only
	}{
		{"a fault is for the caller", func(context.Context, *partita.Tx) (tallyResult, error) {
			return tallyResult{}, fault.New(fault.GuardFailed, "There are too many notes already.")
		}, http.StatusConflict, "too many notes", ""},
		{"another error is not", func(context.Context, *partita.Tx) (tallyResult, error) {
			return tallyResult{}, errors.New("disk of the other service is full")
		}, http.StatusInternalServerError, "internal", "other service"},
		{"a panic", func(context.Context, *partita.Tx) (tallyResult, error) { panic("lost my way") },
			http.StatusInternalServerError, "internal", "lost my way"},
		{"an unknown entity", func(_ context.Context, tx *partita.Tx) (tallyResult, error) {
			return tallyResult{}, tx.Insert("nothing", total{})
		}, http.StatusInternalServerError, "internal", "no entity nothing"},
		{"an unknown field", func(_ context.Context, tx *partita.Tx) (tallyResult, error) {
			return tallyResult{}, tx.Insert("note", map[string]any{"txt": "x"})
		}, http.StatusInternalServerError, "internal", "no field txt"},
		{"another partition", func(_ context.Context, tx *partita.Tx) (tallyResult, error) {
			return tallyResult{}, tx.Insert("note", note{PersonID: "bob", Text: "x"})
		}, http.StatusInternalServerError, "internal", "another partition"},
		{"a value out of bounds", func(_ context.Context, tx *partita.Tx) (tallyResult, error) {
			return tallyResult{}, tx.Insert("note", note{Text: strings.Repeat("x", 101)})
		}, http.StatusUnprocessableEntity, "text", ""},
		{"a missing row", func(_ context.Context, tx *partita.Tx) (tallyResult, error) {
			return tallyResult{}, tx.Delete("note", 17)
		}, 0, "missing_row", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, log := serve(t, func(ctx context.Context, tx *partita.Tx, _ tallyInput) (tallyResult, error) {
				if err := tx.Insert("total", total{Notes: 99}); err != nil {
					return tallyResult{}, err
				}
				return tt.f(ctx, tx)
			})
			code, body := tally(t, base)
			if tt.code != 0 && code != tt.code || code < 400 || !strings.Contains(body, tt.shown) {
				t.Error(code, body)
			}
			if tt.log != "" && (strings.Contains(body, tt.log) || !strings.Contains(log.String(), tt.log)) {
				t.Errorf("%q belongs into the log only; body: %s\nlog: %s", tt.log, body, log)
			}
			if code, body := call(t, "GET", base+"/v1/total/ada", ""); code != http.StatusNotFound {
				t.Error("something was changed:", code, body)
			}
		})
	}
}

func TestHandleHasALimitInTime(t *testing.T) {
	c, _ := config(t, coded)
	c.HandlerTimeout = time.Millisecond
	app := open(t, c)
	late := make(chan error)
	partita.Handle(app, "tally", func(ctx context.Context, tx *partita.Tx, _ tallyInput) (tallyResult, error) {
		if err := tx.Insert("total", total{Notes: 99}); err != nil {
			late <- err
			return tallyResult{}, err
		}
		<-ctx.Done()
		for { // it goes on all the same, until its Tx is taken away
			if err := tx.Update("total", total{Notes: 100}); err != nil {
				late <- err
				return tallyResult{}, err
			}
		}
	})
	partita.Handle(app, "ping", func(context.Context, *partita.Tx, struct{}) (struct{}, error) { return struct{}{}, nil })
	start(t, app)
	base := "http://" + app.Addr()
	code, body := tally(t, base)
	if code != http.StatusGatewayTimeout && code != http.StatusServiceUnavailable || !strings.Contains(body, "deadline") {
		t.Error(code, body)
	}
	if err := <-late; fault.CodeOf(err) != fault.Deadline {
		t.Error(err)
	}
	if code, body := call(t, "GET", base+"/v1/total/ada", ""); code != http.StatusNotFound {
		t.Error("something was changed:", code, body)
	}
}

func TestHandleRefusesWhatDoesNotFit(t *testing.T) {
	nothing := func(context.Context, *partita.Tx, struct{}) (struct{}, error) { return struct{}{}, nil }
	tests := []struct {
		name   string
		handle func(*partita.App)
		want   string
	}{
		{"none", func(*partita.App) {}, "the write tally has `code: true`"},
		{"unknown write", func(a *partita.App) { partita.Handle(a, "tarry", nothing) }, "no write of this name"},
		{"declared write", func(a *partita.App) { partita.Handle(a, "add", nothing) }, "declares steps"},
		{"unknown input", func(a *partita.App) {
			partita.Handle(a, "tally", func(context.Context, *partita.Tx, struct{ Txt string }) (tallyResult, error) {
				return tallyResult{}, nil
			})
		}, "has a field for txt"},
		{"other result", func(a *partita.App) { partita.Handle(a, "tally", nothing) }, "the write returns [at notes]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := config(t, coded)
			app := open(t, c)
			tt.handle(app)
			if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}
