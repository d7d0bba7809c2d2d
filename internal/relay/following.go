package relay

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// following carries out the writes that follow some events. Each has a key made
// from the event that it follows, so that it is done once. Those that follow events of one partition
// in one other partition are done in the order of the events, or not at all until that is possible.
type following struct {
	events  *Events
	ctx     context.Context
	held    map[store.Partition]hold
	last    map[pair]*store.Write // the last write from one partition to another
	state   map[*occurrence]*progress
	pending []*step
}

type pair struct{ from, to store.Partition }

// step is one write that follows.
type step struct {
	o      *occurrence
	write  *store.Write
	finish func() (engine.WriteResult, error)
	answer bool
}

// progress is how far an event's writes are.
type progress struct {
	refused error // why one of them cannot be done
	dead    error // why it was given up
}

// errUntried stands in a write until it was tried.
var errUntried = fault.New(fault.Unavailable, "The write was not tried so far.")

// all follows events, settles or undoes what they began, and gives the dead letters.
func (f *following) all(list []*occurrence) (letters []*Job) {
	for _, o := range list {
		f.state[o] = &progress{}
		if !f.stopped(o) {
			f.expand(o)
		}
	}
	f.flush()
	for _, o := range list {
		p := f.state[o]
		if f.stopped(o) || p.dead != nil {
			continue
		}
		if answer := answerOf(o.declared.Then, p.refused); answer != nil {
			f.reply(o, answer)
		}
	}
	f.flush()
	for _, o := range list {
		if p := f.state[o]; p.dead != nil && !f.stopped(o) {
			f.events.tries.forget(o.ID)
			letters = append(letters, o.letter(messageOf(p.dead), f.events.now()))
		}
	}
	return letters
}

// stopped tells whether an event has to come again.
func (f *following) stopped(o *occurrence) bool {
	h, ok := f.held[o.source]
	return ok && o.Version >= h.version
}

// hold makes an event, and those of its partition after it, come again.
func (f *following) hold(o *occurrence, cause error) {
	if !f.stopped(o) {
		f.held[o.source] = hold{o.Version, cause}
	}
}

// expand prepares the writes that follow one event.
func (f *following) expand(o *occurrence) {
	switch over, wait, cause := f.events.tries.state(o.ID, f.events.now()); {
	case over:
		f.state[o].dead = cause
		return
	case wait:
		f.hold(o, cause)
		return
	}
	then := o.declared.Then
	scope := &model.Scope{Now: o.Time, Event: o.args()}
	if then.Each == nil {
		f.prepare(o, scope, "")
		return
	}
	args, err := arguments(then.Each.Params, then.EachKey, scope)
	if err != nil {
		f.state[o].refused = err
		return
	}
	q := &store.Query{Read: then.Each, Args: args, Now: f.events.now()}
	p := store.Partition{Family: then.Each.Of.Family, Value: args.Values[0]}
	for !f.stopped(o) {
		result, err := f.events.store.Read(f.ctx, p, q)
		if err != nil {
			f.failed(o, err, false)
			return
		}
		for _, row := range result.Rows {
			f.prepare(o, withItem(scope, then, row), identity(then.Each.Of, row))
		}
		if !result.More {
			return
		}
		next := *q
		next.Cursor = nil
		for _, s := range then.Each.Sort {
			next.Cursor = append(next.Cursor, result.Rows[len(result.Rows)-1].Values[s.Field.Pos])
		}
		q = &next
	}
}

// withItem gives the scope in which `item` is a row of the list.
func withItem(scope *model.Scope, then *model.Then, row *model.Row) *model.Scope {
	item := &model.Args{Values: make([]model.Value, len(then.Item)), Given: make([]bool, len(then.Item))}
	for i, in := range then.Item {
		item.Values[i], item.Given[i] = row.Values[in.Pos], true
	}
	own := *scope
	own.Item = item
	return &own
}

// identity names a row within its list, whatever else of it changes.
func identity(e *model.Entity, row *model.Row) string {
	var b []byte
	for _, v := range e.KeyOf(row) {
		b = model.AppendJSON(append(b, '/'), v)
	}
	return string(b)
}

// prepare adds the write that follows, for one item of the list or for the event itself.
func (f *following) prepare(o *occurrence, scope *model.Scope, item string) {
	then := o.declared.Then
	args, err := arguments(then.Write.Inputs, then.With, scope)
	if err != nil {
		f.state[o].refused = err
		return
	}
	f.add(o, then.Write, args, "then", item)
}

// reply adds the write that settles or undoes what an event began, in its own partition.
func (f *following) reply(o *occurrence, w *model.Write) {
	event := o.args()
	args := &model.Args{Values: make([]model.Value, len(w.Inputs)), Given: make([]bool, len(w.Inputs))}
	for _, in := range w.Inputs {
		for _, given := range o.declared.Inputs {
			if given.Name == in.Name && in.Items == nil {
				args.Values[in.Index], args.Given[in.Index] = event.Values[given.Index], event.Given[given.Index]
			}
		}
	}
	if err := complete(w.Inputs, args); err != nil {
		f.state[o].dead = err
		return
	}
	s := f.add(o, w, args, "answer", "")
	s.answer = true
	// Whoever replays it hopes that it is not refused again.
	s.write.Refuse = nil
}

