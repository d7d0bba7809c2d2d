package dashboard_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
)

// openFleet is a service of four nodes, seen from the first: one that is well, one with a later model and
// a bus that is away, one that is gone. The second has much slower reads than the first.
func openFleet(t *testing.T) desk {
	t.Helper()
	var peers []*observe.Recorder
	d := open(t, func(c *dashboard.Config) {
		for _, name := range []string{"berlin-2", "berlin-3", "lost-4"} {
			r := observe.New(observe.Config{Model: c.Model, Version: "v1.2.3", Node: name, Address: "http://10.0.0.7:8080", Shards: func() int { return 5 }})
			t.Cleanup(func() { r.Close() })
			peers = append(peers, r)
		}
		peers[1].Health().Set("bus", observe.Degraded, "it cannot be reached: no server accepts connections")
		c.Peers = func(_ context.Context, w observe.Window) (list []observe.Peer) {
			for i, r := range peers {
				p := observe.Peer{Node: r.Self(), Figures: &observe.Figures{}}
				for _, part := range r.Export(w, 1<<20) {
					read, ok := observe.ReadPart(part)
					if !ok {
						t.Error("a part cannot be read")
					}
					p.Figures.Add(read)
				}
				switch i {
				case 1:
					p.Revision, p.Version, p.Figures = "ffff0000aaaa", "v1.3.0", nil
				case 2:
					since := time.Now().Add(-time.Minute)
					p.Gone, p.Since = true, &since
				}
				list = append(list, p)
			}
			return list
		}
	})
	for range 300 {
		peers[0].Read(d.model.Read("orders"), engine.ReadSample{Outcome: cache.Miss, Total: 80 * time.Millisecond, Store: 70 * time.Millisecond})
	}
	return d
}

func TestThePageShowsAllNodes(t *testing.T) {
	d := openFleet(t)
	d.traffic(100)
	b := browse(t, d.URL)
	b.do(t, chromedp.EmulateViewport(1280, 900))
	b.wait(t, `document.querySelectorAll('#nodes tbody tr').length === 4`)
	// 300 slow reads and 100 quick ones and as many writes: the median of the whole is that of no node.
	b.wait(t, `[...document.querySelectorAll('#reads tr.pattern')].some((r) => r.innerText.includes('orders') && /7\d\.\d ms|8\d\.\d ms/.test(r.innerText))`)
	text := ask[string](t, b, "document.querySelector('#nodes').innerText")
	for _, want := range []string{"this node", "berlin-2", "well", "2 of 3 nodes", "degraded: bus", "sends no figures", "not heard of since", "ffff0000", "version 1.3.0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table of nodes does not say %q:\n%s", want, text)
		}
	}
	if folder := os.Getenv("PARTITA_SCREENSHOTS"); folder != "" {
		for name, width := range map[string]int64{"wide": 1280, "narrow": 390} {
			b.do(t, chromedp.EmulateViewport(width, 900))
			b.wait(t, ready)
			shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(folder+"/nodes-"+name+".png", shot, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, width := range []int64{320, 700, 900, 1280} {
		b.do(t, chromedp.EmulateViewport(width, 800))
		b.wait(t, `document.querySelectorAll('#nodes tbody tr').length === 4`)
		if got := ask[int64](t, b, "document.documentElement.scrollWidth"); got > width {
			t.Errorf("at %d px the page is %d px wide", width, got)
		}
	}
	b.quiet(t)
}

func TestStatusShowsAllNodes(t *testing.T) {
	d := openFleet(t)
	_, text := d.ask(t, "GET", "/status", map[string]string{"Accept": "text/plain"}, "")
	for _, want := range []string{"3 nodes, figures of 2 of them together", "berlin-2", "not heard of since", "degraded: bus", "ffff0000aaaa"} {
		if !strings.Contains(text, want) {
			t.Errorf("status does not say %q:\n%s", want, text)
		}
	}
}
