package partita_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
)

const points = `
service: points
partitions: {member: {by: member_id, type: string(40), expect: 1k}}
entities:
  purchase: {in: member, key: number, expect: 100, fields: {number: {type: int, default: next}, cents: {type: int, min: 1}}}
  account:  {in: member, fields: {points: {type: int, default: 0}}}
reads: {account: {get: account}}
writes:
  buy:  {insert: purchase, input: [cents], emit: bought}
  join: {insert: account}
  earn: {update: account, input: {points: int}, set: {points: = row.points + input.points}}
events:
  bought: {data: [purchase.number, purchase.cents], deliver: "${HOOK:-}"}
`

type bought struct {
	MemberID string
	Number   int
	Cents    int
}

type earning struct {
	MemberID string
	Points   int
}

// runPoints serves the model with functions that hear of its events.
func runPoints(t *testing.T, c partita.Config, add func(*partita.App)) *partita.App {
	t.Helper()
	c.Model, c.ModelSource, c.Listen, c.Admin = "points.yaml", []byte(points), "127.0.0.1:0", "127.0.0.1:0"
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	app, err := partita.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	add(app)
	apptest.Run(t, app)
	return app
}

func do(t *testing.T, app *partita.App, write, body string) {
	t.Helper()
	resp, err := http.Post("http://"+app.Addr()+"/v1/"+write, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", write, body, resp.StatusCode, text)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to this: %s", what)
		}
	}
}

func pointsOf(t *testing.T, app *partita.App, member string) int {
	t.Helper()
	resp, err := http.Get("http://" + app.Addr() + "/v1/account/" + member)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var row struct{ Points int }
	if err := json.NewDecoder(resp.Body).Decode(&row); err != nil {
		t.Fatal(err)
	}
	return row.Points
}

// A function that fails after it has written, or panics, is called again, and what it wrote takes
// effect once.
func TestOnIsCalledUntilItSucceedsAndWritesOnce(t *testing.T) {
	var calls, events atomic.Int64 // events: those that it is done with
	var done sync.Map              // likewise, by ID
	dir := t.TempDir()
	add := func(app *partita.App) {
		partita.On(app, "bought", func(ctx context.Context, ev partita.Event[bought]) error {
			calls.Add(1)
			if ev.ID == "" || ev.Version == 0 || ev.Time.IsZero() || ev.Partition != ev.Data.MemberID || ev.Data.Cents != 100*ev.Data.Number {
				t.Errorf("%+v", ev)
			}
			for _, part := range []string{"bonus", "regular"} {
				if err := ev.Part(part).Write(ctx, "earn", earning{ev.Data.MemberID, ev.Data.Cents / 100}); err != nil {
					return err
				}
			}
			switch ev.Attempt {
			case 1:
				return errors.New("it fails after its work is done")
			case 2:
				panic("and then it panics")
			}
			if _, again := done.LoadOrStore(ev.ID, true); !again {
				events.Add(1)
			}
			return nil
		}, partita.Delivery{FirstWait: time.Millisecond})
		partita.On(app, "bought", func(context.Context, partita.Event[map[string]any]) error { return nil }, partita.Delivery{Name: "other"})
	}
	app := runPoints(t, partita.Config{DataDir: dir}, add)
	do(t, app, "join", `{"member_id":"ann"}`)
	for i := range 5 {
		do(t, app, "buy", fmt.Sprintf(`{"member_id":"ann","cents":%d}`, 100*(i+1)))
	}
	// A function may be called once more than it need be; what it writes takes effect once.
	eventually(t, "all is done", func() bool { return events.Load() == 5 })
	if n := pointsOf(t, app, "ann"); n != 30 || calls.Load() < 15 {
		t.Errorf("%d points after %d calls", n, calls.Load())
	}
}

func TestOnSaysWhatDoesNotFit(t *testing.T) {
	for name, add := range map[string]func(*partita.App){
		"no event": func(app *partita.App) {
			partita.On(app, "sold", func(context.Context, partita.Event[bought]) error { return nil })
		},
		"carries only": func(app *partita.App) {
			partita.On(app, "bought", func(context.Context, partita.Event[struct{ Color string }]) error { return nil })
		},
		"two functions": func(app *partita.App) {
			for range 2 {
				partita.On(app, "bought", func(context.Context, partita.Event[bought]) error { return nil })
			}
		},
		"Delivery.Name": func(app *partita.App) {
			partita.On(app, "bought", func(context.Context, partita.Event[bought]) error { return nil }, partita.Delivery{Name: "A B"})
		},
		"at most one": func(app *partita.App) {
			partita.On(app, "bought", func(context.Context, partita.Event[bought]) error { return nil }, partita.Delivery{}, partita.Delivery{})
		},
	} {
		app, err := partita.Open(partita.Config{ModelSource: []byte(points), DataDir: t.TempDir(), Listen: partita.None, Admin: partita.None})
		if err != nil {
			t.Fatal(err)
		}
		add(app)
		if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// receiver is a webhook's other end, which verifies what it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []map[string]any
	ids    map[string]int
}

func receive(t *testing.T, secret string) *receiver {
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{status: http.StatusNoContent, ids: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if err := verify.Verify(body, req.Header); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		var event map[string]any
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		r.ids[req.Header.Get("webhook-id")]++
		if r.status < 300 {
			r.bodies = append(r.bodies, event)
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.bodies)
}

func TestEventsReachAWebhook(t *testing.T) {
	old, secret := "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk", "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"
	r := receive(t, secret)
	app := runPoints(t, partita.Config{
		Env:      func(name string) (string, bool) { return r.URL, name == "HOOK" },
		Webhooks: partita.Webhooks{Secrets: []string{old, secret}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}, func(*partita.App) {})
	for i := range 20 {
		do(t, app, "buy", fmt.Sprintf(`{"member_id":"m%d","cents":7}`, i%4))
	}
	eventually(t, "all are delivered", func() bool { return r.got() == 20 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ids) != 20 {
		t.Errorf("%d ids", len(r.ids))
	}
	for _, ev := range r.bodies {
		if ev["type"] != "points.bought" || ev["specversion"] != "1.0" || ev["data"].(map[string]any)["cents"] != 7.0 {
			t.Error(ev)
		}
	}
}