func (f *following) add(o *occurrence, w *model.Write, args *model.Args, purpose, item string) *step {
	s := &step{o: o}
	s.write, s.finish = f.events.config.Writer.Own(f.ctx, w, args, keyOf(o, purpose, item), f.events.now().UTC().Truncate(time.Microsecond))
	way := pair{o.source, s.write.Partition}
	s.write.After, s.write.Result.Err = f.last[way], errUntried
	f.last[way] = s.write
	if f.pending = append(f.pending, s); len(f.pending) >= piece {
		f.flush()
	}
	return s
}

// flush commits what was prepared and takes in what came of it.
func (f *following) flush() {
	if len(f.pending) == 0 {
		return
	}
	writes := make([]*store.Write, 0, len(f.pending))
	for _, s := range f.pending {
		if !f.stopped(s.o) {
			writes = append(writes, s.write)
		}
	}
	f.events.store.Commit(f.ctx, writes...)
	for _, s := range f.pending {
		f.concluded(s)
	}
	f.pending = f.pending[:0]
}

// concluded takes in what came of one write.
func (f *following) concluded(s *step) {
	_, err := s.finish()
	switch {
	case err == nil:
	case errors.Is(err, errUntried) || f.ctx.Err() != nil:
		f.hold(s.o, err)
	case fault.Deterministic(err) && s.answer:
		f.state[s.o].dead = fault.New(fault.CodeOf(err), "%s, which was to settle it, was refused: %s", s.write.Name, messageOf(err))
	case fault.Deterministic(err):
		if f.state[s.o].refused == nil {
			f.state[s.o].refused = err
		}
	case s.write.After != nil && errors.Is(err, s.write.After.Result.Err):
		f.hold(s.o, err) // not its own failure
	default:
		f.failed(s.o, err, s.write.Alone)
	}
}

// failed takes in an error that is no refusal. A defect, or a Go function that takes too long, may
// never pass, and is given up after some tries.
func (f *following) failed(o *occurrence, err error, code bool) {
	if !fault.Transient(err) || code && fault.CodeOf(err) == fault.Deadline {
		f.events.tries.failed(o.ID, err, f.events.now())
	}
	f.hold(o, err)
}

// answerOf gives the write that says how it went, if there is one.
func answerOf(t *model.Then, refused error) *model.Write {
	if refused != nil {
		return t.Refused
	}
	return t.Done
}

// arguments evaluates what a write or read is given.
func arguments(inputs []*model.Input, with []model.NamedExpr, scope *model.Scope) (*model.Args, error) {
	args := &model.Args{Values: make([]model.Value, len(inputs)), Given: make([]bool, len(inputs))}
	for _, in := range inputs {
		if in.Items != nil && args.Items == nil {
			args.Items = make([][]model.Args, len(inputs))
		}
		for _, w := range with {
			if w.Name != in.Name {
				continue
			}
			v := w.Literal
			if w.Expr != nil {
				var err error
				if v, err = w.Expr.Eval(scope); err != nil {
					return nil, err
				}
			}
			args.Values[in.Index], args.Given[in.Index] = v, true
		}
	}
	return args, complete(inputs, args)
}

// complete checks arguments as those of a caller are checked.
func complete(inputs []*model.Input, args *model.Args) error {
	for _, in := range inputs {
		v, given := args.Values[in.Index], args.Given[in.Index]
		switch {
		case !given && in.Required, given && v.IsNull() && !in.Type.Null:
			return fault.New(fault.InvalidInput, "%s is missing.", in.Name)
		case given && !v.IsNull():
			if err := in.Check(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyOf names what follows an event: the change, the event's place in it, and what it is for.
func keyOf(o *occurrence, purpose, item string) (key [32]byte) {
	b := make([]byte, 0, 256)
	for _, part := range []string{purpose, o.Family, o.Partition, strconv.FormatUint(o.Version, 10), strconv.Itoa(o.index), item} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// indexOf gives the place of an event in its change, out of its id.
func indexOf(id string) int {
	n, _ := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	return n
}

// messageOf gives what of an error may be shown.
func messageOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message
	}
	return err.Error()
}

// tries counts how often what follows an event failed by a defect.
type tries struct {
	mu     sync.Mutex
	counts map[string]failures
}

type failures struct {
	n    int
	next time.Time // the next try comes no sooner
	last error
}

const (
	mostTries = 5 // so often a defect is tried before it becomes a dead letter
	tryPause  = 100 * time.Millisecond
)

func (t *tries) failed(id string, err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 10_000 // a bound for what is remembered; beyond it some is tried more often
	if t.counts == nil || len(t.counts) > most {
		t.counts = map[string]failures{}
	}
	n := t.counts[id].n
	t.counts[id] = failures{n + 1, now.Add(tryPause << n), err}
}

// state tells of what follows an event whether it is given up, whether the time of the next try has
// not come, and its last failure, if there was one.
func (t *tries) state(id string, now time.Time) (over, wait bool, cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.counts[id]
	return x.n >= mostTries, now.Before(x.next), x.last
}

func (t *tries) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.counts, id)
}
