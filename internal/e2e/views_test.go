package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

const stall = `
service: stall
partitions:
  buyer: {by: buyer_id, type: string(20), expect: 1k}
entities:
  sale:
    in: buyer
    key: id
    expect: 100
    fields: {id: int, ticket: string(20), state: {enum: [open, paid, void], default: open}, total: {type: int, min: 0}, at: {type: time, default: now}}
reads:
  sale: {get: sale}
writes:
  sell:  {insert: sale, input: [ticket, total, at]}
  pay:   {update: sale, when: {state: open}, set: {state: paid}}
  undo:  {update: sale, set: {state: void}}
  drop:  {delete: sale}
  rename: {update: sale, input: [ticket]}
`

// stallViews are added to a stall that has been selling for a while.
const stallViews = `
  tickets: {list: by_ticket, fresh: 30s}
  day:     {get: days, fresh: 30s, stale: 1h}
views:
  by_ticket: {from: sale, by: ticket, fields: [state]}
  days:      {from: sale, by: {day: = date(row.at)}, where: {state: [paid]}, fold: {sales: count, taken: {sum: total}, mean: {avg: total}}}
`

// Views are added to a service that has rows already. They are built while it goes on selling, follow
// every change from there, and are in the end what their source says.
func TestViewsOfARunningService(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			url, dir := "", t.TempDir()
			if kind == "postgres" {
				url = database.Database(t)
			}
			b := &booth{t: t, rand: rand.New(rand.NewPCG(1, 2)), sales: map[string]*sale{}}
			b.start(stall, url, dir)
			for range 200 {
				b.act()
			}
			b.stop()
			b.start(strings.Replace(stall, "\nwrites:", stallReads()+"\nwrites:", 1)+stallOnly(), url, dir)
			for range 200 {
				b.act()
			}
			b.wait(b.right)
			for _, s := range b.sales { // nothing stays
				b.must("drop", s, "")
			}
			clear(b.sales)
			b.wait(b.right)
			for range 50 {
				b.act()
			}
			b.wait(b.right)
			b.stop()
			inspect(t, strings.Replace(stall, "\nwrites:", stallReads()+"\nwrites:", 1)+stallOnly(), url, dir)
		})
	}
}

func stallReads() string { return stallViews[:strings.Index(stallViews, "views:")] }
func stallOnly() string  { return stallViews[strings.Index(stallViews, "views:"):] }

// booth is a stall, and what it has sold.
type booth struct {
	t     *testing.T
	rand  *rand.Rand
	app   *partita.App
	base  string
	last  int
	sales map[string]*sale
}

type sale struct {
	buyer, ticket, state, day string
	id, total                 int
}

