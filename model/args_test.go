package model_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// orderInputs are those of a write with a list.
func orderInputs() []*model.Input {
	ins := inputs(
		named("customer_id", field(model.KindUUID)),
		named("total", field(model.KindInt, func(f *model.Field) { f.Min = model.Int(0) })),
		named("note", field(model.KindText, nullable, sized(5))),
		named("extra", field(model.KindJSON, nullable)),
	)
	return append(ins, &model.Input{
		Field: &model.Field{Name: "lines"}, Index: 4, Required: true, Max: 3,
		Items: inputs(
			named("sku", field(model.KindString, sized(3))),
			named("quantity", field(model.KindInt, func(f *model.Field) { f.Min = model.Int(1) })),
			named("hint", field(model.KindString, nullable)),
		),
	})
}

const customer = "0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11"

func TestDecodeArgs(t *testing.T) {
	args, err := model.DecodeArgs(orderInputs(), fmt.Appendf(nil, ` {
		"t\u006ftal": 9007199254740993, "customer_id": %q, "note": null,
		"extra": {"b": [1.0, {"c": null}]},
		"lines": [{"sku": "äöü", "quantity": 1}, {"quantity": 2, "sku": "b", "hint": null}]
	} `, strings.ToUpper(customer)))
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Value{model.String(customer), model.Int(9007199254740993), model.Null, model.JSON(`{"b":[1.0,{"c":null}]}`), model.Null}
	for i, v := range want {
		if args.Values[i] != v || !args.Given[i] {
			t.Errorf("argument %d is %s (given: %v)", i, model.AppendJSON(nil, args.Values[i]), args.Given[i])
		}
	}
	lines := args.Items[4]
	if len(lines) != 2 || lines[0].Values[0] != model.String("äöü") || lines[1].Values[1] != model.Int(2) {
		t.Errorf("lines are %v", lines)
	}
	if lines[0].Given[2] || !lines[1].Given[2] {
		t.Error("a given null and an absent value are the same")
	}
}

func TestDecodeArgsTellsAllProblems(t *testing.T) {
	ok := `"customer_id":"` + customer + `"`
	for _, c := range []struct {
		body string
		code fault.Code
		want []string // "pointer message part"
	}{
		{``, fault.BadRequest, nil},
		{`  `, fault.BadRequest, nil},
		{`{`, fault.BadRequest, nil},
		{`{"customer_id":"` + customer + `","total":1`, fault.BadRequest, nil},
		{`{` + ok + `,"total":1} {}`, fault.BadRequest, nil},
		{`{` + ok + `,"total":1}]`, fault.BadRequest, nil},
		{`{` + ok + `,"total":01}`, fault.BadRequest, nil},
		{`{` + ok + `,"total":NaN}`, fault.BadRequest, nil},
		{`{` + ok + `,"total":1,}`, fault.BadRequest, nil},
		{"{" + ok + ",\"total\":1,\"note\":\"\xff\"}", fault.BadRequest, nil},
		{`{` + ok + `,"total":1,"note":"\ud800"}`, fault.BadRequest, nil},
		{strings.Repeat(`{"extra":`, 20_000), fault.BadRequest, nil},
		{`[1]`, fault.InvalidInput, []string{" JSON object"}},
		{`null`, fault.InvalidInput, []string{" JSON object"}},
		{`{}`, fault.InvalidInput, []string{"/customer_id is missing", "/total is missing", "/lines is missing"}},
		{`{` + ok + `,"total":-1,"note":"abcdef","lines":[]}`, fault.OutOfBounds,
			[]string{"/total at least 0", "/note at most 5 characters"}},
		{`{` + ok + `,"total":-1,"note":1,"lines":[]}`, fault.InvalidInput, []string{"/total at least 0", "/note not a number"}},
		{`{` + ok + `,"total":null,"totl":3,"lines":{}}`, fault.InvalidInput,
			[]string{"/total must not be null", "/totl did you mean total?", "/lines array of objects"}},
		{`{` + ok + `,"total":1,"total":2,"lines":[],"a/b~c":[{"x":[]}]}`, fault.InvalidInput,
			[]string{"/total given twice", "/a~1b~0c not a field"}},
		{`{` + ok + `,"total":1,"lines":[{"sku":"abcd","quantity":0},5,{"sku":"a","quantity":1,"extra":2}]}`, fault.InvalidInput,
			[]string{"/lines/0/sku at most 3", "/lines/0/quantity at least 1", "/lines/1 must be an object", "/lines/2/extra not a field"}},
		{`{` + ok + `,"total":1,"lines":[{"sku":"a","quantity":1},{"sku":"a","quantity":1},{"sku":"a","quantity":1},{"sku":"a","quantity":1},{"sku":"a"}]}`,
			fault.TooMany, []string{"/lines at most 3 items"}},
		{`{` + ok + `,"total":1,"lines":[{"sku":"a"}]}`, fault.InvalidInput, []string{"/lines/0/quantity is missing"}},
		{`{` + ok + `,"total":1,"lines":[],"extra":{"a":1,"a":2}}`, fault.InvalidInput, []string{"/extra duplicate"}},
		{`{` + ok + `,"total":1,"lines":[],"extra":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, fault.OutOfBounds,
			[]string{"/extra nest deeper"}},
	} {
		args, err := model.DecodeArgs(orderInputs(), []byte(c.body))
		e, isFault := errors.AsType[*fault.Error](err)
		if args != nil || !isFault || e.Code != c.code {
			t.Errorf("%.80s: %v, want %s", c.body, err, c.code)
			continue
		}
		if c.want == nil {
			continue
		}
		if len(e.Details) != len(c.want) {
			t.Errorf("%.80s: %d details %v, want %d", c.body, len(e.Details), e.Details, len(c.want))
			continue
		}
		for i, w := range c.want {
			pointer, says, _ := strings.Cut(w, " ")
			if d := e.Details[i]; d.Pointer != pointer || !strings.Contains(d.Message, says) {
				t.Errorf("%.80s: detail %d is %q %q, want %q", c.body, i, d.Pointer, d.Message, w)
			}
		}
	}
}

func TestDecodeArgsBoundsItsAnswer(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"` + strings.Repeat("é", 100_000) + `":1`)
	for i := range 10_000 {
		fmt.Fprintf(&body, `,"x%d":1`, i)
	}
	body.WriteString(`}`)
	_, err := model.DecodeArgs(orderInputs(), []byte(body.String()))
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Details) != 100 || len(e.Details[0].Pointer) > 210 || !utf8.ValidString(e.Details[0].Pointer) {
		t.Fatalf("got %d details, the first of %d bytes", len(e.Details), len(e.Details[0].Pointer))
	}
	if !strings.HasPrefix(e.Message, "More than 100") {
		t.Errorf("message: %s", e.Message)
	}
}

