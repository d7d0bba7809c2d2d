package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

func named(names ...string) []*store.Write {
	var ws []*store.Write
	for _, n := range names {
		ws = append(ws, &store.Write{Name: n, Alone: strings.HasPrefix(n, "alone")})
	}
	return ws
}

func take(q *store.Queue) (string, []store.Item) {
	items := q.Take(nil)
	var names []string
	for _, it := range items {
		if it.Job != nil {
			it.Job()
			names = append(names, "job")
		} else {
			names = append(names, it.Write.Name)
		}
	}
	return strings.Join(names, " "), items
}

func TestQueueGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(0, 3)
		ran := false
		go q.Submit(t.Context(), named("a", "b", "c", "d", "alone1", "alone2", "e")...)
		synctest.Wait()
		go func() {
			if err := q.Do(t.Context(), func() { ran = true }); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		go q.Submit(t.Context(), named("f")...)
		synctest.Wait()
		for _, want := range []string{"a b c", "d", "alone1", "alone2", "e", "job", "f"} {
			got, items := take(q)
			if got != want {
				t.Fatalf("took %q, want %q", got, want)
			}
			q.Done(items)
		}
		if !ran {
			t.Fatal("the job did not run")
		}
	})
}

func TestQueueNothingWaitsForATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(0, 0)
		done := make(chan string)
		go func() {
			got, items := take(q)
			q.Done(items)
			done <- got
		}()
		synctest.Wait()
		q.Submit(t.Context(), named("a")...)
		if got := <-done; got != "a" {
			t.Fatalf("took %q", got)
		}
	})
}

func TestQueueTakesOutWhatStillWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(0, 2)
		ctx, cancel := context.WithCancel(t.Context())
		ws := named("a", "b", "c", "d")
		returned := false
		go func() { q.Submit(ctx, ws...); returned = true }()
		synctest.Wait()
		_, items := take(q) // a and b are under way
		cancel()
		synctest.Wait()
		if returned || q.Len() != 0 {
			t.Fatalf("returned: %v, waiting: %d", returned, q.Len())
		}
		q.Done(items)
		synctest.Wait()
		if !returned {
			t.Fatal("Submit did not return")
		}
		for i, want := range []fault.Code{"", "", fault.Deadline, fault.Deadline} {
			if fault.CodeOf(ws[i].Result.Err) != want {
				t.Fatalf("write %d: %v", i, ws[i].Result.Err)
			}
		}
	})
}

func TestQueueBoundAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(2, 0)
		ws := named("a", "b", "c")
		go q.Submit(t.Context(), ws...)
		synctest.Wait()
		if q.Bound() != 2 || fault.CodeOf(ws[2].Result.Err) != fault.Overloaded {
			t.Fatalf("over the bound: %v", ws[2].Result.Err)
		}
		q.Close(fault.New(fault.Unavailable, "closing"), false)
		late := named("late")
		q.Submit(t.Context(), late...)
		if fault.CodeOf(late[0].Result.Err) != fault.Unavailable {
			t.Fatalf("after Close: %v", late[0].Result.Err)
		}
		got, items := take(q)
		q.Done(items)
		if end, _ := take(q); got != "a b" || end != "" {
			t.Fatalf("took %q, then %q", got, end)
		}
	})
}

func TestQueueCloseNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(0, 0)
		ws := named("a", "b")
		go func() {
			if err := q.Do(t.Context(), func() { t.Error("the job ran") }); fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("job: %v", err)
			}
		}()
		go q.Submit(t.Context(), ws...)
		synctest.Wait()
		q.Close(fault.New(fault.Unavailable, "broken"), true)
		synctest.Wait()
		for _, w := range ws {
			if fault.CodeOf(w.Result.Err) != fault.Unavailable {
				t.Fatalf("%s: %v", w.Name, w.Result.Err)
			}
		}
		if left := fmt.Sprint(q.Len(), len(q.Take(nil))); left != "0 0" {
			t.Fatalf("left: %s", left)
		}
	})
}
