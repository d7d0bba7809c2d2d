package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// apply is the work of a write inside its transaction. It may run more than once.
func (a *attempt) apply(tx store.Tx) ([]byte, error) {
	a.done, a.steps, a.refused, a.late = WriteResult{}, nil, nil, false
	if a.runs++; a.runs == 1 {
		a.began = time.Now()
	}
	if a.rule != nil {
		if err := a.rule(tx); err != nil {
			if fault.Transient(err) || fault.CodeOf(err) == fault.Internal {
				return nil, err
			}
			a.refused = err // nothing was changed yet, so the refusal is kept as it is
			return encodeRefusal(err), nil
		}
	}
	var err error
	if a.q.Write.Code {
		err = a.code(tx)
	} else {
		err = a.declared(tx)
	}
	if err != nil || a.write.Key == nil {
		return nil, err
	}
	return encodeOutcome(&a.done)
}

// code runs the Go function of a `code: true` write.
func (a *attempt) code(tx store.Tx) error {
	body, err := a.e.handlers[a.q.Write.Name](a.ctx, tx, &Input{
		Partition: a.write.Partition.Value, Args: a.q.Args, Claims: a.q.Claims, Now: a.write.Now, seed: a.seed()})
	if err != nil {
		a.late = fault.CodeOf(err) == fault.Deadline
		return err
	}
	if body != nil && !json.Valid(body) {
		return fault.New(fault.Internal, "The function behind this write gave an answer that is not JSON.")
	}
	a.done.Body = body
	if body == nil {
		a.done.Kind = Deleted
	}
	return (&run{attempt: a, tx: tx}).emit()
}

// run is one run of a declared write's steps.
type run struct {
	*attempt
	tx      store.Tx
	results [][]*model.Row // by step: what it left; empty for skipped ones and deletes
	at      int            // the step that is being carried out
	item    int            // the item of its list
	created bool           // the first step made a new row
	deleted bool           // nothing but deletes were done
	fresh   []model.Value  // ids that this run made anew
}

func (a *attempt) declared(tx store.Tx) error {
	r := &run{attempt: a, tx: tx, results: make([][]*model.Row, len(a.q.Write.Steps)), deleted: true}
	a.steps = make([]*model.Row, len(a.q.Write.Steps))
	for i, s := range a.q.Write.Steps {
		if err := r.step(i, s); err != nil {
			return err
		}
	}
	if err := r.emit(); err != nil {
		return err
	}
	r.conclude()
	return nil
}

// step carries out one step, once or for each item of its list.
func (r *run) step(i int, s *model.Step) error {
	scope := r.scope
	scope.Steps = r.steps[:i]
	r.at, r.item = i, 0
	switch {
	case s.Each != nil:
		if s.Each.Index >= len(r.q.Args.Items) {
			return nil
		}
		items := r.q.Args.Items[s.Each.Index]
		for k := range items {
			scope.Item, r.item = &items[k], k
			if err := r.one(i, s, &scope); err != nil {
				return err
			}
		}
		return nil
	case len(s.By) > 0:
		return r.deleteMany(s, &scope)
	}
	return r.one(i, s, &scope)
}

// one carries out a step on one row.
func (r *run) one(i int, s *model.Step, scope *model.Scope) error {
	scope.Row = nil
	key, known, err := r.key(s, scope)
	if err != nil {
		return err
	}
	var row *model.Row
	if known && s.Op != model.OpInsert {
		if row, err = r.tx.Get(s.Entity, key); err != nil {
			return err
		}
	}
	scope.Row = row
	if s.If != nil && !s.If.True(scope) {
		return nil
	}
	if i == 0 && r.q.IfMatch != "" && !r.e.matches(r.q.IfMatch, row) {
		return fault.New(fault.Precondition,
			"If-Match does not hold: the row changed or is gone since you read it; read it again and decide anew.")
	}
	if row == nil && s.Op != model.OpInsert && s.Op != model.OpUpsert {
		return fault.New(fault.MissingRow, "There is no %s with this key.", s.Entity.Name)
	}
	if s.When != nil && !holds(s.When, scope) {
		return fault.New(fault.GuardFailed, "%s is refused: it needs %s where %s.", r.q.Write.Name, s.Entity.Name, s.When.Text)
	}
	var after *model.Row
	switch {
	case s.Op == model.OpRead:
		after, r.deleted = row, false
	case s.Op == model.OpDelete:
		if err := r.tx.Delete(s.Entity, row, false); err != nil {
			return err
		}
		r.steps[i] = row // what was deleted can still be spoken of, as in events
		return nil
	case row == nil:
		after, err = r.insert(s, key, scope)
		r.created = r.created || i == 0
		r.deleted = false
	default:
		after, err = r.update(s, row, scope)
		r.deleted = false
	}
	if err != nil {
		return err
	}
	r.steps[i] = after
	r.results[i] = append(r.results[i], after)
	return nil
}

// key finds the row that a step is about; known is false where a default will make the key.
func (r *run) key(s *model.Step, scope *model.Scope) (key []model.Value, known bool, err error) {
	key, known = make([]model.Value, len(s.Key)), true
	for i, src := range s.Key {
		v, given, err := source(src, scope)
		if err != nil {
			return nil, false, underivable(s.Entity, src.Field, err)
		}
		if !given {
			if s.Op == model.OpUpdate || s.Op == model.OpDelete || s.Op == model.OpRead {
				return nil, false, missing(src.Field)
			}
			known = false
		}
		key[i] = v
	}
	return key, known, nil
}