func FuzzDecodeArgs(f *testing.F) {
	for _, body := range []string{
		`{}`, `[]`, `{"customer_id":"` + customer + `","total":1,"lines":[{"sku":"a","quantity":1}]}`,
		`{"customer_id":"` + customer + `","total":1e2,"note":"\u00e4","extra":{"a":[{}]},"lines":[]}`,
		`{"total":1,"total":2}`, `{"a":`, "\xff",
	} {
		f.Add([]byte(body))
	}
	ins := orderInputs()
	f.Fuzz(func(t *testing.T, body []byte) {
		args, err := model.DecodeArgs(ins, body)
		if err != nil {
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || args != nil {
				t.Fatalf("%q: %T, %v", body, err, args)
			}
			if e.Code != fault.BadRequest && len(e.Details) == 0 {
				t.Fatalf("%q: %v without details", body, err)
			}
			if !utf8.ValidString(e.Message) {
				t.Fatalf("%q: the message is not UTF-8", body)
			}
			return
		}
		again := encodeArgs(nil, ins, args)
		twin, err := model.DecodeArgs(ins, again)
		if err != nil {
			t.Fatalf("%q was taken, but its canonical form %q not: %v", body, again, err)
		}
		if third := encodeArgs(nil, ins, twin); string(third) != string(again) {
			t.Fatalf("%q and %q are two canonical forms of one body", again, third)
		}
	})
}

// encodeArgs writes a body in its canonical form.
func encodeArgs(dst []byte, ins []*model.Input, args *model.Args) []byte {
	dst = append(dst, '{')
	first := true
	for _, in := range ins {
		if !args.Given[in.Index] {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = fmt.Appendf(dst, "%q:", in.Name)
		if in.Items == nil {
			dst = model.AppendJSON(dst, args.Values[in.Index])
			continue
		}
		dst = append(dst, '[')
		for i := range args.Items[in.Index] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = encodeArgs(dst, in.Items, &args.Items[in.Index][i])
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func BenchmarkDecodeArgs(b *testing.B) {
	ins := orderInputs()
	for _, c := range []struct{ name, body string }{
		{"scalars", `{"customer_id":"` + customer + `","total":1200,"note":"hi","lines":[]}`},
		{"lines", `{"customer_id":"` + customer + `","total":1200,"note":"hi","lines":[{"sku":"a","quantity":1},{"sku":"b","quantity":2}]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := model.DecodeArgs(ins, []byte(c.body)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
