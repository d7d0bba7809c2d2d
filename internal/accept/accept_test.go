package accept_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
)

func TestAcceptedWritesAreCarriedOutInOrder(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		before := time.Now().Add(-time.Millisecond)
		const accounts, each = 5, 40
		var ids [accounts][]string
		var wg sync.WaitGroup
		for a := range accounts {
			wg.Go(func() {
				for i := range each {
					ids[a] = append(ids[a], w.submit(boss, "note", note(fmt.Sprint("a", a), i)).ID)
				}
			})
		}
		wg.Wait()
		accepted := time.Now()
		if s, err := w.Operation(t.Context(), ids[0][0], boss, 0); err != nil || s.Done {
			t.Fatalf("it is %+v, %v before anybody carried it out", s, err)
		}
		w.work()
		for a := range accounts {
			for _, id := range ids[a] {
				if s := w.settled(id, boss); s.Err != nil || s.Write != "note" || s.Result.Version == 0 {
					t.Fatalf("%+v", s)
				}
			}
			list := w.entries(fmt.Sprint("a", a))
			if len(list) != each {
				t.Fatalf("account %d has %d entries, want %d", a, len(list), each)
			}
			for i, e := range list {
				if e.N != i+1 || e.Amount != i || e.By != "boss" || e.At.Before(before) || e.At.After(accepted) {
					t.Fatalf("entry %d is %+v, accepted from %v to %v", i, e, before, accepted)
				}
			}
		}
	})
}

func TestWaitingForTheOutcome(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		stop := w.work()
		s, err := w.Submit(t.Context(), w.request(boss, "note", note("a", 7)), accept.MaxWait)
		if err != nil || !s.Done || s.Err != nil || s.AtOnce {
			t.Fatalf("%+v, %v", s, err)
		}
		has(t, string(s.Result.Body), `"amount":7`)
		stop()
		s, err = w.Submit(t.Context(), w.request(boss, "note", note("a", 8)), 20*time.Millisecond)
		if err != nil || s.Done {
			t.Fatalf("%+v, %v although nobody carries it out", s, err)
		}
		w.work()
		if s = w.settled(s.ID, boss); s.Err != nil {
			t.Fatal(s.Err)
		}
	})
}

func TestWhatFailsForGoodIsTheOutcome(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		w.do("open", `{"account_id":"a","balance":10}`)
		w.work()
		var ids []string
		for _, amount := range []int{8, 8, 2, 1} {
			ids = append(ids, w.submit(boss, "spend", note("a", amount)).ID)
		}
		var codes []fault.Code
		for _, id := range ids {
			codes = append(codes, fault.CodeOf(w.settled(id, boss).Err))
		}
		if want := []fault.Code{"", fault.GuardFailed, "", fault.GuardFailed}; !slices.Equal(codes, want) {
			t.Errorf("outcomes %q, want %q", codes, want)
		}
		is(t, w.settled(w.submit(boss, "spend", note("nobody", 1)).ID, boss).Err, fault.MissingRow)
	})
}

// A rule that looks at rows is judged when the write is carried out, with the caller as of acceptance,
// and what comes of it stays.
func TestRulesAreJudgedInTurn(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		first := w.submit(ann, "note", note("a", 1))
		w.submit(boss, "note", note("a", 2))
		w.work()
		is(t, w.settled(first.ID, ann).Err, fault.Forbidden)
		w.do("join", `{"account_id":"a","user_id":"ann"}`)
		if s := w.settled(w.submit(ann, "note", note("a", 3)).ID, ann); s.Err != nil {
			t.Error(s.Err)
		}
		is(t, w.settled(first.ID, ann).Err, fault.Forbidden) // still
		if list := w.entries("a"); len(list) != 2 || list[1].By != "ann" {
			t.Errorf("%+v", list)
		}
		// What no row could allow is refused at once.
		_, err := w.Submit(t.Context(), w.request(ann, "spend", note("a", 1)), 0)
		is(t, err, fault.Forbidden)
	})
}

