package accept_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func TestTheStoreIsAwayForAWhile(t *testing.T) {
	w := shared(t).open(t)
	w.work()
	w.do("open", `{"account_id":"a","balance":5}`)
	database.Kill()
	var ids []string
	for i := range 60 {
		ids = append(ids, w.submit(boss, "note", note(fmt.Sprint("a", i%3), i)).ID)
	}
	spent := w.submit(boss, "spend", note("a", 5)).ID
	_, err := w.Operation(t.Context(), ids[0], boss, 0)
	is(t, err, fault.Unavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := w.engine.Write(ctx, w.request(boss, "note", note("a", 1))); !fault.Transient(err) {
		t.Errorf("a synchronous write: %v", err)
	}
	waits := make(chan accept.State, 1)
	go func() {
		s, err := w.Operation(context.Background(), spent, boss, accept.MaxWait)
		if err != nil {
			t.Error(err)
		}
		waits <- s
	}()
	if err := database.Run(); err != nil {
		t.Fatal(err)
	}
	if s := <-waits; !s.Done || s.Err != nil {
		t.Errorf("who waits is told when the store is back: %+v", s)
	}
	for _, id := range ids {
		if s := w.settled(id, boss); s.Err != nil {
			t.Fatal(s.Err)
		}
	}
	for a := range 3 {
		list := w.entries(fmt.Sprint("a", a))
		if len(list) != 20 {
			t.Fatalf("%d entries, want 20", len(list))
		}
		for i, e := range list {
			if e.Amount != 3*i+a {
				t.Fatalf("entry %d is %+v", i, e)
			}
		}
	}
}

func TestTheBusIsAwayForAWhile(t *testing.T) {
	p := shared(t)
	w := p.open(t)
	w.do("open", `{"account_id":"a","balance":5}`)
	first := w.submit(boss, "spend", note("a", 1))
	p.nats.Stop(0)
	for w.bus.State().Connected {
		time.Sleep(time.Millisecond)
	}
	q := w.request(boss, "note", note("b", 1))
	q.IdempotencyKey = "k"
	s, err := w.Submit(t.Context(), q, 0)
	if err != nil || !s.AtOnce || !s.Done || s.Err != nil {
		t.Fatalf("an insert is carried out at once: %+v %v", s, err)
	}
	has(t, string(s.Result.Body), `"amount":1`)
	_, err = w.Submit(t.Context(), w.request(boss, "spend", note("a", 1)), 0)
	is(t, err, fault.Unavailable) // the first may not have been carried out
	p.nats.Restart(0)
	p.nats.Settled()
	if s := w.settledAfter(first.ID); s.Err != nil {
		t.Fatal(s.Err)
	}
	if again := w.until("spend", note("a", 4)); w.settled(again.ID, boss).Err != nil {
		t.Error("it is not accepted again")
	}
	q.Accepted = nil
	again, err := w.Submit(t.Context(), q, accept.MaxWait)
	if err != nil || again.ID != s.ID || again.AtOnce || string(again.Result.Body) != string(s.Result.Body) || len(w.entries("b")) != 1 {
		t.Errorf("what was carried out at once is the same operation: %+v %v", again, err)
	}
}

// settledAfter begins to carry out, and waits for an operation.
func (w *world) settledAfter(id string) accept.State {
	w.work()
	return w.settled(id, boss)
}

// With the bus in this process that takes nothing, it is known when nothing waits any more.
func TestABusThatTakesNothing(t *testing.T) {
	p := &place{dir: t.TempDir()}
	w := p.open(t)
	w.do("open", `{"account_id":"a","balance":5}`)
	b := &refusing{Bus: w.bus}
	a, err := accept.New(accept.Config{Engine: w.engine, Store: w.store, Bus: b, Books: w.books, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	waiting := w.submit(boss, "spend", note("a", 1))
	b.err.Store(fault.New(fault.Unavailable, "No."))
	_, err = a.Submit(t.Context(), w.request(boss, "spend", note("a", 1)), 0)
	is(t, err, fault.Unavailable)
	w.settledAfter(waiting.ID)
	for n := uint64(1); n > 0; { // what is done is deleted a moment later
		if n, err = w.bus.Waiting(t.Context(), bucketOf(&waiting)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := a.Submit(t.Context(), w.request(boss, "spend", note("a", 1)), 0)
	if err != nil || !s.AtOnce {
		t.Errorf("nothing waits, so it can be carried out at once: %+v %v", s, err)
	}
	b.err.Store(fault.New(fault.TooLarge, "Too large."))
	_, err = a.Submit(t.Context(), w.request(boss, "note", note("a", 1)), 0)
	is(t, err, fault.TooLarge)
}

func bucketOf(s *accept.State) int { return s.Place.Family.Bucket(s.Place.Value) }

// refusing is a bus that refuses what is appended while err is set.
type refusing struct {
	accept.Bus
	err atomic.Pointer[fault.Error]
}

func (b *refusing) Append(ctx context.Context, bucket int, command []byte) error {
	if err := b.err.Load(); err != nil {
		return err
	}
	return b.Bus.Append(ctx, bucket, command)
}

func TestWhatFailsByADefectIsPutAside(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		var runs atomic.Int32
		var mended atomic.Bool
		w.handler = func(_ context.Context, tx store.Tx, in *engine.Input) ([]byte, error) {
			if runs.Add(1); !mended.Load() {
				panic("a defect")
			}
			e := w.model.Entity("account")
			_, err := tx.Insert(e, []model.Value{in.Partition, in.Args.Values[1]})
			return nil, err
		}
		w.submit(boss, "note", note("a", 1))
		bad := w.submit(boss, "run", note("a", 2))
		good := w.submit(boss, "note", note("a", 3))
		w.work()
		is(t, w.settled(bad.ID, boss).Err, fault.Internal)
		if s := w.settled(good.ID, boss); s.Err != nil {
			t.Fatalf("what comes behind it goes on: %v", s.Err)
		}
		if n := runs.Load(); n < 5 || n > 6 { // perhaps once with those around it, then five times alone
			t.Errorf("it was tried %d times, want 5 or 6", n)
		}
		letters := w.letters(bad)
		if len(letters) != 1 {
			t.Fatalf("%d dead letters, want 1", len(letters))
		}
		field := func(name string) string { return letters[0].Values[w.books.Job.Field(name).Pos].Text() }
		if field("lane") != accept.Lane || field("event") != "run" || field("family") != "account" || field("source") != "a" {
			t.Errorf("the letter is %+v", letters[0])
		}
		has(t, field("data"), `"amount":2`)
		if w.Stats(t.Context()).Aside != 1 {
			t.Errorf("%+v", w.Stats(t.Context()))
		}
		if err := w.Replay(t.Context(), []byte(field("data"))); err == nil {
			t.Error("it still fails, and that is not said")
		}
		mended.Store(true)
		for range 2 { // once, however often
			if err := w.Replay(t.Context(), []byte(field("data"))); err != nil {
				t.Error(err)
			}
		}
		if s := w.settled(bad.ID, boss); s.Err != nil {
			t.Errorf("the operation of one that was replayed: %v", s.Err)
		}
	})
}

// letters reads the dead letters of the shard of an operation.
func (w *world) letters(s accept.State) []*model.Row {
	const perShard = bus.Buckets / bus.Shards
	p := store.Partition{Family: w.books.Family, Value: model.Int(int64(bucketOf(&s) / perShard * perShard))}
	r, err := w.store.Read(context.Background(), p, &store.Query{Read: w.books.Letters, Now: time.Now(),
		Args: &model.Args{Values: []model.Value{p.Value}, Given: []bool{true}}})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range r.Rows {
		if row.Values[w.books.Job.Field("state").Pos].Text() != work.Dead {
			w.t.Errorf("a letter in state %v", row.Values)
		}
	}
	return r.Rows
}

// A Go function that does not come to its end is a defect too; one whose own dependency is away is
// tried again.
func TestGoFunctionsOfAcceptedWrites(t *testing.T) {
	p := &place{dir: t.TempDir()}
	w := p.open(t)
	var tries atomic.Int32
	w.handler = func(context.Context, store.Tx, *engine.Input) ([]byte, error) {
		if tries.Add(1) < 8 {
			return nil, fault.New(fault.Unavailable, "Not now.")
		}
		return nil, fault.New(fault.Deadline, "It takes too long.")
	}
	s := w.submit(boss, "run", note("a", 1))
	is(t, w.settledAfter(s.ID).Err, fault.Internal)
	if n := tries.Load(); n != 7+5 {
		t.Errorf("it was tried %d times, want 7 and then 5", n)
	}
}

func TestTheBusLosesWhatWasAccepted(t *testing.T) {
	p := &place{dir: t.TempDir()}
	w := p.open(t)
	done := w.submit(boss, "note", note("a", 1))
	stop := w.work()
	w.settled(done.ID, boss)
	stop()
	lost := w.submit(boss, "note", note("a", 2), "k")
	w.end()
	if err := os.RemoveAll(p.dir + "/bus"); err != nil {
		t.Fatal(err)
	}
	w = p.open(t)
	w.work()
	s, err := w.Operation(t.Context(), lost.ID, boss, 0)
	if err != nil || !s.Done {
		t.Fatalf("it is pending for ever: %+v %v", s, err)
	}
	is(t, s.Err, fault.Gone)
	if s := w.settled(done.ID, boss); s.Err != nil {
		t.Error("what was carried out is lost:", s.Err)
	}
	again := w.submit(boss, "note", note("a", 2), "k")
	if again.ID != lost.ID || w.settled(again.ID, boss).Err != nil || len(w.entries("a")) != 2 {
		t.Error("it cannot be sent again under its key")
	}
}

// What is fixed at acceptance is the same, wherever it is carried out.
func TestWhatIsFixedAtAcceptance(t *testing.T) {
	var bodies []string
	accepted := &engine.Accepted{Key: store.Key{Hash: [32]byte{1}, Fingerprint: [32]byte{2}}, Now: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Seed: [32]byte{3}}
	for range 2 {
		w := (&place{dir: t.TempDir()}).open(t)
		w.do("open", `{"account_id":"a","balance":5}`)
		q := w.request(boss, "note", note("a", 1))
		q.Accepted = accepted
		c := w.engine.Carry(t.Context(), []*engine.WriteRequest{q})[0]
		if !c.Settled || c.Err != nil {
			t.Fatalf("%+v", c)
		}
		bodies = append(bodies, string(c.Result.Body))
		e := w.entries("a")[0]
		if !e.At.Equal(accepted.Now) || !strings.HasPrefix(e.ID, "019b7ca9-8c88-7") {
			t.Errorf("%+v", e)
		}
	}
	if bodies[0] != bodies[1] {
		t.Errorf("%s\n%s", bodies[0], bodies[1])
	}
}
