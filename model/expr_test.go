package model_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// entity makes an entity of the given fields, the first of which is the partition field.
func entity(name string, fields ...*model.Field) *model.Entity {
	e := &model.Entity{Name: name, Fields: fields}
	for i, f := range fields {
		f.Pos = i
	}
	return e
}

func named(name string, f *model.Field) *model.Field {
	f.Name = name
	return f
}

// inputs makes the inputs of the given fields, required where they may not be null.
func inputs(fields ...*model.Field) []*model.Input {
	var ins []*model.Input
	for i, f := range fields {
		ins = append(ins, &model.Input{Field: f, Index: i, Required: !f.Type.Null})
	}
	return ins
}

var (
	order = entity("order",
		named("customer_id", field(model.KindUUID)),
		named("order_id", field(model.KindUUID)),
		named("status", field(model.KindEnum, func(f *model.Field) { f.Type.Enum = []string{"placed", "paid"} })),
		named("total", field(model.KindInt)),
		named("note", field(model.KindText, nullable)),
		named("placed_at", field(model.KindTime)),
		named("price", decimal(10, 2)),
		named("rate", field(model.KindFloat)),
		named("discount", field(model.KindInt, nullable)),
		named("day", field(model.KindDate, nullable)),
		named("extra", field(model.KindJSON, sized(100))),
		named("gift", field(model.KindBool)),
	)
	orderRow = &model.Row{Version: 3, Values: []model.Value{
		model.String("0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11"),
		model.String("0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e12"),
		model.String("paid"),
		model.Int(1200),
		model.Null,
		model.Time(time.Date(2026, 5, 1, 23, 30, 0, 0, time.UTC)),
		model.Decimal(1250, 2),
		model.Float(0.5),
		model.Null,
		model.DateDays(1),
		model.JSON(`{"a":1}`),
		model.Bool(true),
	}}
	member = entity("member",
		named("room_id", field(model.KindUUID)),
		named("user_id", field(model.KindString, sized(64))),
		named("role", field(model.KindEnum, func(f *model.Field) { f.Type.Enum = []string{"member", "admin"} })),
	)
	memberRow = &model.Row{Values: []model.Value{
		model.String("0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e13"), model.String("ada"), model.String("admin"),
	}}
)

// everything is a scope with one of each, and the Env that it belongs to.
func everything() (*model.Env, *model.Scope) {
	ins := inputs(
		named("customer_id", field(model.KindUUID)),
		named("amount", field(model.KindInt)),
		named("text", field(model.KindText, nullable, sized(100))),
	)
	lines := &model.Input{
		Field: &model.Field{Name: "lines"}, Index: 3, Max: 100,
		Items: inputs(named("sku", field(model.KindString, sized(40))), named("quantity", field(model.KindInt))),
	}
	ins = append(ins, lines)
	env := &model.Env{
		Params: ins, Input: ins, Item: lines.Items, Row: order, Steps: []*model.Entity{order},
		Loads: []*model.Load{{Name: "me", Entity: member}, {Name: "boss", Entity: member}},
		Event: inputs(named("seq", field(model.KindInt))), Auth: true,
	}
	item := func(sku string, n int64) model.Args {
		return model.Args{Values: []model.Value{model.String(sku), model.Int(n)}, Given: []bool{true, true}}
	}
	first := item("a", 1)
	scope := &model.Scope{
		Now: time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC),
		Auth: &model.Claims{Subject: "ada", All: map[string]any{
			"sub": "ada", "roles": []any{"staff", "dev"}, "level": 3.0, "vip": true,
			"tenant": "0198C2F0-7C1E-7D3A-9B52-3F1F6A0C9E11",
		}},
		Args: &model.Args{
			Values: []model.Value{orderRow.Values[0], model.Int(5), model.Null, model.Null},
			Given:  []bool{true, true, false, true},
			Items:  [][]model.Args{nil, nil, nil, {first, item("b", 2)}},
		},
		Item:  &first,
		Event: &model.Args{Values: []model.Value{model.Int(7)}, Given: []bool{true}},
		Row:   orderRow,
		Steps: []*model.Row{orderRow},
		Loads: []*model.Row{memberRow, nil},
	}
	return env, scope
}

