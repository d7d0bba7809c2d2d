package accessplan_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accessplan"
	"github.com/partita-dev/partita/model"
)

var update = flag.Bool("update", false, "write what is seen as what is wanted")

func parse(t *testing.T, name string) *model.Model {
	t.Helper()
	src, err := os.ReadFile("../../examples/" + name + "/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		return "https://hooks.example.com/t0ken?k=secret", name == "ORDER_PAID_HOOK"
	}
	m, err := model.Parse(name+".yaml", src, env)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: seen:\n%s\nwanted:\n%s", name, got, want)
	}
}

// What people see of the two examples.
func TestText(t *testing.T) {
	explained := map[string][]string{
		"shop": {"customer", "lines", "orders", "open_orders", "order_by_number", "place_order", "pay_order", "forget_order"},
		"chat": {"room", "messages", "post", "mark_read", "touch_inbox"},
	}
	for name, patterns := range explained {
		t.Run(name, func(t *testing.T) {
			m := parse(t, name)
			golden(t, name+"_table", accessplan.Table(m).Text())
			golden(t, name+"_access", accessplan.Access(m).Text())
			var all strings.Builder
			for _, p := range patterns {
				x, err := accessplan.Explain(m, p)
				if err != nil {
					t.Fatal(err)
				}
				all.WriteString(x.Text() + "\n")
			}
			golden(t, name+"_explain", all.String())
		})
	}
}

// Every pattern can be explained, within the width of a screen; JSON holds the same.
func TestEveryPatternFits(t *testing.T) {
	for _, name := range []string{"shop", "chat"} {
		m := parse(t, name)
		texts := []string{accessplan.Table(m).Text(), accessplan.Access(m).Text()}
		plan := accessplan.Table(m)
		for _, r := range plan.Reads {
			texts = append(texts, explain(t, m, r.Name).Text())
		}
		for _, w := range plan.Writes {
			texts = append(texts, explain(t, m, w.Name).Text())
		}
		for _, text := range texts {
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
					t.Errorf("%s: %d columns: %s", name, n, line)
				}
			}
		}
	}
}

func explain(t *testing.T, m *model.Model, name string) *accessplan.Explanation {
	t.Helper()
	x, err := accessplan.Explain(m, name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestJSON(t *testing.T) {
	m := parse(t, "shop")
	indent := func(v any) string {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	golden(t, "shop_table_json", indent(accessplan.Table(m)))
	golden(t, "shop_access_json", indent(accessplan.Access(m)))
	golden(t, "shop_orders_json", indent(explain(t, m, "orders")))
}

// An address of a webhook may hold a secret.
func TestSecretsStayHidden(t *testing.T) {
	b, err := json.Marshal(accessplan.Table(parse(t, "shop")))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b); !strings.Contains(text, "hooks.example.com") || strings.Contains(text, "t0ken") || strings.Contains(text, "secret") {
		t.Errorf("the plan tells too much or too little: %s", text)
	}
}

func TestUnknownName(t *testing.T) {
	_, err := accessplan.Explain(parse(t, "shop"), "ordrs")
	if fault.CodeOf(err) != fault.UnknownPattern {
		t.Fatalf("the error is %v", err)
	}
	if text := err.Error(); !strings.Contains(text, "orders") {
		t.Errorf("the error does not say which there are: %s", text)
	}
}

// What changes an answer, in cases that are easily got wrong.
func TestChangedBy(t *testing.T) {
	shop := accessplan.Table(parse(t, "shop"))
	for _, c := range []struct{ read, want string }{
		{"customer", "put_customer add_credit pay_order"},
		{"lines", "place_order forget_order"},
		{"open_orders", "place_order pay_order ship_order cancel_order forget_order"},
		{"order_by_number", "place_order pay_order ship_order cancel_order forget_order"},
		{"sales_of_day", "place_order pay_order ship_order cancel_order forget_order"},
	} {
		for _, r := range shop.Reads {
			if got := strings.Join(r.Changed.Writes, " "); r.Name == c.read && got != c.want {
				t.Errorf("%s is changed by %s, wanted %s", c.read, got, c.want)
			}
		}
	}
}