// insert makes a complete row and adds it.
func (r *run) insert(s *model.Step, key []model.Value, scope *model.Scope) (*model.Row, error) {
	values := make([]model.Value, len(s.Entity.Fields))
	given := make([]bool, len(values))
	values[0], given[0] = r.write.Partition.Value, true
	for i, src := range s.Key {
		pos := s.Entity.Key[i].Pos
		if !key[i].IsNull() {
			values[pos], given[pos] = key[i], true
		} else if src.Field != nil && !src.Field.Type.Null && !src.None && src.Input == nil {
			return nil, missing(src.Field)
		}
	}
	if err := assign(s, values, given, scope); err != nil {
		return nil, err
	}
	for _, f := range s.Entity.Fields {
		if given[f.Pos] {
			continue
		}
		v, err := makeDefault(r.tx, r.write.Now, s.Entity, f, r.seed(), place{uint32(r.at), uint32(r.item), uint32(f.Pos)})
		if err != nil {
			return nil, err
		}
		values[f.Pos] = v
		if f.Default == model.DefaultNew {
			r.fresh = append(r.fresh, v)
		}
	}
	if r.freshKey(s.Entity, values, given) {
		return r.tx.InsertNew(s.Entity, values)
	}
	return r.tx.Insert(s.Entity, values)
}

// freshKey tells whether no row of that key can be there: a part of it was made in this write, or is
// a number that nobody had before.
func (r *run) freshKey(e *model.Entity, values []model.Value, given []bool) bool {
	for _, f := range e.Key {
		if f.Default == model.DefaultNext && !given[f.Pos] || slices.Contains(r.fresh, values[f.Pos]) {
			return true
		}
	}
	return false
}

// update changes what was given and leaves the rest.
func (r *run) update(s *model.Step, row *model.Row, scope *model.Scope) (*model.Row, error) {
	values := append([]model.Value(nil), row.Values...)
	if err := assign(s, values, make([]bool, len(values)), scope); err != nil {
		return nil, err
	}
	return r.tx.Update(s.Entity, row, values)
}

// assign sets the fields that the caller gave, then those that the model sets.
func assign(s *model.Step, values []model.Value, given []bool, scope *model.Scope) error {
	for _, list := range [2][]model.Source{s.Take, s.Set} {
		for _, src := range list {
			v, ok, err := source(src, scope)
			if err != nil {
				return underivable(s.Entity, src.Field, err)
			}
			if !ok {
				continue
			}
			if src.Input == nil || src.Input.Field != src.Field {
				if err := src.Field.Check(v); err != nil {
					return err
				}
			}
			values[src.Field.Pos], given[src.Field.Pos] = v, true
		}
	}
	return nil
}

// source gives the value of one source; false where nothing is given.
func source(src model.Source, scope *model.Scope) (model.Value, bool, error) {
	switch {
	case src.None:
		return model.Null, false, nil
	case src.Input != nil:
		args := scope.Args
		if src.Item {
			args = scope.Item
		}
		return args.Values[src.Input.Index], args.Given[src.Input.Index], nil
	case src.Expr != nil:
		v, err := src.Expr.Eval(scope)
		return v, err == nil, err
	}
	return src.Literal, true, nil
}

// deleteMany deletes the rows that a step selects, all of them or, if they are too many, none.
func (r *run) deleteMany(s *model.Step, scope *model.Scope) error {
	equal := make([]model.Cond, len(s.By))
	for i, src := range s.By {
		v, given, err := source(src, scope)
		if err != nil {
			return underivable(s.Entity, src.Field, err)
		}
		if !given {
			return missing(src.Field)
		}
		equal[i] = model.Cond{Field: src.Field, Values: []model.Value{v}}
	}
	if s.If != nil && !s.If.True(scope) {
		return nil
	}
	rows, err := r.tx.List(s.Entity, equal, s.Max+1)
	if err != nil {
		return err
	}
	if len(rows) > s.Max {
		return fault.New(fault.TooMany, "There are more than %d %s rows to delete, which is the most that one call may.", s.Max, s.Entity.Name)
	}
	for _, row := range rows {
		scope.Row = row
		if s.When != nil && !holds(s.When, scope) {
			return fault.New(fault.GuardFailed, "%s is refused: it needs every %s to have %s.", r.q.Write.Name, s.Entity.Name, s.When.Text)
		}
		if err := r.tx.Delete(s.Entity, row, false); err != nil {
			return err
		}
	}
	return nil
}

// holds tells whether a guard lets the step go on.
func holds(g *model.Guard, scope *model.Scope) bool {
	if g.Expr != nil {
		return g.Expr.True(scope)
	}
	for _, c := range g.Equal {
		if scope.Row == nil || !slices.Contains(c.Values, scope.Row.Values[c.Field.Pos]) {
			return false
		}
	}
	return true
}

// underivable names the field whose value a request does not determine. The field is the model's: the
// caller may never have heard of it, but can tell its author.
func underivable(e *model.Entity, field *model.Field, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.InvalidInput || len(f.Details) > 0 {
		return err
	}
	named := *f
	named.Message = strings.Replace(f.Message, "a value that the service works out from it", "the value of "+e.Name+"."+field.Name+", which the service works out from it", 1)
	return &named
}

func missing(f *model.Field) error {
	return &fault.Error{Code: fault.InvalidInput, Message: "A field is missing.",
		Details: []fault.Detail{{Pointer: "/" + f.Name, Message: "This field is needed here."}}}
}
