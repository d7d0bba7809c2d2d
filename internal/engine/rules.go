package engine

import (
	"context"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// verdict is what can be said of a request before any row was loaded.
type verdict uint8

const (
	refused verdict = iota
	allowed
	depends // on rules that look at loaded rows
)

// judge applies everything of an allow list that needs no loaded row.
func judge(allow *model.Allow, claims *model.Claims, scope *model.Scope) verdict {
	if allow.Public || allow.Anyone && claims != nil {
		return allowed
	}
	if claims == nil || allow.None {
		return refused
	}
	v := refused
	for _, rule := range allow.Rules {
		if len(rule.Loads) > 0 {
			v = depends
		} else if rule.Expr.True(scope) {
			return allowed
		}
	}
	return v
}

// refusal says why a request is not allowed.
func refusal(claims *model.Claims) error {
	if claims == nil {
		return fault.New(fault.Unauthenticated, "This needs a token; send it as Authorization: Bearer ….")
	}
	return fault.New(fault.Forbidden, "This token does not allow that here.")
}

// mayRead checks a read's rules. Rows that rules look at are as fresh as the read itself.
func (e *Engine) mayRead(ctx context.Context, q *ReadRequest, terms cache.Terms) error {
	if q.Read.Allow.Public {
		return nil
	}
	scope := model.Scope{Now: e.now(), Auth: q.Claims, Args: q.Args}
	switch judge(&q.Read.Allow, q.Claims, &scope) {
	case allowed:
		return nil
	case refused:
		return refusal(q.Claims)
	}
	return loadedRules(&q.Read.Allow, q.Claims, scope, e.fetchLoad(ctx, q.Args.Values[0], &scope, terms))
}

// MayFollow checks whether a caller may follow a feed of a partition now, by the latest rows.
func (e *Engine) MayFollow(ctx context.Context, f *model.Feed, partition model.Value, claims *model.Claims) error {
	if f.Allow.Public {
		return nil
	}
	args := &model.Args{Values: []model.Value{partition}, Given: []bool{true}}
	scope := model.Scope{Now: e.now(), Auth: claims, Args: args}
	switch judge(&f.Allow, claims, &scope) {
	case allowed:
		return nil
	case refused:
		return refusal(claims)
	}
	return loadedRules(&f.Allow, claims, scope, e.fetchLoad(ctx, partition, &scope, cache.Terms{}))
}

// fetchLoad gives the function that fetches the row of a load, as fresh as the terms say.
func (e *Engine) fetchLoad(ctx context.Context, partition model.Value, scope *model.Scope, terms cache.Terms) func(*model.Load) (*model.Row, error) {
	return func(l *model.Load) (*model.Row, error) {
		args, ok := loadArgs(l, partition, scope)
		if !ok {
			return nil, nil
		}
		r, err := e.answer(ctx, &ReadRequest{Read: l.Read, Args: args}, terms)
		if err != nil {
			return nil, err
		}
		return r.Row, nil
	}
}

// mayWrite checks the rules of a write that look at loaded rows, in the write's own transaction.
func mayWrite(tx store.Tx, q *WriteRequest, scope model.Scope) error {
	return loadedRules(&q.Write.Allow, q.Claims, scope, func(l *model.Load) (*model.Row, error) {
		args, ok := loadArgs(l, q.Args.Values[0], &scope)
		if !ok {
			return nil, nil
		}
		return tx.Get(l.Entity, args.Values[1:])
	})
}

// loadedRules is the second half of judge: the rules that look at loaded rows, each row fetched
// once.
func loadedRules(allow *model.Allow, claims *model.Claims, scope model.Scope, fetch func(*model.Load) (*model.Row, error)) error {
	known := map[*model.Load]*model.Row{}
	for _, rule := range allow.Rules {
		if len(rule.Loads) == 0 {
			continue
		}
		scope.Loads = make([]*model.Row, len(rule.Loads))
		for i, l := range rule.Loads {
			row, ok := known[l]
			if !ok {
				var err error
				if row, err = fetch(l); err != nil {
					return err
				}
				known[l] = row
			}
			scope.Loads[i] = row
		}
		if rule.Expr.True(&scope) {
			return nil
		}
	}
	return refusal(claims)
}

// loadArgs gives the arguments of a load's internal read; false where a part of the key has no
// value, as when a claim is missing: then there is no such row.
func loadArgs(l *model.Load, partition model.Value, scope *model.Scope) (*model.Args, bool) {
	n := 1 + len(l.Key)
	args := &model.Args{Values: make([]model.Value, n), Given: make([]bool, n)}
	args.Values[0], args.Given[0] = partition, true
	for i, src := range l.Key {
		v := src.Literal
		if src.Expr != nil {
			var err error
			if v, err = src.Expr.Eval(scope); err != nil {
				return nil, false
			}
		}
		if v.IsNull() || l.Entity.Key[i].Check(v) != nil {
			return nil, false
		}
		args.Values[i+1], args.Given[i+1] = v, true
	}
	return args, true
}
