package dashboard_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/health"
)

// long is within what a browser does anything, on a machine that is busy with something else.
const long = 2 * time.Minute

// tab is the page in a browser, and what the browser had to complain about it.
type tab struct {
	ctx        context.Context
	mu         sync.Mutex
	complaints []string
}

// browse opens a tab on an address of the desk. Without a browser the test fails: the page is
// part of what is promised.
func browse(t *testing.T, address string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("these tests need Debian's package chromium: ", err)
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(long))
	t.Cleanup(stop)
	timed, cancel := context.WithTimeout(allocator, 3*long)
	t.Cleanup(cancel)
	ctx, closeTab := chromedp.NewContext(timed)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log("closing the browser: ", err)
		}
		closeTab()
	})
	b := &tab{ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.complaints = append(b.complaints, m.String())
			b.mu.Unlock()
		}
	}()
	b.do(t, chromedp.Navigate(address))
	return b
}

func (b *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// wait waits until a JavaScript condition holds.
func (b *tab) wait(t *testing.T, condition string) {
	t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(long))); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 2000)"))
		t.Fatalf("%s never held: %v; the page says\n%s", condition, err, text)
	}
}

func ask[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// quiet fails the test if the browser logged anything, such as a violation of the policy.
func (b *tab) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Error("the browser says: ", c)
	}
}

const ready = `document.querySelectorAll('#reads tr.pattern').length > 0`

func TestThePageShowsWhatIsMeasured(t *testing.T) {
	d := open(t, nil)
	b := browse(t, d.URL)
	b.wait(t, ready)
	for _, text := range []string{"shop", "serving, all well", "version 1.2.3", "Orders placed", "place_order", "partita token --sub"} {
		if !strings.Contains(ask[string](t, b, "document.body.innerText"), text) {
			t.Errorf("the page does not show %q", text)
		}
	}
	b.wait(t, `!document.querySelector('#first').hidden`)
	d.traffic(200)
	const figure = `document.querySelector('#business .figure').innerText`
	b.wait(t, figure+` === '200'`)
	b.wait(t, `document.querySelector('#first').hidden`)
	b.wait(t, `[...document.querySelectorAll('#reads tr.pattern')].some((r) => r.innerText.includes('orders') && r.innerText.includes('forbidden 10'))`)
	b.wait(t, `document.querySelector('#load .shares li')?.innerText.includes('place_order')`)
	d.traffic(50)
	b.wait(t, figure+` === '250'`)
	d.recorder.Read(d.model.Read("orders"), engine.ReadSample{Code: fault.Overloaded, Total: time.Microsecond})
	b.wait(t, `document.querySelector('#totals .shed:not([hidden])') !== null`)
	b.wait(t, `document.querySelector('#reads tr.pattern:not(.idle) .stack').getAttribute('aria-label').startsWith('hit 9')`)
	b.quiet(t)
}

func TestThePageSaysWhatIsNotWell(t *testing.T) {
	d := open(t, nil)
	b := browse(t, d.URL)
	b.wait(t, ready)
	d.recorder.Health().Set("bus", "degraded", "events wait")
	b.wait(t, `document.querySelector('#state').innerText.startsWith('degraded: bus – events wait, since ')`)
	means := (&health.Setup{Model: d.model}).NoWrites()
	d.recorder.Health().Set("store", "down", "it does not answer", means...)
	b.wait(t, `document.querySelector('#troubles .trouble.down')?.innerText.includes('store is down')`)
	b.wait(t, `document.querySelector('#troubles .trouble.down')?.innerText.includes('refused at once')`)
	d.recorder.Health().Set("store", "ok", "it answers again")
	b.wait(t, `document.querySelector('#past summary').innerText === 'One trouble before, which is over'`)
	b.do(t, chromedp.Focus(chromedp.CSS("#past summary")), chromedp.KeyEvent(kb.Enter))
	b.wait(t, `document.querySelector('#past tbody tr')?.innerText.includes('it answers again')`)
	d.Server.CloseClientConnections()
	d.Server.Listener.Close()
	b.wait(t, `document.querySelector('#state').innerText.includes('no answer from the service since')`)
	if !ask[bool](t, b, `document.querySelector('#figures').classList.contains('old')`) {
		t.Error("old figures look as if they were new")
	}
}

// A shard of accepted writes that is stuck stands at the top, named, and what is apart of it among the figures.
func TestThePageNamesAShardThatIsStuck(t *testing.T) {
	d := open(t, nil)
	stuck := []accept.Stuck{{Shard: 3, Write: "place_order", Family: "customer", Partition: "42", Cause: "Not now.", Apart: 3 << 20, Full: true}}
	var over atomic.Bool
	d.recorder.Accepts(func(context.Context) accept.Stats {
		s := accept.Stats{Known: true, Bytes: 5 << 20, Bound: 64 << 20, Age: time.Minute, Shards: 16, Stuck: stuck}
		if over.Load() {
			s.Stuck = nil
		}
		return s
	})
	b := browse(t, d.URL)
	b.wait(t, ready)
	d.recorder.Health().Set(health.Accepts, health.Degraded, stuck[0].String(), (&health.Setup{Model: d.model}).Stuck(true)...)
	b.wait(t, `document.querySelector('#troubles .trouble.degraded')?.innerText.includes('Shard 3 of 16 is stuck at the write place_order in customer 42')`)
	b.wait(t, `document.querySelector('#troubles .trouble.degraded')?.innerText.includes('not accepted for later until there is room')`)
	b.wait(t, `document.querySelector('#machine').innerText.includes('3: place_order') && document.querySelector('#machine').innerText.includes('3.00 MiB')`)
	if text := ask[string](t, b, `document.querySelector('#state').innerText`); !strings.HasPrefix(text, "degraded: accepted writes – ") {
		t.Errorf("the state is %q", text)
	}
	b.do(t, chromedp.EmulateViewport(320, 800))
	if got := ask[int64](t, b, "document.documentElement.scrollWidth"); got > 320 {
		t.Errorf("at 320 px the page is %d px wide", got)
	}
	over.Store(true)
	d.recorder.Health().Set(health.Accepts, health.OK, "what held them up is done, and what waited for it too")
	b.wait(t, `document.querySelector('#troubles').hidden && document.querySelector('#machine').innerText.includes('none')`)
	b.quiet(t)
}

