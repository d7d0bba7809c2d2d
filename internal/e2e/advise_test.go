package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/advise"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/model"
)

// advised is a shop that could be better: what is wrong with each line stands beside it.
const advised = `service: shop
partitions: {customer: {by: customer_id, type: string(20), expect: 100}}
access:
  rules: {known: "auth.sub != ''"}
  allow: [known]
entities:
  customer: {in: customer, fields: {name: string(50)}}
  quote:    {in: customer, fields: {price: int}}
  order:    {in: customer, key: order_id, expect: 10, fields: {order_id: string(20), status: string(9), kind: string(9), total: int}}
reads:
  customer: {get: customer}                                     # asked for all the time, and never changed
  order:    {get: order, fresh: 10ms}                           # likewise, and forgotten at once
  quote:    {get: quote, fresh: 1h}                             # changed again and again
  orders:   {list: order, filter: [status, kind], sort: -total} # nobody gives a kind
  seldom:   {list: order, sort: total}
writes:
  put_customer: {upsert: customer, input: [name]}
  put_quote:    {upsert: quote, input: [price]}
  put_order:    {upsert: order, input: [status, kind, total]}
  pay_order:    {update: order, when: {status: placed}, set: {status: paid}}   # a loop pays again and again
`

// TestAdvice puts the load that each piece of advice is for on a shop, and does as it is told.
func TestAdvice(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		app := apptest.Start(t, partita.Config{
			Model: "shop.yaml", ModelSource: []byte(advised), Listen: partita.None,
			Auth: partita.Auth{Secret: []byte(chatSecret)},
		})
		testAdvice(t, 1, []*fleetNode{{App: app, handler: app.Handler()}}, map[advise.Kind]string{
			advise.Cached: "customer", advise.Short: "order", advise.Long: "quote", advise.Hot: "customer c0", advise.Contends: "pay_order", advise.Unused: "",
		})
	})
	t.Run("two nodes", func(t *testing.T) {
		f := startFleet(t, 2, advised, 1, func(_ int, c *partita.Config) {
			c.Model, c.Admin, c.Auth.Secret = "shop.yaml", "127.0.0.1:0", []byte(chatSecret)
		})
		// PostgreSQL uses what index it likes in tables as small as these.
		testAdvice(t, 2, f.nodes, map[advise.Kind]string{
			advise.Cached: "customer", advise.Short: "order", advise.Long: "quote", advise.Hot: "customer c0", advise.Contends: "pay_order",
		})
	})
}

func testAdvice(t *testing.T, merged int, nodes []*fleetNode, wanted map[advise.Kind]string) {
	const customers, rounds = 40, 200
	people, bot := bearer(t, "someone", time.Hour), bearer(t, "bot", time.Hour)
	n := 0
	ask := func(token, method, path, body string) {
		n++
		if r := nodes[n%len(nodes)].ask(t.Context(), method, path, body, "Authorization", token); r.status >= 300 && r.status != http.StatusConflict {
			t.Fatalf("%s %s: %d %s", method, path, r.status, r.body.String())
		}
	}
	for c := range customers {
		ask(people, "POST", "/v1/put_customer", fmt.Sprintf(`{"customer_id":"c%d","name":"n"}`, c))
		ask(people, "POST", "/v1/put_quote", fmt.Sprintf(`{"customer_id":"c%d","price":1}`, c))
		ask(people, "POST", "/v1/put_order", fmt.Sprintf(`{"customer_id":"c%d","order_id":"o","status":"placed","kind":"k","total":1}`, c))
	}
	var report *advise.Report
	for round := range rounds {
		for c := range customers {
			ask(people, "GET", fmt.Sprintf("/v1/customer/c%d", c), "")
			ask(people, "GET", fmt.Sprintf("/v1/order/c%d/o", c), "")
			ask(people, "GET", fmt.Sprintf("/v1/orders/c%d", c), "")
			ask(people, "GET", fmt.Sprintf("/v1/orders/c%d?status=placed", c), "")
		}
		for c := range 10 {
			for range 4 * len(nodes) {
				ask(people, "GET", fmt.Sprintf("/v1/quote/c%d", c), "")
			}
			ask(people, "POST", "/v1/put_quote", fmt.Sprintf(`{"customer_id":"c%d","price":%d}`, c, round))
		}
		for range 100 {
			ask(bot, "POST", "/v1/pay_order", `{"customer_id":"c0","order_id":"o"}`)
		}
		if report = advice(t, nodes[0]); report.Nodes == merged && all(report, wanted) {
			break
		}
	}
	text := report.Text()
	if report.Nodes != merged || !all(report, wanted) {
		t.Fatalf("after %d requests the advice is\n%s", n, text)
	}
	t.Log("\n" + text)
	if hot := find(report, advise.Hot, "customer c0"); !strings.Contains(hot.Says+strings.Join(hot.Evidence, " "), "bot") {
		t.Errorf("the caller is not named: %+v", hot)
	}
	if !slices.ContainsFunc(report.Unseen, func(u advise.Unseen) bool { return u.Of == "seldom" && u.Seen == 0 }) {
		t.Errorf("nothing is said of a read that nobody asked for: %+v", report.Unseen)
	}
	for _, a := range report.Advice {
		if a.Change == nil {
			t.Errorf("%s has no line", a.Says)
			continue
		}
		if _, err := model.Parse("shop.yaml", []byte(obey(t, advised, a.Change)), nil); err != nil {
			t.Errorf("who does as %q says has no good model: %v", a.Says, err)
		}
	}
}

func advice(t *testing.T, n *fleetNode) *advise.Report {
	t.Helper()
	res, err := http.Get("http://" + n.AdminAddr() + "/advice")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var r advise.Report
	if err := json.NewDecoder(res.Body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func find(r *advise.Report, kind advise.Kind, of string) *advise.Advice {
	for i := range r.Advice {
		if a := &r.Advice[i]; a.Kind == kind && (of == "" || a.Of == of) {
			return a
		}
	}
	return nil
}

func all(r *advise.Report, wanted map[advise.Kind]string) bool {
	for kind, of := range wanted {
		if find(r, kind, of) == nil {
			return false
		}
	}
	return true
}

// obey changes a model as advice says.
func obey(t *testing.T, source string, c *advise.Change) string {
	t.Helper()
	lines := strings.Split(source, "\n")
	old := lines[c.Line-1]
	if c.Old == "" {
		lines[c.Line-1] = c.New + "\n" + old
		return strings.Join(lines, "\n")
	}
	if strings.TrimSpace(old) != c.Old {
		t.Fatalf("line %d is %q, not %q", c.Line, old, c.Old)
	}
	lines[c.Line-1] = strings.Replace(old, c.Old, c.New, 1)
	return strings.Join(lines, "\n")
}
