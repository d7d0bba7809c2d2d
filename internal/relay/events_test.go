package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// service is a model with its store, the path of its writes, and what follows events.
type service struct {
	t      testing.TB
	model  *model.Model
	books  *work.Books
	store  store.Store
	engine *engine.Engine
	events *relay.Events
	relay  *relay.Relay

	changed atomic.Pointer[func(*store.Change)]
	halt    func()
}

type options struct {
	url       string // of the store; "": SQLite in a folder
	dir       string
	endpoints []*relay.Endpoint
	now       func() time.Time
	wrap      func(store.Store) store.Store // as the relay sees the store
	quiet     bool                          // the relay does not run
	handlers  map[string]engine.Handler
}

func serveModel(t testing.TB, source string, o options) *service {
	t.Helper()
	m, err := model.Parse("model.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, model: m, books: work.Extend(m)}
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	answers := cache.New(cache.Config{Bytes: 1 << 20})
	s.store, err = storeurl.Open(t.Context(), o.url, o.dir, s.books, store.Options{OnChange: func(c *store.Change) {
		if hear := s.changed.Load(); hear != nil {
			(*hear)(c)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.engine, err = engine.New(engine.Config{Model: m, Store: s.store, Cache: answers, Logger: quiet(t), Handlers: o.handlers})
	if err != nil {
		t.Fatal(err)
	}
	seen := s.store
	if o.wrap != nil {
		seen = o.wrap(seen)
	}
	s.events, err = relay.NewEvents(relay.EventsConfig{Books: s.books, Store: seen, Model: m, Writer: s.engine,
		Endpoints: o.endpoints, Logger: quiet(t), Now: o.now})
	if err != nil {
		t.Fatal(err)
	}
	consumers := []relay.Consumer{s.events}
	if len(m.Views) > 0 {
		views := relay.NewViews(relay.ViewsConfig{Books: s.books, Store: seen, Logger: quiet(t)})
		if err := views.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		consumers = []relay.Consumer{views, s.events}
	}
	s.relay = relay.New(relay.Config{Books: s.books, Store: seen, Node: "one", Consumers: consumers,
		Logger: quiet(t), Tick: 50 * time.Millisecond})
	hear := func(c *store.Change) {
		s.relay.Remember(c)
		s.relay.Changed(c)
	}
	s.changed.Store(&hear)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	if !o.quiet {
		running.Go(func() { s.relay.Run(ctx) })
	}
	s.halt = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		closing, done := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Second)
		defer done()
		s.events.Close(closing)
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
		answers.Close()
	})
	t.Cleanup(s.halt)
	return s
}

func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError + 4}))
}

var teller = &model.Claims{Subject: "ann", Key: "ann", All: map[string]any{"sub": "ann", "roles": []any{"teller"}}}

// write carries out a write as a teller does.
func (s *service) write(name, body string) error {
	s.t.Helper()
	w := s.model.Write(name)
	args, err := model.DecodeArgs(w.Inputs, []byte(body))
	if err != nil {
		return err
	}
	_, err = s.engine.Write(s.t.Context(), &engine.WriteRequest{Write: w, Args: args, Body: []byte(body), Claims: teller})
	return err
}

func (s *service) must(name, body string) {
	s.t.Helper()
	if err := s.write(name, body); err != nil {
		s.t.Fatalf("%s %s: %v", name, body, err)
	}
}

