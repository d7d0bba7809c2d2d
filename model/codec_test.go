package model_test

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

func field(kind model.Kind, change ...func(*model.Field)) *model.Field {
	f := &model.Field{Name: "f", Type: model.Type{Kind: kind}}
	for _, c := range change {
		c(f)
	}
	return f
}

func nullable(f *model.Field) { f.Type.Null = true }

func sized(n int) func(*model.Field) { return func(f *model.Field) { f.Type.Size = n } }

func decimal(precision, scale int) *model.Field {
	return field(model.KindDecimal, func(f *model.Field) { f.Type.Precision, f.Type.Scale = precision, scale })
}

func TestFieldParse(t *testing.T) {
	enum := field(model.KindEnum, func(f *model.Field) { f.Type.Enum = []string{"placed", "paid"} })
	bounded := field(model.KindInt, func(f *model.Field) { f.Min, f.Max = model.Int(1), model.Int(9) })
	pattern := field(model.KindString, func(f *model.Field) { f.Pattern = regexp.MustCompile(`^[a-z]+$`) })
	const good, form, bound = "", fault.InvalidInput, fault.OutOfBounds
	for _, c := range []struct {
		field *model.Field
		text  string
		want  string // canonical text
		code  fault.Code
	}{
		{field(model.KindString), "", "", good},
		{field(model.KindString, sized(3)), "äöü", "äöü", good},
		{field(model.KindString, sized(3)), "äöüß", "", bound},
		{field(model.KindString), "a\xffb", "", form},
		{field(model.KindText), "a\x00b", "", form},
		{pattern, "abc", "abc", good},
		{pattern, "ABC", "", bound},
		{enum, "paid", "paid", good},
		{enum, "Paid", "", form},

		{field(model.KindInt), "-9223372036854775808", "-9223372036854775808", good},
		{field(model.KindInt), "9223372036854775808", "", bound},
		{field(model.KindInt), "-0", "0", good},
		{field(model.KindInt), "+1", "", form},
		{field(model.KindInt), "01", "", form},
		{field(model.KindInt), "1.5", "", form},
		{field(model.KindInt), "1e3", "", form},
		{field(model.KindInt), "", "", form},
		{bounded, "0", "", bound},
		{bounded, "9", "9", good},
		{bounded, "10", "", bound},

		{field(model.KindFloat), "1e3", "1000", good},
		{field(model.KindFloat), "-0", "0", good},
		{field(model.KindFloat), "1e-9", "1e-09", good},
		{field(model.KindFloat), "NaN", "", form},
		{field(model.KindFloat), "Inf", "", form},
		{field(model.KindFloat), "0x1p4", "", form},
		{field(model.KindFloat), "1e400", "", bound},

		{field(model.KindBool), "true", "true", good},
		{field(model.KindBool), "1", "", form},

		{field(model.KindUUID), "0198C2F0-7C1E-7D3A-9B52-3F1F6A0C9E11", "0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11", good},
		{field(model.KindUUID), "0198c2f07c1e7d3a9b523f1f6a0c9e11", "", form},
		{field(model.KindUUID), "{198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e1}", "", form},

		{field(model.KindTime), "2026-05-01T14:30:00.120000+02:00", "2026-05-01T12:30:00.12Z", good},
		{field(model.KindTime), "2026-05-01T12:30:00.1234567Z", "2026-05-01T12:30:00.123456Z", good},
		{field(model.KindTime), "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z", good},
		{field(model.KindTime), "0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z", good},
		{field(model.KindTime), "0000-01-01T00:00:00+01:00", "", bound},
		{field(model.KindTime), "2026-05-01 12:30:00Z", "", form},
		{field(model.KindTime), "2026-05-01T12:30:00", "", form},
		{field(model.KindTime), "2026-02-29T12:30:00Z", "", form},

		{field(model.KindDate), "2024-02-29", "2024-02-29", good},
		{field(model.KindDate), "1900-02-29", "", form},
		{field(model.KindDate), "0001-03-01", "0001-03-01", good},
		{field(model.KindDate), "2024-2-9", "", form},

		{decimal(10, 2), "12.5", "12.50", good},
		{decimal(10, 2), "-0.05", "-0.05", good},
		{decimal(10, 2), "1.500", "1.50", good},
		{decimal(10, 2), "1.505", "", bound},
		{decimal(10, 2), "123456789.00", "", bound},
		{decimal(18, 0), "999999999999999999", "999999999999999999", good},
		{decimal(18, 18), "0.999999999999999999", "0.999999999999999999", good},
		{decimal(10, 2), "1e2", "", form},
		{decimal(10, 2), ".5", "", form},

		{field(model.KindBytes), "aGk=", "aGk=", good},
		{field(model.KindBytes), "aGk", "", form},
		{field(model.KindBytes), "aG\nk=", "", form},
		{field(model.KindBytes, sized(1)), "aGk=", "", bound},

		{field(model.KindJSON), ` {"a" : [1.50, "x y"]} `, `{"a":[1.50,"x y"]}`, good},
		{field(model.KindJSON), `{"a":1,"a":2}`, "", form},
		{field(model.KindJSON), `{"a":1} 2`, "", form},
		{field(model.KindJSON), strings.Repeat("[", 100) + strings.Repeat("]", 100), "", bound},
		{field(model.KindJSON, sized(4)), `[1, 2]`, "", bound},
		{field(model.KindJSON, sized(5)), `[1, 2]`, `[1,2]`, good},

		{field(model.KindEmail), "ada+x@example.org", "ada+x@example.org", good},
		{field(model.KindEmail), "ada", "", form},
		{field(model.KindEmail), "Ada <ada@example.org>", "", form},
		{field(model.KindEmail), "a..b@example.org", "", form},
		{field(model.KindEmail), "a@-example.org", "", form},
		{field(model.KindURL), "https://example.org/a?b=c#d", "https://example.org/a?b=c#d", good},
		{field(model.KindURL), "javascript:alert(1)", "", form},
		{field(model.KindURL), "/a", "", form},
		{field(model.KindURL), "https:///a", "", form},
		{field(model.KindURL), "https://a b/", "", form},

		{field(model.KindInt, nullable), "", "", good},
	} {
		v, err := c.field.Parse(c.text)
		if got := fault.CodeOf(err); got != c.code {
			t.Errorf("%v %q: code %q (%v), want %q", c.field.Type.Kind, c.text, got, err, c.code)
			continue
		}
		if err != nil {
			if !v.IsNull() {
				t.Errorf("%q: a value beside the error", c.text)
			}
			continue
		}
		if got := string(model.AppendText(nil, v)); got != c.want {
			t.Errorf("%v %q: got %q, want %q", c.field.Type.Kind, c.text, got, c.want)
		}
		if err := c.field.Check(v); err != nil {
			t.Errorf("%v %q: Parse took what Check refuses: %v", c.field.Type.Kind, c.text, err)
		}
	}
}

