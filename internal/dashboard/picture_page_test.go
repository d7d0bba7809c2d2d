package dashboard_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The picture of the model says in words what it shows, and obeys the keyboard.
func TestTheModelIsAPicture(t *testing.T) {
	for model, want := range map[string][]string{
		"../../examples/shop/shop.yaml": {
			"Write pay_order: updates order when status is placed and updates customer when row.credit >= order.total; changes the answers of customer, order, orders and open_orders; is followed by the views order_number and sales; emits order_paid.",
			"Read sales_of_day: gets one sales of one sales; is served by the primary key; its answers are changed by",
			"Entity order_number: in one order_number, by customer_id and order_id: customer_id, order_id and status; is kept by a view of order",
			"Feed my_orders: shows the changes of order.",
		},
		"../../examples/chat/chat.yaml":       {"Event posted: is emitted by post; carries seq, author_id and at; then touch_inbox follows for each of members."},
		"../../examples/ledger/ledger.yaml":   {"Write "},
		"../../examples/tracker/tracker.yaml": {"Entity "},
	} {
		s := serve(t, model, nil)
		b := s.logged(t)
		b.press(t, ".views a", "Model")
		b.wait(t, `document.querySelectorAll('.picture .box').length > 0`)
		labels := ask[string](t, b, `[...document.querySelectorAll('.picture .box')].map((x) => x.getAttribute('aria-label')).join('\n')`)
		for _, text := range want {
			if !strings.Contains(labels, text) {
				t.Errorf("%s: the picture does not say %q but\n%s", model, text, labels)
			}
		}
		if strings.Contains(labels, "undefined") || ask[bool](t, b, `[...document.querySelectorAll('.picture path')].some((p) => p.getAttribute('d').includes('NaN'))`) {
			t.Errorf("%s: something is missing in the picture:\n%s", model, labels)
		}
		// Boxes lie apart from each other.
		if over := ask[string](t, b, `(() => {
			const all = [...document.querySelectorAll('.picture .box')].map((x) => [x.getAttribute('aria-label').split(':')[0], x.querySelector('rect').getBoundingClientRect()])
			return all.flatMap(([a, p], i) => all.slice(i + 1).filter(([, q]) => p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom).map(([c]) => a + ' on ' + c)).join('; ')
		})()`); over != "" {
			t.Errorf("%s: %s", model, over)
		}
		if !strings.Contains(model, "shop") {
			continue
		}
		b.do(t, chromedp.Focus(chromedp.CSS(`.box[aria-label^="Write pay_order:"]`)), chromedp.KeyEvent(kb.Enter))
		b.says(t, ".told", "emits order_paid")
		b.wait(t, `document.querySelector('.box[aria-label^="Read orders:"]').dataset.role === 'stale'`)
		b.wait(t, `!document.querySelector('.box[aria-label^="Read lines:"]').dataset.role`)
		b.do(t, chromedp.KeyEvent(kb.ArrowRight))
		b.wait(t, `document.activeElement.getAttribute('aria-label').startsWith('Entity ')`)
		b.says(t, "#view-model", "partita advise tells the same")
		b.says(t, "#about", "Partition: one customer")
		b.do(t, chromedp.EmulateViewport(375, 800))
		if got := ask[int64](t, b, "document.documentElement.scrollWidth"); got > 375 {
			t.Errorf("at 375 px the page is %d px wide", got)
		}
		b.quiet(t)
	}
}