// rows reads all rows of an entity.
func (s *service) rows(entity string) (out []map[string]any) {
	s.t.Helper()
	e := s.books.Store.Entity(entity)
	rows, err := s.store.Scan(s.t.Context(), e, nil, 100_000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, row := range rows {
		m := map[string]any{}
		if err := json.Unmarshal(model.AppendRow(nil, e.Fields, row), &m); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// wait polls until a condition holds.
func (s *service) wait(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			s.t.Fatalf("it does not come to this: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// settled tells whether nothing lags and no job waits.
func (s *service) settled() bool {
	for _, f := range s.books.Store.Families {
		if !s.books.Follow(f) {
			continue
		}
		lags, err := s.store.Lagging(s.t.Context(), f, 0, model.Buckets-1, 1)
		if err != nil || len(lags) > 0 {
			return false
		}
	}
	for _, j := range s.rows("partita_job") {
		if j["state"] == work.Pending {
			return false
		}
	}
	return true
}

func ledger(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash("../../examples/ledger/ledger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sums gives all money in accounts and on its way, and how many transfers are in each state.
func (s *service) sums() (money float64, states map[string]int) {
	states = map[string]int{}
	for _, a := range s.rows("account") {
		money += a["balance"].(float64)
	}
	for _, x := range s.rows("transfer") {
		states[x["status"].(string)]++
		if x["status"] == "pending" {
			money += x["amount"].(float64)
		}
	}
	return money, states
}

func TestTransfersSettleOrAreUndone(t *testing.T) {
	s := serveModel(t, ledger(t), options{})
	for _, a := range []string{"a", "b", "shut"} {
		s.must("open_account", fmt.Sprintf(`{"account_id":%q}`, a))
	}
	s.must("pay_in", `{"account_id":"a","amount":1000}`)
	s.must("shut_account", `{"account_id":"shut"}`)
	s.must("send", `{"account_id":"a","to_account":"b","amount":300}`)
	s.must("send", `{"account_id":"a","to_account":"shut","amount":200}`)
	s.must("send", `{"account_id":"a","to_account":"nobody","amount":100}`)
	s.wait("all is settled", s.settled)
	money, states := s.sums()
	if money != 1000 || states["done"] != 1 || states["undone"] != 2 {
		t.Errorf("%v %v", money, states)
	}
	if r := s.rows("receipt"); len(r) != 1 || r[0]["amount"] != 300.0 || r[0]["from_account"] != "a" {
		t.Error(r)
	}
}

// faulty is a store that fails at random: before a commit, or after it, when the answer gets lost.
type faulty struct {
	store.Store
	mu   sync.Mutex
	rand *rand.Rand
	rate float64
}

func (f *faulty) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rand.Float64() < f.rate
}

var errFaulty = fault.New(fault.Unavailable, "The store is away for a test.")

func (f *faulty) Commit(ctx context.Context, ws ...*store.Write) {
	switch {
	case f.fails():
		for _, w := range ws {
			w.Result = store.WriteResult{Err: errFaulty}
		}
	case f.fails():
		f.Store.Commit(ctx, ws...)
		for _, w := range ws {
			if w.Result.Err == nil {
				w.Result = store.WriteResult{Err: errFaulty, Unknown: true}
			}
		}
	case f.fails() && len(ws) > 1:
		half := len(ws) / 2
		f.Store.Commit(ctx, ws[:half]...)
		for _, w := range ws[half:] {
			w.Result = store.WriteResult{Err: errFaulty}
		}
	default:
		f.Store.Commit(ctx, ws...)
	}
}

func (f *faulty) Relayed(ctx context.Context, lags ...store.Lag) error {
	if f.fails() {
		return errFaulty // what was relayed is relayed again
	}
	return f.Store.Relayed(ctx, lags...)
}

func (f *faulty) Changes(ctx context.Context, p store.Partition, after uint64, limit int) ([]*store.Change, error) {
	if f.fails() {
		return nil, errFaulty
	}
	return f.Store.Changes(ctx, p, after, limit)
}

// Money is neither made nor lost, whatever fails and however often it is relayed, and restarts.
func TestSumsAreConserved(t *testing.T) {
	const accounts, transfers, amount = 8, 300, 1000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	wrap := func(inner store.Store) store.Store {
		return &faulty{Store: inner, rand: rand.New(rand.NewPCG(seed, 2)), rate: 0.1}
	}
	s := serveModel(t, ledger(t), options{dir: dir, wrap: wrap})
	for i := range accounts {
		s.must("open_account", fmt.Sprintf(`{"account_id":"a%d"}`, i))
		s.must("pay_in", fmt.Sprintf(`{"account_id":"a%d","amount":%d}`, i, amount))
	}
	s.must("shut_account", `{"account_id":"a0"}`)
	refused := 0
	for i := range transfers {
		err := s.write("send", fmt.Sprintf(`{"account_id":"a%d","to_account":"a%d","amount":%d}`,
			random.IntN(accounts), random.IntN(accounts), 1+random.IntN(200)))
		if fault.CodeOf(err) == fault.GuardFailed {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		if i%100 == 50 { // in the middle of it
			s.halt()
			s = serveModel(t, ledger(t), options{dir: dir, wrap: wrap})
		}
	}
	s.wait("all is settled", s.settled)
	money, states := s.sums()
	if money != accounts*amount || states["pending"] != 0 || states["done"]+states["undone"] != transfers-refused || states["undone"] == 0 {
		t.Errorf("%v in all, want %d; %v of %d", money, accounts*amount, states, transfers-refused)
	}
	if len(s.rows("receipt")) != states["done"] {
		t.Errorf("%d receipts for %d transfers", len(s.rows("receipt")), states["done"])
	}
	for _, j := range s.rows("partita_job") {
		t.Error("a job is left: ", j["lane"], j["state"], j["error"])
	}
}

// The inboxes of a chat: one event makes a write for each member, in the order of the messages.
func TestEachItemOfAList(t *testing.T) {
	source, err := os.ReadFile("../../examples/chat/chat.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := serveModel(t, string(source), options{wrap: func(inner store.Store) store.Store {
		return &faulty{Store: inner, rand: rand.New(rand.NewPCG(7, 7)), rate: 0.05}
	}})
	const members, messages = 300, 12 // more members than a page of the list
	room := `"room_id":"018f5a00-0000-7000-8000-000000000001"`
	s.must("open_room", `{`+room+`,"title":"all"}`)
	for i := range members - 1 {
		s.must("add_member", fmt.Sprintf(`{%s,"user_id":"u%03d","role":"member"}`, room, i))
	}
	for i := range messages {
		s.must("post", fmt.Sprintf(`{%s,"text":"%d"}`, room, i))
	}
	s.wait("all is told", s.settled)
	inboxes := s.rows("inbox")
	if len(inboxes) != members {
		t.Fatalf("%d inboxes, want %d", len(inboxes), members)
	}
	for _, in := range inboxes {
		if in["last_seq"] != float64(messages) {
			t.Error(in)
		}
	}
	// touch_inbox is refused unless the number rises, so a version more would be one out of order.
	v, err := s.store.Head(t.Context(), store.Partition{Family: s.books.Store.Entity("inbox").Family, Value: model.String("u007")})
	if err != nil || v != messages {
		t.Errorf("version %d, %v", v, err)
	}
}

const notes = `
service: notes
partitions: {person: {by: person_id, type: string(40), expect: 1k}}
entities:
  note: {in: person, key: note_id, expect: 100, fields: {note_id: {type: int, default: next}, text: string(200)}}
  copy: {in: person, key: note_id, expect: 100, fields: {note_id: int, text: string(200)}}
reads: {note: {get: note}, copy: {get: copy}}
writes:
  add:  {insert: note, input: [text], emit: noted}
  plan: {insert: note, input: [text], emit: reminded}
  log:  {insert: copy, input: [note_id, text]}
events:
  noted:    {data: [note.note_id, note.text]}
  reminded: {data: [note.note_id, note.text], after: 1h, then: {write: log, with: {person_id: "diary", note_id: = event.note_id, text: = event.text}}}
  nightly:  {}
schedules:
  at_three: {every: "0 3 * * *", zone: Europe/Berlin, emit: nightly}
`

// heard collects what an endpoint was told.
type heard struct {
	mu     sync.Mutex
	events []relay.Event
}

func (h *heard) hear(ev *relay.Event) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, *ev)
	return len(h.events)
}

func (h *heard) all() []relay.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]relay.Event(nil), h.events...)
}

