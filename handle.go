package partita

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/bind"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Handle gives an App the Go function of a write that the model declares with `code: true`. It must
// be called before Start, which returns an error for a function that does not fit the model.
//
// The function runs inside the partition's transaction, which commits when it returns without error.
// It may run more than once for one request, so it must not do anything but through tx. In is a
// struct with a field for each input that it wants (OrderID is order_id; see Tx), a list in the input
// is a slice of structs; Out is a struct with the fields that the model's `returns` has, or struct{}.
//
// An error of package fault goes to the caller as it is, such as
// fault.New(fault.GuardFailed, "The basket is empty."); any other error, a panic and a result that
// does not fit are "internal" to the caller, and logged. A function that takes longer than
// Config.HandlerTimeout fails with "deadline", and its Tx stops working.
func Handle[In, Out any](app *App, write string, f func(ctx context.Context, tx *Tx, in In) (Out, error)) {
	w := app.model.Write(write)
	if err := fits(w, write, reflect.TypeFor[In](), reflect.TypeFor[Out]()); err != nil {
		app.misfits = append(app.misfits, err)
		return
	}
	app.handlers[write] = func(ctx context.Context, stx store.Tx, in *engine.Input) ([]byte, error) {
		var input In
		if err := bind.Decode(bind.OfArgs(w.Inputs, in.Args), &input); err != nil {
			return nil, misuse(err)
		}
		tx := &Tx{model: app.model, in: in, scope: w.Family, tx: stx}
		out, err := within(ctx, app.config.HandlerTimeout, tx, func(ctx context.Context) (any, error) {
			return f(ctx, tx, input)
		})
		if err != nil {
			return nil, err
		}
		return encodeResult(w, out)
	}
}

// fits tells whether the types of a handler have what the write declares.
func fits(w *model.Write, name string, in, out reflect.Type) error {
	if w == nil {
		return fmt.Errorf("partita: Handle(%q): the model has no write of this name", name)
	}
	if !w.Code {
		return fmt.Errorf("partita: Handle(%q): the model declares steps for this write; only one with `code: true` takes a function", name)
	}
	inputs := make([]string, len(w.Inputs))
	for i, input := range w.Inputs {
		inputs[i] = input.Name
	}
	for _, field := range bind.Names(in) {
		if !slices.Contains(inputs, field) {
			return fmt.Errorf("partita: Handle(%q): %s has a field for %s, and the write takes only %v", name, in, field, inputs)
		}
	}
	if out.Kind() != reflect.Struct {
		return nil
	}
	returns := make([]string, len(w.Returns))
	for i, f := range w.Returns {
		returns[i] = f.Name
	}
	fields := bind.Names(out)
	slices.Sort(fields)
	if sorted := slices.Sorted(slices.Values(returns)); !slices.Equal(fields, sorted) {
		return fmt.Errorf("partita: Handle(%q): %s has fields for %v, and the write returns %v", name, out, fields, sorted)
	}
	return nil
}

var errReturned = errors.New("the handler has returned, and its Tx with it")

// within runs a handler under a time limit. When the limit is over, the Tx is closed, so that a
// handler which goes on all the same does no harm.
func within(ctx context.Context, limit time.Duration, tx *Tx, f func(context.Context) (any, error)) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type result struct {
		out any
		err error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: errors.New("the handler's goroutine ended without a result")}
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
			}
			done <- r
		}()
		r.out, r.err = f(ctx)
	}()
	select {
	case r := <-done:
		tx.close(misuse(errReturned))
		switch {
		case ctx.Err() != nil && errors.Is(r.err, ctx.Err()):
			return nil, late(ctx, limit)
		case r.err != nil && fault.CodeOf(r.err) == fault.Internal:
			return nil, misuse(r.err)
		}
		return r.out, r.err
	case <-ctx.Done():
		err := late(ctx, limit)
		tx.close(err)
		return nil, err
	}
}

func late(ctx context.Context, limit time.Duration) error {
	return fault.Wrap(fault.Deadline, context.Cause(ctx), "The function behind this write was not done within %v; nothing was changed.", limit)
}

// encodeResult checks what a handler returned against the write's `returns`, and gives its JSON; nil
// where the write returns nothing.
func encodeResult(w *model.Write, out any) ([]byte, error) {
	if len(w.Returns) == 0 {
		return nil, nil
	}
	object, _, err := bind.Encode(out)
	if err != nil {
		return nil, misuse(err)
	}
	values, given, err := bind.ToValues(object, w.Returns)
	if err != nil {
		return nil, misuse(fmt.Errorf("what the handler returned does not fit `returns`: %w", err))
	}
	b := []byte{'{'}
	for i, f := range w.Returns {
		if !given[i] && !f.Type.Null {
			return nil, misuse(fmt.Errorf("what the handler returned lacks %s", f.Name))
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = model.AppendJSON(b, model.String(f.Name))
		b = append(b, ':')
		b = model.AppendJSON(b, values[i])
	}
	return append(b, '}'), nil
}