func TestThePageObeysTheKeyboard(t *testing.T) {
	d := open(t, nil)
	d.traffic(20)
	b := browse(t, d.URL)
	b.wait(t, `document.querySelectorAll('#reads tr.pattern:not(.idle)').length === 1`)
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			b.do(t, chromedp.KeyEvent(k))
		}
	}
	const focused = `(document.activeElement.innerText || document.activeElement.value || '')`
	press(kb.Tab)
	if got := ask[string](t, b, focused); got != "Skip to the figures" {
		t.Errorf("first stop: %q", got)
	}
	press(kb.Tab)
	if got := ask[string](t, b, focused); got != "1m" {
		t.Errorf("second stop: %q, want the choice of the window", got)
	}
	press(kb.ArrowRight)
	if got := ask[string](t, b, `document.querySelector('input:checked').value`); got != "5m" {
		t.Errorf("window after an arrow: %q", got)
	}
	// On to the header of the rates of reads: each stop must show that it has the focus.
	for range 20 {
		press(kb.Tab)
		if !ask[bool](t, b, `document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'`) {
			t.Errorf("the focus on %q does not show", ask[string](t, b, focused))
		}
		if ask[string](t, b, focused) == "Rate" {
			break
		}
	}
	press(kb.Enter)
	if got := ask[string](t, b, `document.activeElement.closest('th').getAttribute('aria-sort')`); got != "descending" {
		t.Errorf("sorted %q", got)
	}
	b.wait(t, `document.querySelector('#reads tr.pattern').innerText.startsWith('orders')`)
	b.do(t, chromedp.Focus(chromedp.CSS("#reads tr.pattern button")))
	press(" ")
	b.wait(t, `document.querySelector('#reads tr.detail:not([hidden])')?.innerText.includes('Who may ask')`)
	b.quiet(t)
}

func TestDarkAndLight(t *testing.T) {
	b := browse(t, open(t, nil).URL)
	b.wait(t, ready)
	dark := func() bool {
		t.Helper()
		return ask[bool](t, b, `getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] < 80`)
	}
	prefer := func(scheme string) {
		t.Helper()
		params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
	}
	prefer("light")
	if dark() {
		t.Error("dark although the system is light")
	}
	prefer("dark")
	if !dark() {
		t.Error("light although the system is dark")
	}
	b.do(t, chromedp.Click(chromedp.CSS("#theme")))
	if dark() {
		t.Error("the switch does nothing")
	}
	b.do(t, chromedp.Reload())
	b.wait(t, ready)
	if dark() {
		t.Error("the choice is forgotten")
	}
	b.quiet(t)
}

func TestSmallScreensDoNotScrollSideways(t *testing.T) {
	d := open(t, nil)
	for range 100 {
		d.traffic(2000) // large figures are wide ones
	}
	b := browse(t, d.URL)
	for _, width := range []int64{320, 360, 700, 900, 1280} {
		b.do(t, chromedp.EmulateViewport(width, 800))
		b.wait(t, ready)
		b.wait(t, `document.querySelector('#business .figure').innerText === '200,000'`)
		if got := ask[int64](t, b, "document.documentElement.scrollWidth"); got > width {
			t.Errorf("at %d px the page is %d px wide", width, got)
		}
	}
	b.quiet(t)
}

func TestLoginInTheBrowser(t *testing.T) {
	b := browse(t, open(t, func(c *dashboard.Config) { c.Token = token }).URL)
	b.do(t, chromedp.SendKeys(chromedp.CSS("#token"), "wrong"+kb.Enter))
	b.do(t, chromedp.WaitVisible(chromedp.CSS("#wrong:not(:empty)")))
	b.do(t, chromedp.SendKeys(chromedp.CSS("#token"), token+kb.Enter))
	b.do(t, chromedp.WaitVisible(chromedp.CSS("#reads tr.pattern")))
	b.quiet(t)
}

// The page has nothing inline, and asks nobody else for anything.
func TestThePageIsWhole(t *testing.T) {
	bad := map[string]*regexp.Regexp{
		"asks elsewhere":       regexp.MustCompile(`(?i)(src|href|url\(|import|from)[=\s('"]+(https?:)?//`),
		"has a script inline":  regexp.MustCompile(`(?i)<script>|\son[a-z]+="`),
		"has a style inline":   regexp.MustCompile(`(?i)<style|\sstyle=`),
		"makes markup of text": regexp.MustCompile(`innerHTML|insertAdjacentHTML|document\.write|\beval\(`),
	}
	err := filepath.WalkDir("page", func(path string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for what, pattern := range bad {
			if m := pattern.Find(text); m != nil {
				t.Errorf("%s %s: %s", path, what, m)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
