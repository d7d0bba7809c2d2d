package dashboard_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/logtest"
)

const ada = "8f14e45f-ceea-467f-9f1c-6f1f6a4d1a01"

// shop is a real service with an admin token.
type shop struct {
	*partita.App
	log *logtest.Buffer
}

func serve(t *testing.T, model string, change func(*partita.Config)) shop {
	t.Helper()
	log := &logtest.Buffer{}
	cfg := partita.Config{Model: model, AdminToken: token,
		Env: func(string) (string, bool) { return "", false }, Logger: slog.New(slog.NewTextHandler(log, nil))}
	if change != nil {
		change(&cfg)
	}
	app := apptest.Start(t, cfg)
	return shop{app, log}
}

// ask makes one request of the admin address with its token, and gives status and body.
func (s shop) ask(t *testing.T, method, path, body string, header map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.AdminAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// write makes an edit and gives its result.
func (s shop) write(t *testing.T, name, body string) (result map[string]any) {
	t.Helper()
	status, text := s.ask(t, "POST", "/data/writes/"+name, body, map[string]string{"Partita-Operator": "ann", "Idempotency-Key": fmt.Sprintf("%x", len(s.log.String()))})
	var answer struct{ Result map[string]any }
	if err := json.Unmarshal([]byte(text), &answer); status != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %s", name, status, text)
	}
	return answer.Result
}

// logged opens a tab that is logged in.
func (s shop) logged(t *testing.T) *tab {
	t.Helper()
	b := browse(t, "http://"+s.AdminAddr()+"/login")
	b.do(t, chromedp.SendKeys(chromedp.CSS("#token"), token+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#reads tr.pattern")))
	return b
}

// at goes to an address within the page.
func (b *tab) at(t *testing.T, view string, params map[string]string) {
	t.Helper()
	query := url.Values{}
	for k, v := range params {
		query.Set(k, v)
	}
	ask[bool](t, b, fmt.Sprintf("(location.hash = %q, true)", "#/"+view+"?"+query.Encode()))
}

// says waits until a part of the page holds a text.
func (b *tab) says(t *testing.T, selector, text string) {
	t.Helper()
	b.wait(t, fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q) ?? false", selector, text))
}

// fill writes into the input that stands behind a label.
func (b *tab) fill(t *testing.T, label, value string) {
	t.Helper()
	found := ask[bool](t, b, fmt.Sprintf(`(() => {
		const label = [...document.querySelectorAll('.edit label')].find((l) => l.firstChild.textContent === %q)
		const input = label && document.getElementById(label.htmlFor)
		if (input) input.value = %q
		return !!input
	})()`, label, value))
	if !found {
		t.Fatalf("the form has no %s", label)
	}
}

func (b *tab) press(t *testing.T, selector, name string) {
	t.Helper()
	if !ask[bool](t, b, fmt.Sprintf(`(() => { const x = [...document.querySelectorAll(%q)].find((x) => x.textContent === %q); x?.click(); return !!x })()`, selector, name)) {
		t.Fatalf("there is no %s in %s", name, selector)
	}
}

// A person finds a customer, makes an order, is told what is wrong with it, pays it, and sees its versions.
func TestRowsAreBrowsedAndEdited(t *testing.T) {
	s := serve(t, "../../examples/shop/shop.yaml", nil)
	s.write(t, "put_customer", `{"customer_id":"`+ada+`","name":"Ada","email":"ada@example.com"}`)
	b := s.logged(t)
	b.press(t, ".views a", "Data")
	b.says(t, "#view-data", ada)
	b.press(t, "#view-data .columns a", ada)
	b.says(t, "#view-data .values", "ada@example.com")

	b.at(t, "data", map[string]string{"entity": "order", "partition": ada, "write": "place_order"})
	b.wait(t, `document.querySelector('form.edit') !== null`)
	b.fill(t, "total", "-5")
	b.fill(t, "Your name", "bea")
	b.press(t, ".edit button", "Add to lines")
	b.fill(t, "sku", "tea")
	b.fill(t, "quantity", "0")
	b.fill(t, "price", "700")
	b.press(t, ".edit button", "place_order")
	b.wait(t, `[...document.querySelectorAll('.edit .input')].some((p) => p.innerText.startsWith('total') && p.innerText.includes('must be at least 0'))`)
	b.wait(t, `[...document.querySelectorAll('.edit .item .input')].some((p) => p.innerText.startsWith('quantity') && p.innerText.includes('must be at least 1'))`)
	b.wait(t, `document.activeElement.getAttribute('aria-invalid') === 'true'`)
	b.fill(t, "total", "1400")
	b.fill(t, "quantity", "2")
	b.press(t, ".edit button", "place_order")
	b.says(t, ".edit .done", "version 2")

	b.press(t, ".edit .done a", "Look at it")
	b.says(t, "#view-data .row", "placed")
	b.press(t, ".row .actions a", "pay_order")
	b.says(t, "form.edit", "only if the row is still at version 2")
	b.press(t, ".edit button", "pay_order")
	b.says(t, ".edit p.complaint", "pay_order is refused: it needs customer where row.credit >= order.total")

	s.write(t, "add_credit", `{"customer_id":"`+ada+`","amount":2000}`)
	b.press(t, ".edit button", "pay_order")
	b.says(t, ".edit .done", "version 4")
	b.press(t, ".edit .done a", "Look at it")
	b.wait(t, `document.querySelectorAll('.trail > li').length === 2`)
	b.says(t, ".trail", "placed → paid")
	b.press(t, ".row .actions a", "lines")
	b.says(t, ".rows", "tea")
	for _, width := range []int64{320, 375} {
		b.do(t, chromedp.EmulateViewport(width, 800))
		if got := ask[int64](t, b, "document.documentElement.scrollWidth"); got > width {
			t.Errorf("at %d px the rows are %d px wide", width, got)
		}
	}
	b.at(t, "data", map[string]string{"entity": "order", "partition": ada, "log": "on"})
	b.wait(t, `document.querySelectorAll('.trail > li').length === 4`)
	b.says(t, "#view-data", "changes are kept for 7 d")
	b.at(t, "data", map[string]string{"entity": "order", "partition": ada, "through": "orders"})
	b.wait(t, `document.querySelectorAll('.rows tbody tr').length === 1`)
	order := ask[string](t, b, `document.querySelector('.rows tbody a').textContent`)
	s.write(t, "forget_order", `{"customer_id":"`+ada+`","order_id":"`+order+`"}`)
	b.at(t, "data", map[string]string{"entity": "order", "partition": ada, "log": "on"})
	b.wait(t, `document.querySelectorAll('.trail > li').length === 5`)
	b.press(t, ".trail > li:first-child .change a", "order "+order)
	b.says(t, "#view-data .row", "There is no such row now.")
	b.wait(t, `document.querySelectorAll('.trail > li').length === 3`)
	for _, part := range []string{`msg="an operator wrote" write=pay_order operator=bea`, `msg="an operator's write was refused" write=pay_order operator=bea`, "code=guard_failed"} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log has no %s", part)
		}
	}
}

