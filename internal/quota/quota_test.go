package quota_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/model"
)

const diary = `
service: diary
partitions:
  person: {by: person_id, type: string(20), expect: 1k}
entities:
  note: {in: person, key: n, expect: 10, fields: {n: {type: int, default: next}, text: text(100)}}
reads:
  note: {get: note}
writes:
  add: {insert: note, input: [text]}
limits:
  each: {of: [add, note], per: [person_id], rate: 10/s, burst: 5}
  all: {of: [add], rate: 20/s, burst: 20}
`

func parse(t testing.TB, source string) *model.Model {
	t.Helper()
	m, err := model.Parse("test.yaml", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func of(person string) *model.Scope {
	return &model.Scope{Now: time.Now(), Args: &model.Args{Values: []model.Value{model.String(person)}, Given: []bool{true}}}
}

// pass writes n times as a person and tells how many passed.
func pass(t *testing.T, l *quota.Limits, m *model.Model, person string, n int) int {
	t.Helper()
	passed := 0
	for range n {
		states, err := l.Write(m.Write("add"), of(person))
		if err == nil {
			passed++
			continue
		}
		e, ok := errors.AsType[*quota.Exceeded](err)
		if !ok || fault.CodeOf(err) != fault.QuotaExceeded || e.Fault.RetryAfter < time.Second || len(e.States) == 0 || states != nil {
			t.Fatalf("refused with %v", err)
		}
	}
	return passed
}

func TestABucketHoldsItsBurstAndFillsAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := parse(t, diary)
		l := quota.New(m)
		states, err := l.Read(m.Read("note"), of("ada"))
		if err != nil || len(states) != 1 || states[0].Remaining != 4 || states[0].Policy.Burst != 5 || states[0].Policy.Window != 500*time.Millisecond || states[0].Full != 100*time.Millisecond {
			t.Fatalf("%+v, %v", states, err)
		}
		if n := pass(t, l, m, "ada", 10); n != 4 {
			t.Errorf("%d passed beside the one before", n)
		}
		if n := pass(t, l, m, "bob", 10); n != 5 {
			t.Errorf("%d of another person passed", n)
		}
		time.Sleep(300 * time.Millisecond)
		if n := pass(t, l, m, "ada", 10); n != 3 {
			t.Errorf("%d passed after 0.3 s at 10 a second", n)
		}
		// What another limit refuses is not taken out of this one.
		time.Sleep(10 * time.Second)
		for i := range 4 {
			if n := pass(t, l, m, fmt.Sprint(i), 10); n != 5 {
				t.Errorf("%d passed", n)
			}
		}
		if n := pass(t, l, m, "eve", 5); n != 0 {
			t.Errorf("%d passed although all together had used up theirs", n)
		}
		states, err = l.Read(m.Read("note"), of("eve"))
		if err != nil || states[0].Remaining != 4 {
			t.Errorf("%+v, %v", states, err)
		}
	})
}

// wire joins nodes; it may lose messages.
type wire struct {
	mu   sync.Mutex
	hear []func([]byte)
	lose func() bool
}

func (w *wire) SendQuota(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lose != nil && w.lose() {
		return
	}
	for _, f := range w.hear {
		f(b)
		f(b) // twice: that must do no harm
	}
}

func (w *wire) OnQuota(f func([]byte)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hear = append(w.hear, f)
	return nil
}

func TestNodesShareALimit(t *testing.T) {
	for name, lost := range map[string]int{"all is heard": 0, "every other message is lost": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, w, n := parse(t, diary), &wire{}, 0
				if lost > 0 {
					w.lose = func() bool { n++; return n%lost == 0 }
				}
				const nodes, rate, burst, seconds = 3, 10, 5, 30
				var all [nodes]*quota.Limits
				ctx, stop := context.WithCancel(t.Context())
				var work sync.WaitGroup
				for i := range all {
					all[i] = quota.New(m)
					s, err := quota.Share(all[i], w, "x")
					if err != nil {
						t.Fatal(err)
					}
					work.Go(func() { s.Run(ctx) })
				}
				// Somebody asks all nodes, ten times as often as allowed.
				passed := 0
				for range seconds * 10 * rate {
					time.Sleep(time.Second / (10 * rate))
					for _, l := range all {
						if _, err := l.Read(m.Read("note"), of("ada")); err == nil {
							passed++
						}
					}
				}
				// Once the burst of each node, then what passes until the others hear of it.
				most := nodes*burst + seconds*rate*3/2
				if passed < seconds*rate*8/10 || passed > most {
					t.Errorf("%d passed in %d s, at %d a second; at most %d are allowed for", passed, seconds, rate, most)
				}
				t.Logf("%d passed, %d by the limit", passed, burst+seconds*rate)
				stop()
				work.Wait()
			})
		})
	}
}

// A node that comes later must not take what was let through long ago for something new.
func TestWhatWasLongAgoIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := parse(t, diary), &wire{}
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		first := quota.New(m)
		s, err := quota.Share(first, w, "x")
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() { s.Run(ctx) })
		for range 100 {
			time.Sleep(200 * time.Millisecond)
			pass(t, first, m, "ada", 1)
		}
		time.Sleep(10 * time.Second)
		second := quota.New(m)
		if s, err = quota.Share(second, w, "x"); err != nil {
			t.Fatal(err)
		}
		work.Go(func() { s.Run(ctx) })
		pass(t, first, m, "ada", 1)
		time.Sleep(90 * time.Millisecond)
		if n := pass(t, second, m, "ada", 10); n < 4 {
			t.Errorf("%d passed at a node that has just come", n)
		}
		// A caller who was away for long, so that its bucket was forgotten, is counted anew.
		time.Sleep(3 * time.Minute)
		if got := first.Figures()[0].Callers; got != 0 {
			t.Errorf("%d buckets are kept of those who are away", got)
		}
		if n := pass(t, first, m, "ada", 10); n != 5 {
			t.Errorf("%d passed", n)
		}
		time.Sleep(105 * time.Millisecond)
		if n := pass(t, second, m, "ada", 10); n > 1 {
			t.Errorf("%d passed at the other node at once", n)
		}
		stop()
		work.Wait()
	})
}

func FuzzHear(f *testing.F) {
	m, w := parse(f, diary), &wire{}
	l := quota.New(m)
	if _, err := quota.Share(l, w, "x"); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("\x01\x01x12345678\x00\x04ada\xff\x01\x05\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w.hear[0](b)
		if n := l.Figures()[0].Callers; n > 200_000 {
			t.Fatalf("%d buckets", n)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	m := parse(b, diary)
	l := quota.New(m)
	scope := of("ada")
	b.ReportAllocs()
	for b.Loop() {
		l.Read(m.Read("note"), scope)
	}
}