func TestFieldDecodeJSON(t *testing.T) {
	for _, c := range []struct {
		field *model.Field
		raw   string
		want  string // JSON; "" for a refusal
	}{
		{field(model.KindInt), `1e3`, `1000`},
		{field(model.KindInt), `1.0`, `1`},
		{field(model.KindInt), `1.5`, ``},
		{field(model.KindInt), `9007199254740993`, `9007199254740993`},
		{field(model.KindInt), `1e999999999999`, ``},
		{field(model.KindInt), `0e999999999999`, `0`},
		{field(model.KindInt), `"1"`, ``},
		{field(model.KindInt), `null`, ``},
		{field(model.KindInt, nullable), `null`, `null`},
		{field(model.KindBool), `true`, `true`},
		{field(model.KindBool), `"true"`, ``},
		{field(model.KindFloat), `0.1`, `0.1`},
		{field(model.KindFloat), `1e21`, `1e+21`},
		{decimal(18, 2), `0.1`, `"0.10"`},
		{decimal(18, 2), `9007199254740993.01`, `"9007199254740993.01"`},
		{decimal(18, 2), `"9007199254740993.01"`, `"9007199254740993.01"`},
		{decimal(18, 2), `1e-3`, ``},
		{decimal(18, 2), `1500e-3`, `"1.50"`},
		{field(model.KindString), `"a\u0041\n\"\\\u001f"`, `"aA\n\"\\\u001f"`},
		{field(model.KindString), `"\u0000"`, ``},
		{field(model.KindString), `1`, ``},
		{field(model.KindString), `{"a":1}`, ``},
		{field(model.KindJSON), `{"a": [null, "\u0000"]}`, `{"a":[null,"\u0000"]}`},
		{field(model.KindJSON, nullable), `null`, `null`},
		{field(model.KindJSON), `null`, ``},
		{field(model.KindTime), `"2026-05-01T14:30:00+02:00"`, `"2026-05-01T12:30:00Z"`},
		{field(model.KindBytes), `"aGk="`, `"aGk="`},
	} {
		v, err := c.field.DecodeJSON([]byte(c.raw))
		if (err == nil) != (c.want != "") {
			t.Errorf("%s: error %v", c.raw, err)
		}
		if err == nil && string(model.AppendJSON(nil, v)) != c.want {
			t.Errorf("%s: got %s, want %s", c.raw, model.AppendJSON(nil, v), c.want)
		}
	}
}

func TestCompareDecimalsOfTwoScales(t *testing.T) {
	for _, c := range []struct {
		a, b model.Value
		want int
	}{
		{model.Decimal(150, 2), model.Decimal(15, 1), 0},
		{model.Decimal(-150, 2), model.Decimal(15, 1), -1},
		{model.Decimal(math.MaxInt64, 0), model.Decimal(math.MaxInt64, 18), 1},
		{model.Decimal(math.MinInt64, 0), model.Decimal(math.MinInt64, 18), -1},
		{model.Decimal(1, 0), model.Decimal(math.MaxInt64, 18), -1},
	} {
		if got := model.Compare(c.a, c.b); got != c.want {
			t.Errorf("Compare(%s, %s) = %d, want %d", model.AppendText(nil, c.a), model.AppendText(nil, c.b), got, c.want)
		}
	}
}

func TestAppendJSONOfTextThatIsNotUTF8(t *testing.T) {
	got := string(model.AppendJSON(nil, model.String("a\xff\"é\xc3")))
	if want := "\"a\ufffd\\\"é\ufffd\""; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