func TestConditions(t *testing.T) {
	env, scope := everything()
	for src, want := range map[string]bool{
		`auth.sub == 'ada'`:                                 true,
		`auth.sub == customer_id`:                           false,
		`'staff' in auth.roles`:                             true,
		`'boss' in auth.roles`:                              false,
		`auth.level >= 3`:                                   true,
		`auth.level == 3`:                                   true,
		`auth.vip`:                                          true,
		`auth.missing == 'x'`:                               false,
		`!(auth.missing == 'x')`:                            false,
		`auth.missing == 'x' || true`:                       true,
		`auth.missing == 'x' || auth.sub == 'ada'`:          true,
		`has(auth.missing)`:                                 false,
		`has(auth.roles) && auth.roles.size() == 2`:         true,
		`me != null && me.role == 'admin'`:                  true,
		`boss == null`:                                      true,
		`boss.role == 'admin'`:                              false,
		`!(boss.role == 'admin')`:                           false,
		`row.total >= order.total`:                          true,
		`row.note == null`:                                  true,
		`row.discount == null || row.discount > 3`:          true,
		`row.discount > 3`:                                  false,
		`input.amount > 4 && amount < 6`:                    true,
		`input.text == null`:                                true,
		`has(input.text)`:                                   false,
		`has(input.amount)`:                                 true,
		`item.sku == 'a'`:                                   true,
		`event.seq == 7`:                                    true,
		`input.lines.all(l, l.quantity > 0)`:                true,
		`input.lines.exists(l, l.sku == 'b')`:               true,
		`size(input.lines) == 2`:                            true,
		`date(row.placed_at) == date('2026-05-01')`:         true,
		`date(row.placed_at) < date(now)`:                   true,
		`row.day < date(now)`:                               true,
		`hour(row.placed_at) == 23`:                         true,
		`row.placed_at.hour() == 23`:                        true,
		`weekday(row.placed_at) == 5`:                       true,
		`month(date(row.placed_at)) == 5`:                   true,
		`year(now) == 2026 && day(now) == 2`:                true,
		`now - row.placed_at < duration('13h')`:             true,
		`row.price == decimal('12.5')`:                      true,
		`row.price + row.price > decimal(24)`:               true,
		`row.price * 2 == decimal('25')`:                    true,
		`-row.price < decimal('0')`:                         true,
		`row.price * row.price == decimal('156.25')`:        true,
		`row.rate * 2.0 == 1.0`:                             true,
		`row.extra == order.extra`:                          true,
		`row.gift`:                                          true,
		`string(row.price) == '12.50'`:                      true,
		`string(date(now)) == '2026-05-02'`:                 true,
		`row == order`:                                      true,
		`row.status in ['paid', 'placed']`:                  true,
		`customer_id == row.customer_id`:                    true,
		`auth.sub.startsWith('a')`:                          true,
		`auth.sub == 'ada' ? row.gift : false`:              true,
		`row.total + 9223372036854775807 > 0`:               false,
		`row.total / (amount - 5) == 1`:                     false,
		`auth.roles.exists(r, r.startsWith('st'))`:          true,
		`auth.roles == 'staff'`:                             false,
		`'ada' in auth.sub`:                                 false,
		`row.customer_id.matches('^[0-9a-f-]{36}$')`:        true,
		`row.placed_at > timestamp('2026-01-01T00:00:00Z')`: true,
	} {
		x, err := model.Compile(env, src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := x.True(scope); got != want {
			_, err := x.Eval(scope)
			t.Errorf("%s: %v (%v), want %v", src, got, err, want)
		}
		if v, err := x.Eval(scope); err == nil && v.Bool() != want {
			t.Errorf("%s: Eval says %v, True %v", src, v.Bool(), want)
		} else if err != nil && (want || fault.CodeOf(err) != fault.InvalidInput) {
			t.Errorf("%s: %v", src, err)
		}
		if x.True(&model.Scope{}) && strings.HasPrefix(src, "auth.sub ==") {
			t.Errorf("%s holds without a caller", src)
		}
	}
}

func TestValues(t *testing.T) {
	env, scope := everything()
	uuid, text, integer := model.Type{Kind: model.KindUUID}, model.Type{Kind: model.KindText}, model.Type{Kind: model.KindInt}
	float, date, clock := model.Type{Kind: model.KindFloat}, model.Type{Kind: model.KindDate}, model.Type{Kind: model.KindTime}
	money := model.Type{Kind: model.KindDecimal, Precision: 10, Scale: 2}
	maybe := model.Type{Kind: model.KindInt, Null: true}
	for _, c := range []struct {
		src  string
		want model.Type
		text string // canonical; "!" for an error
	}{
		{`row.total + input.amount`, integer, "1205"},
		{`row.total - amount * 2`, integer, "1190"},
		{`row.total + 9223372036854775807`, integer, "!"},
		{`row.total / (amount - 5)`, integer, "!"},
		{`auth.sub`, text, "ada"},
		{`auth.sub`, uuid, "!"},
		{`auth.vip`, integer, "!"},
		{`auth.tenant`, uuid, "0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11"},
		{`auth.level`, integer, "3"},
		{`auth.level`, float, "3"},
		{`auth.missing`, text, "!"},
		{`auth.roles`, text, "!"},
		{`amount`, float, "5"},
		{`date(row.placed_at)`, date, "2026-05-01"},
		{`now`, clock, "2026-05-02T12:00:00Z"},
		{`now + duration('90m')`, clock, "2026-05-02T13:30:00Z"},
		{`row.price * 3 + decimal('0.05')`, money, "37.55"},
		{`row.price * decimal('0.001')`, money, "!"},
		{`amount`, money, "5.00"},
		{`row.discount != null ? row.discount : 0`, integer, "0"},
		{`row.discount`, maybe, ""},
		{`null`, maybe, ""},
		{`boss.user_id`, text, "!"},
		{`'a' + auth.sub`, text, "aada"},
		{`order.order_id`, uuid, "0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e12"},
		{`row.extra`, model.Type{Kind: model.KindJSON}, `{"a":1}`},
	} {
		env.Want = &c.want
		x, err := model.Compile(env, c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		v, err := x.Eval(scope)
		got := string(model.AppendText(nil, v))
		if err != nil {
			got = "!"
			if fault.CodeOf(err) != fault.InvalidInput {
				t.Errorf("%s: %v", c.src, err)
			}
		}
		if got != c.text {
			t.Errorf("%s: got %q (%v), want %q", c.src, got, err, c.text)
		}
	}
}

func TestRefusedExpressions(t *testing.T) {
	env, _ := everything()
	integer := &model.Type{Kind: model.KindInt}
	for _, c := range []struct {
		src    string
		want   *model.Type
		offset int
		says   string
	}{
		{`row.totl > 3`, nil, 3, "did you mean row.total?"},
		{`'é' == row.nte`, nil, 11, "did you mean row.note?"},
		{`autj.sub == 'x'`, nil, 0, "did you mean auth?"},
		{`row.total + `, nil, 12, "cannot be read"},
		{`row.total == 'x'`, nil, 10, "== does not work on (int, string)"},
		{`row.total`, nil, 0, "a condition must be true or false, but this gives an int"},
		{`row.note`, integer, 0, "this gives a string?, but an int is wanted"},
		{`row.discount`, integer, 0, "may be null"},
		{`row.placed_at`, &model.Type{Kind: model.KindDate}, 0, "write date(…) around it"},
		{`row.price / row.price > decimal(1)`, nil, 10, "decimals are not divided"},
		{`row.status == 'payd'`, nil, 14, `status is never "payd"; did you mean paid?`},
		{`row.status in ['paid', 'gone']`, nil, 23, `status is never "gone"`},
		{`me.role == 'boss'`, nil, 11, `role is never "boss"`},
		{`houer(now) == 1`, nil, 5, "there is no function houer; did you mean hour?"},
		{`1 / 0 == 1`, nil, 0, "never has a value"},
		{``, nil, 0, "empty"},
		{strings.Repeat(" ", 5000) + "true", nil, 0, "longer than"},
		{strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), nil, 0, ""},
		{`input.lines.all(a, input.lines.all(b, input.lines.all(c, input.lines.all(d, a.sku + b.sku != c.sku + d.sku))))`, nil, 0, "cost too much"},
		{`row{total: 1} == null`, nil, 3, ""},
		{`input.lines`, integer, 0, "an int is wanted"},
		{`row.gift ? 'paid' : 'payd'`, &order.Fields[2].Type, 20, `"payd" is not one of placed, paid; did you mean paid?`},
		{`'much too long'`, &model.Type{Kind: model.KindString, Size: 3}, 0, "at most 3 characters"},
		{`row.total +`, nil, 11, "something is missing at its end"},
		{`row.total ] 3`, nil, 10, "']' cannot stand here"},
		{`tenant == 'x' && customer == 'y'`, nil, 0, "there is no tenant here"},
		{`input.lines.all(row, row.quantity > 0)`, nil, 5, "row already stands for something else"},
		{`row.note.matches(input.text)`, nil, 17, "must be written out here"},
		{`row.note.matches('a(')`, nil, 17, "RE2"},
		{`customer == 'y'`, nil, 0, "did you mean customer_id?"},
	} {
		env.Want = c.want
		_, err := model.Compile(env, c.src)
		e, ok := errors.AsType[*model.ExprError](err)
		if !ok {
			t.Errorf("%.60s: got %v, want an *ExprError", c.src, err)
			continue
		}
		if e.Offset != c.offset && c.says != "" || !strings.Contains(e.Message, c.says) {
			t.Errorf("%.60s: at %d %q, want at %d …%s…", c.src, e.Offset, e.Message, c.offset, c.says)
		}
	}
}

func TestConstantExpressions(t *testing.T) {
	env, _ := everything()
	for src, want := range map[string]string{
		`1 == 2`:                              "false",
		`true`:                                "true",
		`false && auth.sub == 'x'`:            "false",
		`auth.sub == 'x' || 'a' in ['a']`:     "true",
		`auth.sub == 'x'`:                     "",
		`auth.sub == 'x' && row.gift`:         "",
		`auth.sub == 'x' && 1 == 2`:           "false",
		`row.total > 3 ? 1 == 2 : 'a' == 'b'`: "",
	} {
		x, err := model.Compile(env, src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		v, ok := x.Constant()
		if got := string(model.AppendText(nil, v)); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", src, got, ok, want)
		}
	}
}

func TestUses(t *testing.T) {
	env, _ := everything()
	x, err := model.Compile(env, `me.role == 'admin' || auth.sub == customer_id && input.lines.all(l, l.sku != auth.sub)`)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(x.Uses, " "); got != "me auth customer_id input" {
		t.Errorf("Uses = %s", got)
	}
}

func BenchmarkExprRule(b *testing.B) {
	env, scope := everything()
	for _, src := range []string{`auth.sub == customer_id`, `'staff' in auth.roles`, `me != null && me.role == 'admin'`, `auth.sub.startsWith('a')`} {
		x, err := model.Compile(env, src)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(src, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.True(scope)
			}
		})
	}
}

func BenchmarkExprCompile(b *testing.B) {
	env, _ := everything()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := model.Compile(env, `auth.sub == customer_id`); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReservedWordsNameNothing(t *testing.T) {
	for _, word := range model.ReservedWords() {
		env := &model.Env{Params: inputs(named(word, field(model.KindString)))}
		if _, err := model.Compile(env, word+` == 'x'`); err == nil {
			t.Errorf("%s can be a name after all", word)
		}
	}
	env := &model.Env{Params: inputs(named("plain", field(model.KindString)))}
	if _, err := model.Compile(env, `plain == 'x'`); err != nil {
		t.Error(err)
	}
}
