package accept_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/bus/bustest"
	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/pgtest"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

var database *pgtest.Server

func TestMain(m *testing.M) { pgtest.Main(m, &database) }

// bank is the model of the tests: accounts with a log of what was done to them.
const bank = `
service: bank
partitions:
  account: {by: account_id, type: string(40), expect: 1k}
entities:
  account: {in: account, fields: {balance: {type: int, min: 0}}}
  entry:
    in: account
    key: n
    expect: 1k
    fields:
      n:      {type: int, default: next}
      id:     {type: uuid, default: new}
      code:   {type: string(12), default: random}
      amount: int
      by:     string(40)
      at:     {type: time, default: now}
  member: {in: account, key: user_id, expect: 3, fields: {user_id: string(40)}}
access:
  load: {me: {member: {user_id: = auth.sub}}}
  rules:
    boss:   auth.sub == 'boss'
    member: me != null
  allow: [boss]
reads:
  balance: {get: account}
  entries: {list: entry, page: 1000}
writes:
  open:  {upsert: account, input: [balance]}
  join:  {insert: member, input: [user_id]}
  note:  {insert: entry, input: [amount], set: {by: = auth.sub}, async: offered, allow: [boss, member]}
  spend:
    steps:
      - {update: account, input: {amount: {type: int, min: 0}}, when: row.balance >= input.amount, set: {balance: = row.balance - input.amount}}
      - {insert: entry, set: {amount: = input.amount, by: = auth.sub}}
    async: offered
  run:   {code: true, in: account, input: {amount: int}, async: offered}
`

var (
	boss  = &model.Claims{Subject: "boss", Key: "0:boss", All: map[string]any{"sub": "boss"}}
	ann   = &model.Claims{Subject: "ann", Key: "0:ann", All: map[string]any{"sub": "ann"}}
	bob   = &model.Claims{Subject: "bob", Key: "0:bob", All: map[string]any{"sub": "bob"}}
	quiet = slog.New(slog.DiscardHandler)
)

// place is where the parts of a world keep what outlives a restart.
type place struct {
	store string           // URL; "" for the embedded store
	nats  *bustest.Cluster // nil for the embedded bus
	dir   string
}

// places are the two ways to run: all in one process, and on shared servers.
func places(t *testing.T, test func(t *testing.T, p *place)) {
	t.Run("embedded", func(t *testing.T) { test(t, &place{dir: t.TempDir()}) })
	t.Run("shared", func(t *testing.T) { test(t, shared(t)) })
}

func shared(t *testing.T) *place {
	return &place{dir: t.TempDir(), store: database.Database(t), nats: bustest.Start(t, 1)}
}

// world is one node, without HTTP.
type world struct {
	t      *testing.T
	model  *model.Model
	store  store.Store
	bus    *bus.Bus
	engine *engine.Engine
	books  *work.Books
	*accept.Acceptor

	handler func(ctx context.Context, tx store.Tx, in *engine.Input) ([]byte, error)
	end     func()
}

// open starts a node; it ends with the test, or with close.
func (p *place) open(t *testing.T, options ...func(*bus.Config)) *world {
	t.Helper()
	m, err := model.Parse("bank.yaml", []byte(bank), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, model: m, books: work.Extend(m)}
	answers := cache.New(cache.Config{})
	var hear func(*store.Change)
	w.store, err = storeurl.Open(t.Context(), p.store, p.dir, w.books, store.Options{OnChange: func(c *store.Change) {
		engine.Invalidation(m, answers)(c)
		if hear != nil {
			hear(c)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := bus.Config{Service: "bank", Node: "n", Dir: p.dir + "/bus", Logger: quiet}
	if p.nats != nil {
		c.Dir, c.URLs = "", p.nats.URLs()
	}
	for _, o := range options {
		o(&c)
	}
	if w.bus, err = bus.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	handlers := map[string]engine.Handler{"run": func(ctx context.Context, tx store.Tx, in *engine.Input) ([]byte, error) {
		return w.handler(ctx, tx, in)
	}}
	if w.engine, err = engine.New(engine.Config{Model: m, Store: w.store, Cache: answers, Handlers: handlers, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if w.Acceptor, err = accept.New(accept.Config{Engine: w.engine, Store: w.store, Bus: w.bus, Books: w.books, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	hear = w.Changed
	w.end = sync.OnceFunc(func() {
		if err := w.bus.Close(); err != nil {
			t.Error(err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		answers.Close()
	})
	t.Cleanup(w.end)
	return w
}

// work carries out what is accepted, for all shards, until the test or the function that it gives ends.
func (w *world) work() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for shard := range bus.Shards {
		wg.Go(func() { w.Carry(ctx, shard) })
	}
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	end := w.end
	w.end = func() { stop(); end() }
	w.t.Cleanup(stop)
	return stop
}

// request makes the request of a write.
func (w *world) request(claims *model.Claims, write, body string) *engine.WriteRequest {
	w.t.Helper()
	q := &engine.WriteRequest{Write: w.model.Write(write), Body: []byte(body), Claims: claims}
	var err error
	if q.Args, err = model.DecodeArgs(q.Write.Inputs, q.Body); err != nil {
		w.t.Fatal(err)
	}
	return q
}

// do carries out a write at once.
func (w *world) do(write, body string) {
	w.t.Helper()
	if _, err := w.engine.Write(context.Background(), w.request(boss, write, body)); err != nil {
		w.t.Fatal(err)
	}
}

// submit accepts a write.
func (w *world) submit(claims *model.Claims, write, body string, key ...string) accept.State {
	w.t.Helper()
	q := w.request(claims, write, body)
	if len(key) > 0 {
		q.IdempotencyKey = key[0]
	}
	s, err := w.Submit(context.Background(), q, 0)
	if err != nil {
		w.t.Fatalf("%s %s was not accepted: %v", write, body, err)
	}
	return s
}

// settled waits until an operation is.
func (w *world) settled(id string, claims *model.Claims) accept.State {
	w.t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		s, err := w.Operation(context.Background(), id, claims, accept.MaxWait)
		if err == nil && s.Done {
			return s
		}
	}
	w.t.Fatal("the operation is not settled")
	return accept.State{}
}

// entry is one row of the log.
type entry struct {
	N      int
	ID     string
	Code   string
	Amount int
	By     string
	At     time.Time
}

// entries reads the log of an account.
func (w *world) entries(account string) (list []entry) {
	w.t.Helper()
	r := w.model.Read("entries")
	args := &model.Args{Values: []model.Value{model.String(account)}, Given: []bool{true}}
	cursor := ""
	for {
		a, err := w.engine.Read(context.Background(), &engine.ReadRequest{Read: r, Args: args, Claims: boss, After: cursor})
		if err != nil {
			w.t.Fatal(err)
		}
		var page struct {
			Items []entry
			Next  string
		}
		if err := json.Unmarshal(a.Body, &page); err != nil {
			w.t.Fatalf("%v in %s", err, a.Body)
		}
		list = append(list, page.Items...)
		if cursor = page.Next; cursor == "" {
			return list
		}
	}
}

// is checks the code of an error.
func is(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error is %v, want %q", err, code)
	}
}

func note(account string, amount int) string {
	return fmt.Sprintf(`{"account_id":%q,"amount":%d}`, account, amount)
}

func has(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("no %q in %s", part, text)
	}
}