// Lists, filters and pages are those of the model.
func TestRowsAreFilteredAndPaged(t *testing.T) {
	s := serve(t, "../../examples/shop/shop.yaml", nil)
	s.write(t, "put_customer", `{"customer_id":"`+ada+`","name":"Ada","email":"ada@example.com"}`)
	for range 60 {
		order := s.write(t, "place_order", `{"customer_id":"`+ada+`","total":1,"lines":[]}`)["order"].(map[string]any)
		if len(s.log.String())%2 == 0 {
			s.write(t, "cancel_order", fmt.Sprintf(`{"customer_id":%q,"order_id":%q}`, ada, order["order_id"]))
		}
	}
	type page struct {
		Rows []struct{ Values map[string]any }
		Next string
	}
	get := func(query string) (p page) {
		t.Helper()
		status, text := s.ask(t, "GET", "/data/rows?entity=order&partition="+ada+query, "", nil)
		if err := json.Unmarshal([]byte(text), &p); status != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s", query, status, text)
		}
		return p
	}
	for _, through := range []string{"", "&through=orders", "&through=orders&f.status=placed", "&through=open_orders"} {
		seen := map[any]bool{}
		for p := get(through); ; p = get(through + "&after=" + url.QueryEscape(p.Next)) {
			for _, r := range p.Rows {
				if seen[r.Values["order_id"]] || strings.Contains(through, "placed") && r.Values["status"] != "placed" {
					t.Errorf("%s shows %v", through, r.Values)
				}
				seen[r.Values["order_id"]] = true
			}
			if len(p.Rows) > 50 {
				t.Errorf("a page of %d rows", len(p.Rows))
			}
			if p.Next == "" {
				break
			}
		}
		if through == "" && len(seen) != 60 {
			t.Errorf("%d orders, want 60", len(seen))
		}
	}
	for query, want := range map[string]string{
		"/data/rows?entity=nothing&partition=" + ada:                            "entity",
		"/data/rows?entity=order&partition=7":                                   "is no uuid",
		"/data/rows?entity=line&through=lines&partition=" + ada:                 "must be given",
		"/data/rows?entity=order&through=orders&f.status=lost&partition=" + ada: "placed",
		"/data/rows?entity=order&through=orders&after=%5B1%5D&partition=" + ada: "begin anew",
		"/data/row?entity=order&k.order_id=7&partition=" + ada:                  "k.order_id",
		"/data/changes?entity=order&before=x&partition=" + ada:                  "before",
	} {
		if status, text := s.ask(t, "GET", query, "", nil); status < 400 || status >= 500 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
}