func TestEndpointsAreToldWhatHappened(t *testing.T) {
	for _, prompt := range []bool{false, true} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			var h heard
			s := serveModel(t, notes, options{endpoints: []*relay.Endpoint{{Lane: "x", Events: []string{"noted"}, Prompt: prompt,
				Do: func(_ context.Context, ev *relay.Event, _ int) error { h.hear(ev); return nil }}}})
			for i := range 50 {
				s.must("add", fmt.Sprintf(`{"person_id":"p%d","text":"%d"}`, i%5, i))
			}
			s.wait("all are told", func() bool { return len(h.all()) == 50 && s.settled() })
			ids := map[string]bool{}
			for _, ev := range h.all() {
				ids[ev.ID] = true
				var ce map[string]any
				if err := json.Unmarshal(ev.CloudEvent("notes"), &ce); err != nil || ce["type"] != "notes.noted" || ce["specversion"] != "1.0" ||
					ce["id"] != ev.ID || ce["subject"] != ev.Partition || ce["partitionkey"] != ev.Partition || ce["data"].(map[string]any)["text"] == "" {
					t.Errorf("%v %v", ce, err)
				}
			}
			if len(ids) != 50 {
				t.Errorf("%d ids", len(ids))
			}
			if jobs := s.rows("partita_job"); len(jobs) != 0 {
				t.Error(jobs)
			}
		})
	}
}

