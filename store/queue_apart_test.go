package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// placed makes writes whose partition is their first letter; an upper-case one runs alone.
func placed(names ...string) []*store.Write {
	var ws []*store.Write
	for _, n := range names {
		p := store.Partition{Value: model.String(strings.ToLower(n[:1]))}
		ws = append(ws, &store.Write{Name: n, Partition: p, Alone: n[0] < 'a'})
	}
	return ws
}

func names(items []store.Item) string {
	var out []string
	for _, it := range items {
		out = append(out, it.Write.Name)
	}
	return strings.Join(out, " ")
}

func TestAPartitionIsWithOneTaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(0, 3)
		go q.Submit(t.Context(), placed("a1", "b1", "a2", "a3", "c1", "b2", "d1", "D2", "e1")...)
		synctest.Wait()
		first := q.TakeApart(nil, true)
		second := q.TakeApart(nil, true)
		if got := names(first) + "|" + names(second); got != "a1 b1 a2|c1 d1" {
			t.Fatalf("took %s", got)
		}
		third := q.TakeApart(nil, true) // D2 waits for d1, and others go past it
		if got := names(third); got != "e1" || q.Len() != 3 {
			t.Fatalf("took %q, and %d wait", got, q.Len())
		}
		if got := q.TakeApart(third, false); names(got) != "e1" {
			t.Fatalf("a taker that does not wait was given %s", names(got))
		}
		q.Done(second)
		alone := q.TakeApart(nil, true)
		q.Done(first[1:2]) // a1 and a2 are still under way
		behind := q.TakeApart(nil, true)
		if got := names(alone) + "|" + names(behind); got != "D2|b2" {
			t.Fatalf("took %s", got)
		}
		q.Done([]store.Item{first[0]})
		if got := q.TakeApart(nil, false); got != nil {
			t.Fatalf("took %s while a2 is under way", names(got))
		}
		q.Done(first[2:])
		last := q.TakeApart(nil, true)
		if got := names(last); got != "a3" {
			t.Fatalf("took %s", got)
		}
		for _, items := range [][]store.Item{third, alone, behind, last} {
			q.Done(items)
		}
	})
}

func TestWhatIsParkedCanBeTakenOutAndRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := store.NewQueue(0, 0)
		ctx, cancel := context.WithCancel(t.Context())
		go q.Submit(t.Context(), placed("a1")...)
		synctest.Wait()
		first := q.TakeApart(nil, true)
		out, refused, kept := placed("a2"), placed("a3"), placed("b1")
		go q.Submit(ctx, out...)
		synctest.Wait()
		go q.Submit(t.Context(), refused...)
		go q.Submit(t.Context(), kept...)
		synctest.Wait()
		second := q.TakeApart(nil, true)
		cancel()
		synctest.Wait()
		if fault.CodeOf(out[0].Result.Err) != fault.Deadline || q.Len() != 1 {
			t.Fatalf("%v, and %d wait", out[0].Result.Err, q.Len())
		}
		q.Close(fault.New(fault.Unavailable, "broken"), true)
		synctest.Wait()
		if fault.CodeOf(refused[0].Result.Err) != fault.Unavailable || q.Len() != 0 {
			t.Fatalf("%v, and %d wait", refused[0].Result.Err, q.Len())
		}
		q.Done(first)
		q.Done(second)
		if left := q.TakeApart(nil, true); left != nil {
			t.Fatalf("took %s of a queue that is closed", names(left))
		}
	})
}

// TestTakersSideBySide lets several take, who now and then have to leave a partition for later: each
// partition's writes are carried out in their order, none twice, none lost, and all takers end.
func TestTakersSideBySide(t *testing.T) {
	const partitions, calls, each = 5, 100, 10
	q := store.NewQueue(0, 7)
	var done [partitions][]string // each written by who has the partition, so that the race detector watches
	var takers, callers sync.WaitGroup
	for range 3 {
		takers.Go(func() {
			var items, held []store.Item
			for {
				items = q.TakeApart(append(items[:0], held...), len(held) == 0)
				if len(items) == 0 {
					return
				}
				busy := byte('a' + rand.IntN(2*partitions)) // another node is at it
				var over []store.Item
				held = held[:0]
				for _, it := range items {
					if it.Write.Name[0] == busy {
						held = append(held, it)
						continue
					}
					p := it.Write.Name[0] - 'a'
					done[p] = append(done[p], it.Write.Name)
					over = append(over, it)
				}
				q.Done(over)
			}
		})
	}
	for p := range partitions {
		callers.Go(func() {
			for call := range calls {
				var ws []*store.Write
				for i := range each {
					ws = append(ws, placed(fmt.Sprintf("%c%d", 'a'+p, call*each+i))...)
				}
				q.Submit(t.Context(), ws...)
			}
		})
	}
	callers.Wait()
	q.Close(fault.New(fault.Unavailable, "closed"), false)
	takers.Wait()
	for p, names := range done {
		if len(names) != calls*each {
			t.Fatalf("partition %d: %d writes", p, len(names))
		}
		for i, name := range names {
			if want := fmt.Sprintf("%c%d", 'a'+p, i); name != want {
				t.Fatalf("partition %d: %s where %s should be", p, name, want)
			}
		}
	}
}
