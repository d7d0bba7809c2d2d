package model_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
)

func parse(t *testing.T, src string) *model.Model {
	t.Helper()
	m, err := model.Parse("model.yaml", []byte(src), nil)
	if err != nil {
		t.Fatalf("the model is refused:\n%v", err)
	}
	return m
}

func example(t *testing.T, name string) *model.Model {
	t.Helper()
	src, err := os.ReadFile("../examples/" + name + "/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(src))
}

func showNames(fields []*model.Field) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return strings.Join(out, " ")
}

// showInputs shows inputs as they stand in a body: ! behind what is required, (…) around a list's items.
func showInputs(list []*model.Input) string {
	var out []string
	for _, in := range list {
		s := in.Name
		if in.Items != nil {
			s += fmt.Sprintf("(%s)<=%d", showInputs(in.Items), in.Max)
		}
		if in.Required {
			s += "!"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// showSources shows where values come from.
func showSources(list []model.Source) string {
	var out []string
	for _, s := range list {
		switch {
		case s.None:
			out = append(out, s.Field.Name+"<-default")
		case s.Input != nil && s.Item:
			out = append(out, s.Field.Name+"<-item")
		case s.Input != nil:
			out = append(out, s.Field.Name+"<-body")
		case s.Expr != nil:
			out = append(out, s.Field.Name+"<-"+s.Expr.Source)
		default:
			out = append(out, s.Field.Name+"<-"+string(model.AppendText(nil, s.Literal)))
		}
	}
	return strings.Join(out, "; ")
}

func showOrder(list []model.Order) string {
	var out []string
	for _, o := range list {
		sign := ""
		if o.Desc {
			sign = "-"
		}
		out = append(out, sign+o.Field.Name)
	}
	return strings.Join(out, " ")
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got  %s\n want %s", what, got, want)
	}
}

func TestShopEntities(t *testing.T) {
	m := example(t, "shop")
	for name, want := range map[string]string{
		"customer":     "customer_id name email credit",
		"order":        "customer_id order_id number status total note placed_at",
		"line":         "customer_id order_id sku quantity price",
		"order_number": "number customer_id order_id status",
		"sales":        "day orders revenue",
	} {
		e := m.Entity(name)
		same(t, name, showNames(e.Fields), want)
		for i, f := range e.Fields {
			if f.Pos != i {
				t.Errorf("%s.%s has place %d, not %d", name, f.Name, f.Pos, i)
			}
		}
	}
	same(t, "key of a view of rows", showNames(m.Entity("order_number").Key), "customer_id order_id")
	same(t, "key of a folded view", showNames(m.Entity("sales").Key), "")
	if f := m.Entity("order").Field("number"); f.Default != model.DefaultRandom || f.Type.Size != 12 {
		t.Errorf("order.number is %+v", f)
	}
	if f := m.Entity("order").Field("note"); !f.Type.Null || f.Type.Kind != model.KindText {
		t.Errorf("order.note is %+v", f)
	}
	if f := m.Entity("sales").Family.By; f.Name != "day" || f.Type.Kind != model.KindDate {
		t.Errorf("sales is by %s %s", f.Name, f.Type)
	}
	if f := m.Entity("customer").Family; f.Expect != 10e6 || f.View != nil {
		t.Errorf("customer is %+v", f)
	}
}

func TestShopReads(t *testing.T) {
	m := example(t, "shop")
	orders := m.Read("orders")
	same(t, "params", showInputs(orders.Params), "customer_id! status")
	same(t, "sort", showOrder(orders.Sort), "-placed_at -order_id")
	if orders.Page != 100 || orders.Range != m.Entity("order").Field("placed_at") || orders.Stale != 10*time.Minute {
		t.Errorf("orders is %+v", orders)
	}
	same(t, "index without a filter", orders.IndexOf[0].Name, "order__placed_at__order_id")
	same(t, "index with the filter", orders.IndexOf[1].Name, "order__status__placed_at__order_id")
	if open := m.Read("open_orders"); open.IndexOf[0] != orders.IndexOf[0] {
		t.Error("open_orders does not share the index of orders, which it can read backwards")
	}
	if lines := m.Read("lines"); lines.IndexOf[0] != nil {
		t.Errorf("lines reads by %s, where the primary key would do", lines.IndexOf[0].Name)
	}
	same(t, "params of a get", showInputs(m.Read("order").Params), "customer_id! order_id!")
	same(t, "params of a view", showInputs(m.Read("order_by_number").Params), "number!")
	if r := m.Read("customer"); r.Expect != 5000 || r.Fresh != time.Minute || r.Priority != model.Normal {
		t.Errorf("customer is %+v", r)
	}
}

func TestShopWrites(t *testing.T) {
	m := example(t, "shop")
	for name, want := range map[string]string{
		"put_customer": "customer_id! name email",
		"add_credit":   "customer_id! amount!",
		"place_order":  "customer_id! order_id total! note lines(sku! quantity! price!)<=100!",
		"pay_order":    "customer_id! order_id!",
		"forget_order": "customer_id! order_id!",
	} {
		w := m.Write(name)
		same(t, name, showInputs(w.Inputs), want)
		for i, in := range w.Inputs {
			if in.Index != i {
				t.Errorf("%s: %s has index %d, not %d", name, in.Name, in.Index, i)
			}
		}
	}
	place := m.Write("place_order")
	same(t, "key of an order", showSources(place.Steps[0].Key), "order_id<-body")
	same(t, "key of a line", showSources(place.Steps[1].Key), "order_id<-order.order_id; sku<-item")
	same(t, "fields of a line", showSources(place.Steps[1].Take), "quantity<-item; price<-item")
	if place.Steps[1].Each != place.Inputs[4] || place.Async != model.AsyncOffered || place.Single {
		t.Errorf("place_order is %+v", place)
	}
	same(t, "what a payment sets", showSources(m.Write("pay_order").Steps[1].Set), "credit<-row.credit - order.total")
	if g := m.Write("pay_order").Steps[0].When; g.Expr != nil || g.Equal[0].Values[0] != model.String("placed") {
		t.Errorf("the guard is %+v", g)
	}
	if s := m.Write("forget_order").Steps[0]; showSources(s.By) != "order_id<-body" || s.Max != 500 {
		t.Errorf("forget_order deletes by %s, at most %d", showSources(s.By), s.Max)
	}
	if w := m.Write("ship_order"); !w.Single || w.Emit[0].Event != m.Events[2] || m.Events[2].Family != w.Family {
		t.Errorf("ship_order is %+v", w)
	}
}

func TestChatFollowsEvents(t *testing.T) {
	m := example(t, "chat")
	posted := m.Events[0]
	same(t, "what an event carries", showInputs(posted.Inputs), "room_id! seq author_id at")
	then := posted.Then
	if then.Write != m.Write("touch_inbox") || then.Each != m.Read("members") || len(then.EachKey) != 1 || len(then.With) != 4 {
		t.Errorf("then is %+v", then)
	}
	same(t, "key given by the model", showSources(m.Write("mark_read").Steps[0].Key), "user_id<-auth.sub")
	same(t, "key made by default", showSources(m.Write("post").Steps[0].Key), "seq<-default")
	if i := m.Read("inbox").IndexOf[0]; showOrder(i.Order) != "last_at room_id" {
		t.Errorf("the inbox reads by %s", showOrder(i.Order))
	}
	if k := m.Entity("message").Keep; k.For != 365*24*time.Hour || k.From.Name != "at" {
		t.Errorf("messages are kept %+v", k)
	}
	if l := m.Limits[0]; l.Rate != 5 || l.Burst != 20 || l.Writes[0] != m.Write("post") {
		t.Errorf("the limit is %+v", l)
	}
}

func TestRulesAreBoundToWhatARequestCarries(t *testing.T) {
	m := example(t, "chat")
	messages, inbox := m.Read("messages"), m.Read("inbox")
	if len(messages.Allow.Rules) != 1 || messages.Allow.Rules[0].Name != "member" || len(messages.Allow.Rules[0].Loads) != 1 {
		t.Fatalf("messages allows %+v", messages.Allow)
	}
	all := m.AllReads()
	load := messages.Allow.Rules[0].Loads[0]
	if len(all) != len(m.Reads)+1 || all[len(m.Reads)] != load.Read || load.Read.ID != len(m.Reads) || !load.Read.Internal {
		t.Errorf("the load's read is %+v", load.Read)
	}
	self := inbox.Allow.Rules[0].Expr
	ann := &model.Claims{Subject: "ann", All: map[string]any{"sub": "ann"}}
	for user, want := range map[string]bool{"ann": true, "bob": false} {
		args := &model.Args{Values: []model.Value{model.String(user)}, Given: []bool{true}}
		if got := self.True(&model.Scope{Auth: ann, Args: args}); got != want {
			t.Errorf("ann at the inbox of %s: %v", user, got)
		}
	}
	if w := m.Write("touch_inbox"); !w.Allow.None {
		t.Error("touch_inbox is open")
	}
	if w := m.Write("open_room"); !w.Allow.Anyone {
		t.Error("open_room is not open to any verified caller")
	}
}

const small = `
service: small
partitions: {tenant: {by: tenant_id, type: uuid}}
entities:
  part: {in: tenant, key: item_id, fields: {item_id: {type: uuid, default: new}, name: string(40), state: {enum: [new, old], default: new}, size: int, at: {type: time, default: now}}}
`

func TestIndexesServeTheReadsAndNothingElse(t *testing.T) {
	m := parse(t, small+`
reads:
  a: {list: part, by: [name]}
  b: {list: part, by: [name], sort: size}
  c: {list: part, by: [name], sort: -size}
  d: {list: part, filter: [name, state]}
  e: {list: part, where: {state: new}, sort: [name, -size]}
  f: {list: part, sort: -item_id}
`)
	var got []string
	for _, x := range m.Entity("part").Indexes {
		got = append(got, x.Name)
	}
	same(t, "indexes", strings.Join(got, "\n"), strings.Join([]string{
		"part__state__name__size_desc__item_id_desc",
		"part__name__size__item_id",
		"part__name__state__item_id",
		"part__name__item_id",
		"part__state__item_id",
	}, "\n"))
	if m.Read("b").IndexOf[0] != m.Read("c").IndexOf[0] {
		t.Error("one index does not serve both directions")
	}
	if d := m.Read("d"); d.IndexOf[0] != nil || d.IndexOf[1] != m.Read("a").IndexOf[0] {
		t.Error("d does not use the key without filters, and the index of a by name alone")
	}
	if m.Read("f").IndexOf[0] != nil {
		t.Error("f does not read the key backwards")
	}
}

func TestInputsOfSeveralStepsAreOne(t *testing.T) {
	m := parse(t, small+`
writes:
  both:
    steps:
      - {insert: part, input: [name, size]}
      - {update: part, key: {item_id: = input.other}, input: [name, {other: uuid}]}
  each:
    steps:
      - {insert: part, each: items, max: 5, input: [name, size]}
      - {update: part, each: items, max: 3, input: [item_id, state]}
  maybe: {insert: part, if: "input.size > 3", input: [name, size]}
`)
	same(t, "both", showInputs(m.Write("both").Inputs), "tenant_id! item_id other! name! size!")
	same(t, "each", showInputs(m.Write("each").Inputs), "tenant_id! items(item_id! name! size! state)<=3!")
	same(t, "maybe", showInputs(m.Write("maybe").Inputs), "tenant_id! item_id name size")
}

func TestHashesFollowWhatTheyStandFor(t *testing.T) {
	read := func(src string) *model.Read { return parse(t, small+"reads:\n  a: "+src).Read("a") }
	base := read("{list: part, fresh: 1m}").Hash
	if read("{list: part, fresh: 2m, expect: 5/s}").Hash != base {
		t.Error("how fresh an answer is changes its encoding")
	}
	for _, other := range []string{"{list: part, page: 5}", "{list: part, sort: -at}", "{list: part, fields: [name]}", "{get: part}", "{list: part, where: {state: new}}"} {
		if read(other).Hash == base {
			t.Errorf("%s has the encoding of a plain list", other)
		}
	}
}

func TestSchedulesAndRates(t *testing.T) {
	m := parse(t, small+`
reads: {a: {list: part, expect: 90/m, objective: {p99: 50ms, success: 99.9%}}}
events: {tick: {deliver: ["https://one.example/a"], after: 1h30m}}
schedules: {night: {every: "0 3 * * mon-fri", zone: Europe/Berlin, emit: tick}}
`)
	r := m.Read("a")
	if r.Expect != 1.5 || r.Objective.Quantile != 0.99 || r.Objective.Latency != 50*time.Millisecond || math.Abs(r.Objective.Success-0.999) > 1e-12 {
		t.Errorf("a is %+v", r)
	}
	if e := m.Events[0]; e.After != 90*time.Minute || !slices.Equal(e.Deliver, []string{"https://one.example/a"}) {
		t.Errorf("tick is %+v", e)
	}
	if s := m.Schedules[0]; s.Zone != "Europe/Berlin" || s.Emit != m.Events[0] {
		t.Errorf("night is %+v", s)
	}
}

func TestCaretsStandWhereTheyBelong(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"tab":  {"reads: {a:\t{lists: b}}", "    1 | reads: {a:    {lists: b}}\n      |                ^\n"},
		"wide": {`reads: {"日本": {lists: b}}`, "    1 | reads: {\"日本\": {lists: b}}\n      |                  ^\n"},
	} {
		_, err := model.Parse("m.yaml", []byte(c.line), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: wanted\n%s\nin\n%v", name, c.want, err)
		}
	}
	long := "reads: {a: {list: part, sort: " + strings.Repeat("x", 300) + "}, b: {list: itm}}"
	_, err := model.Parse("m.yaml", []byte(long), nil)
	for line := range strings.Lines(err.Error()) {
		if strings.HasPrefix(line, "    1 | ") && len(line) > 130 {
			t.Errorf("a long line is not cut: %s", line)
		}
	}
}

func TestManyComplaintsAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString(small + "reads:\n")
	for i := range 150 {
		fmt.Fprintf(&b, "  r%d: {list: itm}\n", i)
	}
	_, err := model.Parse("m.yaml", []byte(b.String()), nil)
	text := err.Error()
	if n := strings.Count(text, "there is no entity of that name"); n != 100 || !strings.HasSuffix(text, "and 50 more") {
		t.Errorf("%d are shown, and the end is %q", n, text[len(text)-30:])
	}
}
