package model_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// FuzzCompile checks that no expression makes Compile panic, and none that compiles makes Eval
// panic or answer with a value that its type forbids, whatever it is evaluated against.
func FuzzCompile(f *testing.F) {
	for i, src := range []string{
		`auth.sub == customer_id`, `'staff' in auth.roles`, `row.total + input.amount`, `date(row.placed_at)`,
		`row.price * 2 - decimal('0.5')`, `input.lines.exists(l, l.sku == item.sku)`, `boss == null ? 1 : row.discount`,
		`now - duration('1h')`, `event.seq > 3 || has(auth.x)`, `string(row.price) + 'ä'`, `row.extra`, `me.role in ['admin']`,
		`auth.roles.map(r, r + 'x').size() > 1`, `{'a': 1}.a == 1`, `type(row) == type(order)`, `-row.price`, `timestamp('2026-01-01T00:00:00Z')`,
	} {
		f.Add(uint8(i), src)
	}
	env, scope := everything()
	short := &model.Scope{
		Auth: &model.Claims{}, Args: &model.Args{}, Item: &model.Args{}, Event: &model.Args{},
		Row: &model.Row{}, Steps: []*model.Row{{}}, Loads: []*model.Row{nil, {}},
	}
	wants := []*model.Type{nil}
	for _, fd := range oneOfEach() {
		wants = append(wants, &fd.Type)
	}
	f.Fuzz(func(t *testing.T, which uint8, src string) {
		e := *env
		e.Want = wants[int(which)%len(wants)]
		x, err := model.Compile(&e, src)
		if err != nil {
			c, ok := errors.AsType[*model.ExprError](err)
			if !ok || c.Message == "" || c.Offset < 0 || c.Offset > len(src) || strings.Contains(c.Message, "panic") {
				t.Fatalf("%q: %T at %d: %v", src, err, c.Offset, err)
			}
			return
		}
		for _, s := range []*model.Scope{scope, {}, short} {
			v, err := x.Eval(s)
			switch {
			case err != nil && (fault.CodeOf(err) != fault.InvalidInput || strings.Contains(err.Error(), "internal error")):
				t.Fatalf("%q: %v", src, err)
			case err != nil && !v.IsNull():
				t.Fatalf("%q: a value beside the error", src)
			case err == nil && e.Want == nil && v.Kind() != model.BoolValue:
				t.Fatalf("%q: a condition that is neither true nor false", src)
			case err == nil && e.Want != nil && v.IsNull() && !e.Want.Null:
				t.Fatalf("%q: null where none is allowed", src)
			}
			if e.Want == nil && x.True(s) != v.Bool() {
				t.Fatalf("%q: True and Eval differ", src)
			}
		}
	})
}
