package engine

import (
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// needs lists the rows that a write will look at, as far as the request alone tells: a store that is
// a round trip away fetches them together. A row that is not in the list costs time, nothing else.
func (a *attempt) needs() (out []store.Need) {
	for _, rule := range a.q.Write.Allow.Rules {
		for _, l := range rule.Loads {
			if args, ok := loadArgs(l, a.q.Args.Values[0], &a.scope); ok {
				out = append(out, store.Need{Entity: l.Entity, Key: args.Values[1:]})
			}
		}
	}
	for _, s := range a.q.Write.Steps {
		scope := a.scope
		switch {
		case len(s.By) > 0:
		case s.Each == nil:
			out = appendNeed(out, s, &scope)
		case s.Each.Index < len(a.q.Args.Items):
			items := a.q.Args.Items[s.Each.Index]
			for i := range items {
				scope.Item = &items[i]
				out = appendNeed(out, s, &scope)
			}
		}
	}
	return out
}

// appendNeed adds the row of a step whose key the request gives. An expression over rows has no
// value yet, and so no need.
func appendNeed(out []store.Need, s *model.Step, scope *model.Scope) []store.Need {
	if s.Op == model.OpInsert {
		for _, f := range s.Entity.Fields {
			if f.Default == model.DefaultNext {
				out = append(out, store.Need{Entity: s.Entity, Next: f})
			}
		}
	}
	key := make([]model.Value, len(s.Key))
	for i, src := range s.Key {
		if src.Expr != nil && readsRows(src.Expr) {
			return out
		}
		v, given, err := source(src, scope)
		if err != nil || !given || v.IsNull() {
			return out
		}
		key[i] = v
	}
	return append(out, store.Need{Entity: s.Entity, Key: key})
}

// readsRows tells whether an expression speaks of anything but the request and its caller.
func readsRows(x *model.Expr) bool {
	for _, root := range x.Uses {
		switch root {
		case "auth", "input", "item", "now":
		default:
			return true
		}
	}
	return false
}