// Rows are for those who have the admin token, and edits for those who say who they are.
func TestRowsNeedTheAdminToken(t *testing.T) {
	open := serve(t, "../../examples/shop/shop.yaml", func(c *partita.Config) { c.AdminToken = "" })
	own, err := os.ReadFile(open.AdminTokenFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/data/rows?entity=order&partition=" + ada, "/data/partitions?family=customer", "/data/changes?entity=order&partition=" + ada} {
		if status, text := open.ask(t, "GET", path, "", nil); status != http.StatusUnauthorized || !strings.Contains(text, "admin.token") {
			t.Errorf("%s without a token: %d %s", path, status, text)
		}
		if status, text := open.ask(t, "GET", path, "", map[string]string{"Authorization": "Bearer " + strings.TrimSpace(string(own))}); status != http.StatusOK {
			t.Errorf("%s with the service's own token: %d %s", path, status, text)
		}
	}
	b := browse(t, "http://"+open.AdminAddr()+"/#/data")
	b.says(t, "#view-data", "made its own")
	b.do(t, chromedp.Click(chromedp.CSS("#view-data a")), chromedp.WaitVisible(chromedp.CSS("#token")),
		chromedp.SendKeys(chromedp.CSS("#token"), strings.TrimSpace(string(own))+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#view-data select")))
	// There a partition is chosen: a login leads back to where it was asked for.
	without := serve(t, "../../examples/shop/shop.yaml", func(c *partita.Config) {
		c.AdminToken, c.Store, c.Auth.Secret = "", "sqlite:"+t.TempDir(), make([]byte, 32)
	})
	if status, text := without.ask(t, "GET", "/data/partitions?family=customer", "", nil); status != http.StatusForbidden || !strings.Contains(text, "PARTITA_ADMIN_TOKEN") {
		t.Errorf("a service that keeps nothing in a data folder: %d %s", status, text)
	}

	s := serve(t, "../../examples/chat/chat.yaml", nil)
	room := `{"room_id":"` + ada + `","title":"tea"}`
	who := map[string]string{"Partita-Operator": "ann", "Idempotency-Key": "k1"}
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		want   int
	}{
		"nobody":                {"/data/writes/open_room", map[string]string{"Idempotency-Key": "k0"}, 422},
		"no key":                {"/data/writes/open_room", map[string]string{"Partita-Operator": "ann"}, 400},
		"from another site":     {"/data/writes/open_room", map[string]string{"Partita-Operator": "ann", "Idempotency-Key": "k2", "Sec-Fetch-Site": "cross-site"}, 403},
		"the service's own":     {"/data/writes/touch_inbox", who, 403},
		"none of the model":     {"/data/writes/nothing", who, 404},
		"with another's token":  {"/data/writes/open_room", map[string]string{"Partita-Operator": "ann", "Idempotency-Key": "k3", "Authorization": "Bearer wrong"}, 401},
		"with the wrong origin": {"/data/writes/open_room", map[string]string{"Partita-Operator": "ann", "Idempotency-Key": "k4", "Origin": "https://evil.example.com"}, 403},
	} {
		if status, text := s.ask(t, "POST", c.path, room, c.header); status != c.want {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if _, text := s.ask(t, "GET", "/data/changes?entity=room&partition="+ada, "", nil); !strings.Contains(text, `"head":0`) {
		t.Errorf("something was written: %s", text)
	}
	for _, replayed := range []string{`"replayed":false`, `"replayed":true`} {
		if status, text := s.ask(t, "POST", "/data/writes/open_room", room, who); status != http.StatusOK || !strings.Contains(text, replayed) {
			t.Errorf("%d %s", status, text)
		}
	}
	// Whoever edits is `auth` all the same, and stands above the rules.
	if _, text := s.ask(t, "GET", "/data/rows?entity=member&partition="+ada, "", nil); !strings.Contains(text, `"user_id":"operator:ann"`) {
		t.Errorf("members: %s", text)
	}
	stale := map[string]string{"Partita-Operator": "ann", "Idempotency-Key": "k9", "Partita-Row-Version": "7"}
	if status, text := s.ask(t, "POST", "/data/writes/mark_read", `{"room_id":"`+ada+`","read_seq":5}`, stale); status != http.StatusPreconditionFailed {
		t.Errorf("an edit of an old version: %d %s", status, text)
	}
}