func TestRepeatsAreOneOperation(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		first := w.submit(boss, "note", note("a", 1), "k")
		stop := w.work()
		w.settled(first.ID, boss)
		for range 3 {
			if s := w.submit(boss, "note", note("a", 1), "k"); s.ID != first.ID {
				t.Error("a repeat is another operation")
			}
		}
		// Carried out at once, it is the same too.
		q := w.request(boss, "note", note("a", 1))
		q.IdempotencyKey = "k"
		if r, err := w.engine.Write(t.Context(), q); err != nil || !r.Replayed {
			t.Errorf("the same request, carried out at once: %+v %v", r, err)
		}
		other := w.submit(boss, "note", note("a", 2), "k")
		if other.ID == first.ID {
			t.Error("another request under the same key is the same operation")
		}
		is(t, w.settled(other.ID, boss).Err, fault.KeyReused)
		if s := w.settled(first.ID, boss); s.Err != nil {
			t.Error(s.Err)
		}
		again, another := w.submit(boss, "note", note("a", 3)), w.submit(boss, "note", note("a", 3))
		if again.ID == another.ID {
			t.Error("without a key two requests are one operation")
		}
		w.settled(again.ID, boss)
		w.settled(another.ID, boss)
		stop()
		w.end()
		w = p.open(t) // in another process as well
		w.work()
		if s := w.submit(boss, "note", note("a", 1), "k"); s.ID != first.ID || w.settled(s.ID, boss).Err != nil {
			t.Error("after a restart a repeat is another operation")
		}
		if n := len(w.entries("a")); n != 3 {
			t.Errorf("%d entries, want 3", n)
		}
	})
}

func TestNobodyButTheSubmitterMayAsk(t *testing.T) {
	places(t, func(t *testing.T, p *place) {
		w := p.open(t)
		w.do("join", `{"account_id":"a","user_id":"ann"}`)
		w.work()
		id := w.submit(ann, "note", note("a", 1)).ID
		w.settled(id, ann)
		for name, err := range map[string]error{
			"another caller": second(w.Operation(t.Context(), id, bob, 0)),
			"no token":       second(w.Operation(t.Context(), id, nil, 0)),
			"nonsense":       second(w.Operation(t.Context(), "x", ann, 0)),
			"nothing":        second(w.Operation(t.Context(), "", ann, 0)),
		} {
			if fault.CodeOf(err) != fault.UnknownPattern {
				t.Errorf("%s: %v", name, err)
			}
		}
		for i := range id {
			forged := id[:i] + string('A'+(id[i]-'A'+1)%26) + id[i+1:]
			if _, err := w.Operation(t.Context(), forged, ann, 0); forged != id && fault.CodeOf(err) != fault.UnknownPattern {
				t.Fatalf("changed at %d: %v", i, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestAfterAnOperation(t *testing.T) {
	p := &place{dir: t.TempDir()}
	w := p.open(t)
	a, b := w.submit(boss, "note", note("a", 1)), w.submit(boss, "note", note("b", 1))
	if err := w.After(t.Context(), []string{a.ID}, boss, a.Place, true); err != nil {
		t.Error("accepted writes of one partition are in order anyway:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	is(t, w.After(ctx, []string{a.ID}, boss, a.Place, false), fault.Behind)
	is(t, w.After(ctx, []string{b.ID}, boss, a.Place, true), fault.Behind)
	is(t, w.After(t.Context(), []string{a.ID}, bob, a.Place, false), fault.BadRequest)
	w.work()
	if err := w.After(t.Context(), []string{a.ID, b.ID}, boss, a.Place, false); err != nil {
		t.Error(err)
	}
	if len(w.entries("a")) != 1 || len(w.entries("b")) != 1 {
		t.Error("it came too early")
	}
}

func TestFullBacklogRefuses(t *testing.T) {
	p := &place{dir: t.TempDir()}
	w := p.open(t, func(c *bus.Config) { c.BacklogBytes = 32 << 20 })
	body := fmt.Sprintf(`{"account_id":"a","amount":1%s}`, fmt.Sprintf("%*s", 512<<10, ""))
	var err error
	accepted := 0
	for ; err == nil && accepted < 100; accepted++ {
		_, err = w.Submit(t.Context(), w.request(boss, "note", body), 0)
	}
	f, _ := err.(*fault.Error) //nolint:errorlint // it is one
	if f == nil || f.Code != fault.Overloaded || f.RetryAfter == 0 || accepted < 10 {
		t.Fatalf("after %d writes: %v", accepted, err)
	}
	if s := w.Stats(t.Context()); !s.Known || s.Messages == 0 || s.Bytes < 5<<20 || s.Age == 0 {
		t.Errorf("%+v", s)
	}
	w.work()
	if w.settled(w.until("note", note("a", 2)).ID, boss).Err != nil || len(w.entries("a")) != accepted {
		t.Errorf("%d entries, want %d", len(w.entries("a")), accepted)
	}
}

// until submits a write until it is accepted.
func (w *world) until(write, body string) accept.State {
	for {
		s, err := w.Submit(context.Background(), w.request(boss, write, body), 0)
		if err == nil {
			return s
		}
		if code := fault.CodeOf(err); code != fault.Overloaded && code != fault.Unavailable {
			w.t.Fatal(err)
		}
	}
}