func (b *booth) start(source, url, dir string) {
	b.t.Helper()
	app, err := partita.Open(partita.Config{Model: "stall.yaml", ModelSource: []byte(source), DataDir: dir, Store: url, Listen: "127.0.0.1:0", Admin: partita.None})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := app.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.app, b.base = app, "http://"+app.Addr()
	stop := sync.OnceFunc(func() {
		if err := app.Stop(context.Background()); err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(stop)
}

func (b *booth) stop() {
	if err := b.app.Stop(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// act sells something, or changes what was sold.
func (b *booth) act() {
	b.t.Helper()
	if len(b.sales) == 0 || b.rand.IntN(2) == 0 {
		b.last++
		day := time.Date(2026, 3, 1+b.rand.IntN(3), 12, 0, b.last%60, 0, time.UTC)
		s := &sale{buyer: fmt.Sprint("buyer", b.rand.IntN(9)), id: b.last, ticket: fmt.Sprint("t", b.rand.IntN(12)), state: "open",
			total: b.rand.IntN(1000), day: day.Format(time.DateOnly)}
		b.must("sell", s, fmt.Sprintf(`,"ticket":%q,"total":%d,"at":%q`, s.ticket, s.total, day.Format(time.RFC3339)))
		b.sales[fmt.Sprint(s.id)] = s
		return
	}
	var s *sale
	for _, s = range b.sales {
		break
	}
	switch b.rand.IntN(4) {
	case 0:
		s.ticket = fmt.Sprint("t", b.rand.IntN(12))
		b.must("rename", s, fmt.Sprintf(`,"ticket":%q`, s.ticket))
	case 1:
		if s.state == "open" {
			s.state = "paid"
			b.must("pay", s, "")
		}
	case 2:
		s.state = "void"
		b.must("undo", s, "")
	default:
		b.must("drop", s, "")
		delete(b.sales, fmt.Sprint(s.id))
	}
}

func (b *booth) must(write string, s *sale, more string) {
	b.t.Helper()
	body := fmt.Sprintf(`{"buyer_id":%q,"id":%d%s}`, s.buyer, s.id, more)
	res, err := http.Post(b.base+"/v1/"+write, "application/json", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		b.t.Fatalf("%s %s: %s %s", write, body, res.Status, text)
	}
}

// get reads a view; ok is false while it cannot be read.
func (b *booth) get(path string, into any) (found, ok bool) {
	b.t.Helper()
	res, err := http.Get(b.base + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusServiceUnavailable:
		if res.Header.Get("Retry-After") == "" {
			b.t.Error("a view that cannot be read yet does not say when to come again")
		}
		return false, false
	case http.StatusNotFound:
		return false, true
	case http.StatusOK:
	default:
		b.t.Fatalf("%s: %s", path, res.Status)
	}
	if res.Header.Get("Age") == "" || !strings.Contains(res.Header.Get("Partita-Version"), "/") {
		b.t.Errorf("%s: an answer without age or version: %v", path, res.Header)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		b.t.Fatal(err)
	}
	return true, true
}

// right tells whether the views say what was sold.
func (b *booth) right() bool {
	for n := range 12 {
		ticket := fmt.Sprint("t", n)
		var page struct {
			Items []struct {
				Buyer string `json:"buyer_id"`
				ID    int
				State string
			}
		}
		if _, ok := b.get("/v1/tickets/"+ticket, &page); !ok {
			return false
		}
		want := 0
		for _, s := range b.sales {
			if s.ticket == ticket {
				want++
			}
		}
		if len(page.Items) != want {
			return false
		}
		for _, i := range page.Items {
			if s := b.sales[fmt.Sprint(i.ID)]; s == nil || s.ticket != ticket || s.state != i.State || s.buyer != i.Buyer {
				return false
			}
		}
	}
	for n := range 3 {
		day := fmt.Sprintf("2026-03-%02d", 1+n)
		var got, want struct {
			Sales, Taken int
			Mean         float64
		}
		for _, s := range b.sales {
			if s.day == day && s.state == "paid" {
				want.Sales++
				want.Taken += s.total
			}
		}
		if want.Sales > 0 {
			want.Mean = float64(want.Taken) / float64(want.Sales)
		}
		found, ok := b.get("/v1/day/"+day, &got)
		if !ok || found != (want.Sales > 0) || got != want {
			return false
		}
	}
	return true
}

// wait waits for what happens in the background.
func (b *booth) wait(holds func() bool) {
	b.t.Helper()
	end := time.After(time.Minute)
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !holds() {
		select {
		case <-every.C:
		case <-end:
			b.t.Fatal("the views do not become what was sold")
		}
	}
}

// inspect compares the views of a store that no service uses with their sources.
func inspect(t *testing.T, source, url, dir string) {
	t.Helper()
	m, err := model.Parse("stall.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	books := work.Extend(m)
	s, err := storeurl.Open(t.Context(), url, dir, books, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reports, err := relay.NewViews(relay.ViewsConfig{Books: books, Store: s}).Inspect(t.Context(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if !r.Compared || r.Differences > 0 {
			t.Errorf("%+v", r)
		}
	}
}
