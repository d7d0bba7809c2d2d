package model_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/partita-dev/partita/model"
)

// oneOfEach has a field of each type, some of them bounded or nullable.
func oneOfEach() []*model.Field {
	fields := []*model.Field{
		field(model.KindString, sized(20)), field(model.KindText, nullable), field(model.KindInt),
		field(model.KindFloat), field(model.KindBool), field(model.KindUUID), field(model.KindTime),
		field(model.KindDate, nullable), field(model.KindBytes), field(model.KindJSON, nullable),
		decimal(10, 2), decimal(18, 18), decimal(5, 0), field(model.KindEmail), field(model.KindURL),
		field(model.KindEnum, func(f *model.Field) { f.Type.Enum = []string{"a", "b"} }),
		field(model.KindInt, nullable, func(f *model.Field) { f.Min, f.Max = model.Int(-5), model.Int(5) }),
	}
	for i, f := range fields {
		f.Name, f.Pos = string(rune('a'+i)), i
	}
	return fields
}

// FuzzFieldParse checks that what Parse takes has one canonical form, as text and as JSON, which
// gives the same value back.
func FuzzFieldParse(f *testing.F) {
	fields := oneOfEach()
	for i, text := range []string{
		"abc", "", "-12", "1.5e3", "true", "0198C2F0-7C1E-7D3A-9B52-3F1F6A0C9E11", "2026-05-01T12:30:00.5+02:00",
		"2024-02-29", "aGk=", `{"a": [1, "\u00e4"]}`, "12.50", "0.000000000000000001", "-7", "a@b.c", "https://a.b/c", "b", "5",
	} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		fd := fields[int(which)%len(fields)]
		v, err := fd.Parse(text)
		if err != nil {
			return
		}
		if err := fd.Check(v); err != nil {
			t.Fatalf("%q was taken, but is not canonical: %v", text, err)
		}
		canonical := string(model.AppendText(nil, v))
		if again, err := fd.Parse(canonical); err != nil || again != v {
			t.Fatalf("%q has the canonical form %q, which gives another value (%v)", text, canonical, err)
		}
		raw := model.AppendJSON(nil, v)
		if !jsontext.Value(raw).IsValid() {
			t.Fatalf("%q becomes %q, which is not JSON", text, raw)
		}
		if again, err := fd.DecodeJSON(raw); err != nil || again != v {
			t.Fatalf("%q becomes %s, which gives another value (%v)", text, raw, err)
		}
		if model.Compare(v, v) != 0 {
			t.Fatalf("%q differs from itself", text)
		}
	})
}

// FuzzDecodeJSON checks that no JSON value makes a field panic, or take what is not canonical.
func FuzzDecodeJSON(f *testing.F) {
	fields := oneOfEach()
	for _, raw := range []string{`null`, `1.50`, `-0`, `1e5`, `"a\n"`, `"2026-05-01T12:30:00Z"`, `{"a":[1]}`, `[]`, `true`} {
		f.Add(uint8(0), []byte(raw))
		f.Add(uint8(9), []byte(raw))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		if !jsontext.Value(raw).IsValid() {
			return
		}
		raw = []byte(jsontext.Value(raw).String())
		fd := fields[int(which)%len(fields)]
		v, err := fd.DecodeJSON(trimmed(raw))
		if err != nil {
			return
		}
		if err := fd.Check(v); err != nil {
			t.Fatalf("%s was taken, but is not canonical: %v", raw, err)
		}
		if again, err := fd.DecodeJSON(model.AppendJSON(nil, v)); err != nil || again != v {
			t.Fatalf("%s does not come back: %v", raw, err)
		}
	})
}

// trimmed takes the white space off that no caller of DecodeJSON hands over.
func trimmed(raw []byte) []byte {
	v := jsontext.Value(raw)
	if err := v.Compact(); err != nil {
		return raw
	}
	return v
}

func row(t testing.TB, fields []*model.Field, texts ...string) *model.Row {
	r := &model.Row{Version: 1}
	for i, text := range texts {
		v, err := fields[i].Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Values = append(r.Values, v)
	}
	return r
}

func TestAppendRow(t *testing.T) {
	fields := oneOfEach()
	r := row(t, fields, `say "hi"`, "", "-12", "1.5", "true", customer, "2026-05-01T12:30:00.5Z",
		"2024-02-29", "aGk=", `{"a": 1}`, "12.5", "0.1", "7", "a@b.c", "https://a.b/c", "b", "")
	want := `{"a":"say \"hi\"","b":null,"c":-12,"d":1.5,"e":true,"f":"` + customer + `","g":"2026-05-01T12:30:00.5Z",` +
		`"h":"2024-02-29","i":"aGk=","j":{"a":1},"k":"12.50","l":"0.100000000000000000","m":"7","n":"a@b.c","o":"https://a.b/c","p":"b","q":null}`
	dst := make([]byte, 0, 1024)
	if got := string(model.AppendRow(dst, fields, r)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { model.AppendRow(dst, fields, r) }); n != 0 {
		t.Errorf("AppendRow allocates %v times beside its destination", n)
	}
	if got := string(model.AppendRow(nil, fields[:0], r)); got != "{}" {
		t.Errorf("no fields: %s", got)
	}
}

func BenchmarkAppendRow(b *testing.B) {
	fields := []*model.Field{
		named("customer_id", field(model.KindUUID)), named("order_id", field(model.KindUUID)), named("number", field(model.KindString)),
		named("status", field(model.KindString)), named("total", field(model.KindInt)), named("note", field(model.KindText, nullable)),
		named("placed_at", field(model.KindTime)),
	}
	for i, f := range fields {
		f.Pos = i
	}
	r := row(b, fields, customer, customer, "K3JD93KD02LS", "placed", "129900", "", "2026-05-01T12:30:00.123456Z")
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = model.AppendRow(dst[:0], fields, r)
	}
	b.SetBytes(int64(len(dst)))
}

func TestBuckets(t *testing.T) {
	// Fixed for ever: partitions would be lost to their consumers if a release moved them.
	f := &model.Family{Name: "customer"}
	other := &model.Family{Name: "room"}
	if a, b := f.Bucket(model.String(customer)), f.Bucket(model.Int(42)); a != 163 || b != 68 {
		t.Errorf("buckets moved: %d and %d", a, b)
	}
	seen := map[int]int{}
	differ := false
	for i := range int64(25_600) {
		seen[f.Bucket(model.Int(i))]++
		differ = differ || f.Bucket(model.Int(i)) != other.Bucket(model.Int(i))
	}
	if len(seen) != model.Buckets || !differ {
		t.Errorf("%d buckets of %d are used", len(seen), model.Buckets)
	}
	for b, n := range seen {
		if b < 0 || b >= model.Buckets || n > 200 {
			t.Errorf("bucket %d has %d of 25,600 partitions", b, n)
		}
	}
}