// What fails is tried again; what fails for good is a dead letter, and is told when it is replayed.
func TestFailuresBecomeLettersAndAreReplayed(t *testing.T) {
	for _, prompt := range []bool{false, true} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			var mended atomic.Bool
			var h heard
			attempts := map[string]int{}
			s := serveModel(t, notes, options{endpoints: []*relay.Endpoint{{Lane: "x", Target: "x.example", Events: []string{"noted"}, Prompt: prompt,
				Wait: relay.Backoff(time.Millisecond, time.Millisecond, 3),
				Do: func(_ context.Context, ev *relay.Event, attempt int) error {
					h.mu.Lock()
					attempts[ev.ID]++
					h.mu.Unlock()
					switch {
					case mended.Load():
						h.hear(ev)
						return nil
					case strings.Contains(string(ev.Data), "panic"):
						panic("no " + fmt.Sprint(attempt))
					}
					return errors.New("it does not work today")
				}}}})
			s.must("add", `{"person_id":"p","text":"error"}`)
			s.must("add", `{"person_id":"q","text":"panic"}`)
			letters := func() []relay.Letter {
				list, next, err := s.events.Letters(t.Context(), "", 10)
				if err != nil || next != "" {
					t.Fatal(err)
				}
				return list
			}
			s.wait("both are letters", func() bool { return len(letters()) == 2 })
			for _, l := range letters() {
				full, err := s.events.Inspect(t.Context(), l.ID)
				if err != nil || full.Attempts != 3 || full.Target != "x.example" || !strings.Contains(full.Data, "note_id") ||
					full.Reason != "it does not work today" && !strings.HasPrefix(full.Reason, "it panicked: no 3") {
					t.Errorf("%+v %v", full, err)
				}
			}
			mended.Store(true)
			if n, err := s.events.Replay(t.Context(), letters()[0].ID); err != nil || n != 1 {
				t.Error(n, err)
			}
			if n, err := s.events.Drop(t.Context(), letters()[0].ID); err != nil || n != 1 {
				t.Error(n, err)
			}
			s.wait("one is told, one was dropped", func() bool { return len(h.all()) == 1 && len(s.rows("partita_job")) == 0 })
			if _, err := s.events.Inspect(t.Context(), "nonsense"); fault.CodeOf(err) != fault.NotFound {
				t.Error(err)
			}
		})
	}
}

func TestManyLettersAreListedInPages(t *testing.T) {
	s := serveModel(t, notes, options{endpoints: []*relay.Endpoint{{Lane: "x", Events: []string{"noted"},
		Do: func(context.Context, *relay.Event, int) error {
			return &relay.Failure{Err: errors.New("no"), Final: true}
		}}}})
	for i := range 40 {
		s.must("add", fmt.Sprintf(`{"person_id":"p%d","text":"x"}`, i))
	}
	seen := map[string]bool{}
	s.wait("all are letters", func() bool {
		clear(seen)
		for after := ""; ; {
			list, next, err := s.events.Letters(t.Context(), after, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range list {
				seen[l.ID] = true
			}
			if after = next; next == "" {
				return len(seen) == 40
			}
		}
	})
	n := 0
	err := s.events.All(t.Context(), func(ids []string) error {
		dropped, err := s.events.Drop(t.Context(), ids...)
		n += dropped
		return err
	})
	if err != nil || n != 40 || len(s.rows("partita_job")) != 0 {
		t.Error(n, err)
	}
}

// One endpoint that never answers does not delay another one, nor the relay.
func TestASlowEndpointHarmsNoOther(t *testing.T) {
	for _, prompt := range []bool{false, true} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			var quick heard
			block := make(chan struct{})
			defer close(block)
			s := serveModel(t, notes, options{endpoints: []*relay.Endpoint{
				{Lane: "slow", Events: []string{"noted"}, Limit: 2, Prompt: prompt, Do: func(ctx context.Context, _ *relay.Event, _ int) error {
					select {
					case <-block:
					case <-ctx.Done():
					}
					return ctx.Err()
				}},
				{Lane: "quick", Events: []string{"noted"}, Prompt: prompt, Do: func(_ context.Context, ev *relay.Event, _ int) error {
					quick.hear(ev)
					return nil
				}},
			}})
			for i := range 200 {
				s.must("add", fmt.Sprintf(`{"person_id":"p%d","text":"x"}`, i%20))
			}
			s.wait("the quick one has heard all", func() bool { return len(quick.all()) >= 200 })
			waiting := 0
			s.wait("the slow one's wait", func() bool {
				waiting = len(s.rows("partita_job"))
				return waiting == 200
			})
		})
	}
}

