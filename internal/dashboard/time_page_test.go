package dashboard_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
)

// The view over time shows rate, percentiles and errors of the whole or of one pattern, and says how
// far it goes back and what that takes.
func TestTheViewOverTime(t *testing.T) {
	d := open(t, nil)
	b := browse(t, d.URL+"/#/time")
	b.wait(t, `document.querySelectorAll('#view-time .plot').length === 3`)
	b.says(t, "#view-time .plotted", "Requests")
	d.traffic(200)
	d.recorder.Write(d.model.Write("pay_order"), engine.WriteSample{Code: fault.GuardFailed, Total: 3 * time.Millisecond})
	b.wait(t, `[...document.querySelectorAll('#view-time .multiples a')].some((a) => a.innerText.includes('pay_order') && a.innerText.includes('1 asked, 100'))`)
	b.says(t, "#view-time", "berlin-1 alone")
	b.press(t, ".multiples .name", "pay_order")
	b.wait(t, `document.querySelector('#view-time h2').innerText === 'pay_order' && location.hash.includes('pattern=write+pay_order')`)
	b.wait(t, `[...document.querySelectorAll('.plotted .legend')].some((l) => l.innerText.includes('guard failed'))`)
	b.do(t, chromedp.Focus(chromedp.CSS(".plotted:nth-of-type(3) .plot")), chromedp.KeyEvent(kb.ArrowLeft))
	b.wait(t, `[...document.querySelectorAll('.plotted .at')].some((p) => /\d\d:\d\d:\d\d: p99 /.test(p.innerText))`)
	b.wait(t, `[...document.querySelectorAll('.plot')].some((p) => /^Latency: highest [23]\.\d+ ms/.test(p.getAttribute('aria-label')))`)
	// The axis of five minutes names each whole one.
	b.wait(t, `(() => {
		const minutes = [...document.querySelectorAll('.plot')].map((p) => [...p.querySelectorAll('text')].map((x) => x.textContent).filter((x) => /^\d\d:\d\d$/.test(x)))
		return minutes.length === 3 && minutes.every((m) => m.length >= 4 && m.length <= 6 && m.every((x, i) => i === 0 || (Number(x.slice(3)) - Number(m[i - 1].slice(3)) + 60) % 60 === 1))
	})()`)
	ask[bool](t, b, `(document.querySelector('#ranges input[value="24h"]').click(), true)`)
	b.wait(t, `location.hash.includes('range=24h')`)
	for _, width := range []int64{320, 375, 900} {
		b.do(t, chromedp.EmulateViewport(width, 800))
		if got := ask[int64](t, b, "document.documentElement.scrollWidth"); got > width {
			t.Errorf("at %d px the page is %d px wide", width, got)
		}
	}
	b.quiet(t)
}

func TestThePastIsAnsweredByRange(t *testing.T) {
	d := open(t, nil)
	for query, want := range map[string]int{"": 200, "?range=5m": 200, "?range=24h": 200, "?range=2h": 400} {
		res, body := d.ask(t, "GET", "/past"+query, nil, "")
		if res.StatusCode != want || want == http.StatusBadRequest && !strings.Contains(body, "5m, 1h, 6h or 24h") {
			t.Errorf("%s: %d %s", query, res.StatusCode, body)
			continue
		}
		var p observe.Past
		if err := json.Unmarshal([]byte(body), &p); want == http.StatusOK && (err != nil || p.Node != "berlin-1" || p.Bound == 0 || p.Patterns == nil) {
			t.Errorf("%s: %v %s", query, err, body)
		}
	}
}