// An endpoint that is gone gets nothing more, until a letter is replayed.
func TestAClosedEndpointIsNotCalled(t *testing.T) {
	var calls atomic.Int64
	var back atomic.Bool
	s := serveModel(t, notes, options{endpoints: []*relay.Endpoint{{Lane: "x", Events: []string{"noted"},
		Do: func(context.Context, *relay.Event, int) error {
			calls.Add(1)
			if back.Load() {
				return nil
			}
			return &relay.Failure{Err: errors.New("410 Gone"), Final: true, Close: true}
		}}}})
	dead := func() int {
		list, _, err := s.events.Letters(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	s.must("add", `{"person_id":"p","text":"x"}`)
	s.wait("it is closed", func() bool { return dead() == 1 && len(s.rows("partita_job")) == 2 })
	s.must("add", `{"person_id":"q","text":"y"}`)
	s.wait("the next is a letter at once", func() bool { return dead() == 2 })
	if calls.Load() != 1 {
		t.Errorf("it was called %d times", calls.Load())
	}
	back.Store(true)
	err := s.events.All(t.Context(), func(ids []string) error { _, err := s.events.Replay(t.Context(), ids...); return err })
	if err != nil {
		t.Fatal(err)
	}
	s.wait("both are told, and it is open", func() bool { return calls.Load() == 3 && len(s.rows("partita_job")) == 0 })
}

func partition(s *service, family, value string) store.Partition {
	s.t.Helper()
	for _, f := range s.books.Store.Families {
		if f.Name == family {
			return store.Partition{Family: f, Value: model.String(value)}
		}
	}
	s.t.Fatalf("there is no family %s", family)
	return store.Partition{}
}

const coded = `
service: coded
partitions: {person: {by: person_id, type: string(40), expect: 1k}}
entities:
  note: {in: person, key: note_id, expect: 100, fields: {note_id: {type: int, default: next}, text: string(200)}}
reads: {note: {get: note}}
writes:
  add:     {insert: note, input: [text], emit: noted}
  follow:  {code: true, in: person, input: {text: string(200)}, allow: none}
  settled: {insert: note, set: {text: settled}}
access: {rules: {all: "auth.sub != ''"}, allow: [all]}
events:
  noted: {data: [note.text], then: {write: follow, with: {person_id: "other", text: = event.text}, done: settled}}
`

// A write that follows and fails by a defect holds up its own partition for some tries, no other one,
// and is then a dead letter, which can be replayed when the defect is mended.
func TestADefectInWhatFollows(t *testing.T) {
	var mended atomic.Bool
	var calls atomic.Int64
	s := serveModel(t, coded, options{handlers: map[string]engine.Handler{"follow": func(_ context.Context, _ store.Tx, in *engine.Input) ([]byte, error) {
		if in.Args.Values[1].Text() == "bad" && !mended.Load() {
			calls.Add(1)
			panic("a defect")
		}
		return nil, nil
	}}})
	s.must("add", `{"person_id":"p","text":"bad"}`)
	s.must("add", `{"person_id":"p","text":"good"}`)
	s.must("add", `{"person_id":"q","text":"good"}`)
	letters := func() (list []relay.Letter) {
		list, _, err := s.events.Letters(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	s.wait("it is given up, and the others are settled", func() bool { return len(letters()) == 1 && s.settled() && len(s.rows("note")) == 5 })
	if calls.Load() < 5 || letters()[0].Target != "then follow" {
		t.Errorf("%d calls, %+v", calls.Load(), letters())
	}
	mended.Store(true)
	if n, err := s.events.Replay(t.Context(), letters()[0].ID); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	s.wait("it is settled too", func() bool { return len(s.rows("note")) == 6 && len(s.rows("partita_job")) == 0 })
}
