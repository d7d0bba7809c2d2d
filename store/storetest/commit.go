package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func versionsHaveNoGaps(b *bench) {
	const writers, each = 8, 25
	var mu sync.Mutex
	seen := map[string][]uint64{}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				name := fmt.Sprint("p", (i+j)%3)
				p := b.account(name)
				w := b.write(p, func(tx store.Tx) ([]byte, error) {
					row, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i, "-", j), "", "a", 1, "x"))
					if err == nil && row.Version != tx.Version() {
						err = errors.New("the row does not have the write's version")
					}
					return nil, err
				})
				b.Commit(context.Background(), w)
				if w.Result.Err != nil {
					b.Error(w.Result.Err)
					return
				}
				mu.Lock()
				seen[name] = append(seen[name], w.Result.Version)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	total := 0
	for name, versions := range seen {
		slices.Sort(versions)
		for i, v := range versions {
			if v != uint64(i+1) {
				b.Fatalf("versions of %s have a gap or a double: %v", name, versions)
			}
		}
		head, err := b.Head(context.Background(), b.account(name))
		b.no(err)
		b.equal("head", head, len(versions))
		total += len(versions)
	}
	b.equal("writes", total, writers*each)
}

func oneCommitOfManyWrites(b *bench) {
	p, q := b.account("p"), b.account("q")
	var ws []*store.Write
	for i := range 600 { // more than one group holds
		at := p
		if i%3 == 0 {
			at = q
		}
		ws = append(ws, b.write(at, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(at, fmt.Sprintf("%03d", i), "", "a", 1, "x"))
			return []byte{byte(i)}, err
		}))
	}
	b.Commit(context.Background(), ws...)
	var versions [2]uint64
	for i, w := range ws {
		b.no(w.Result.Err)
		n := &versions[0]
		if i%3 == 0 {
			n = &versions[1]
		}
		*n++
		b.equal("version", w.Result.Version, *n)
		b.equal("outcome", w.Result.Outcome, []byte{byte(i)})
		b.equal("version of the change", w.Result.Change.Version, *n)
	}
}

func nothingChangedTakesNoVersion(b *bench) {
	p := b.account("p")
	b.put(p, "1", "", "a", 1, "x")
	idle := []func(tx store.Tx) error{
		func(store.Tx) error { return nil },
		func(tx store.Tx) error {
			row, err := tx.Get(b.entity("order"), []model.Value{model.String("1")})
			if err == nil {
				_, err = tx.Update(b.entity("order"), row, slices.Clone(row.Values))
			}
			return err
		},
		func(tx store.Tx) error {
			row, err := tx.Insert(b.entity("order"), b.order(p, "2", "", "a", 1, "x"))
			if err == nil {
				err = tx.Delete(b.entity("order"), row, false)
			}
			return err
		},
	}
	for _, f := range idle {
		res := b.do(p, f)
		b.equal("version", res.Version, 1)
		if res.Change != nil {
			b.Fatal("a write that changed nothing has a change")
		}
	}
	res := b.do(p, func(tx store.Tx) error { tx.Emit(store.Event{Name: "e", Data: []byte(`{"x":1}`)}); return nil })
	b.equal("version of a write that only emits", res.Version, 2)
}

func eachWriteHasItsOwnOutcome(b *bench) {
	p := b.account("p")
	insert := func(id, code string) *store.Write {
		return b.write(p, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(p, id, code, "a", 1, "x"))
			return []byte(id), err
		})
	}
	guard := fault.New(fault.GuardFailed, "no")
	failing := b.write(p, func(tx store.Tx) ([]byte, error) {
		if _, err := tx.Insert(b.entity("order"), b.order(p, "never", "", "a", 1, "x")); err != nil {
			return nil, err
		}
		return nil, guard
	})
	ws := []*store.Write{insert("1", "c1"), failing, insert("2", "c2"), insert("1", "c3"), insert("3", "c1"), insert("4", "c4")}
	b.Commit(context.Background(), ws...)
	want := []fault.Code{"", fault.GuardFailed, "", fault.Exists, fault.NotUnique, ""}
	for i, w := range ws {
		b.is(w.Result.Err, want[i])
		if (w.Result.Change != nil) != (want[i] == "") {
			b.Fatalf("write %d: change %v with error %v", i, w.Result.Change, w.Result.Err)
		}
		if want[i] != "" && w.Result.Unknown {
			b.Fatalf("write %d: a refusal cannot be unknown", i)
		}
	}
	res := b.read(p, b.query(p, "by_label"))
	b.equal("rows", ids(res.Rows), []string{"1", "2", "4"})
	b.equal("version", res.Version, 3)
}

func panicIsContained(b *bench) {
	p := b.account("p")
	before, boom, after := b.write(p, nil), b.write(p, nil), b.write(p, nil)
	insert := func(id string) func(tx store.Tx) ([]byte, error) {
		return func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(p, id, "", "a", 1, "x"))
			return nil, err
		}
	}
	before.Apply, after.Apply = insert("1"), insert("2")
	boom.Apply = func(tx store.Tx) ([]byte, error) {
		if _, err := insert("3")(tx); err != nil {
			return nil, err
		}
		panic("boom")
	}
	b.Commit(context.Background(), before, boom, after)
	b.no(before.Result.Err)
	b.is(boom.Result.Err, fault.Internal)
	b.no(after.Result.Err)
	b.equal("rows", ids(b.read(p, b.query(p, "orders")).Rows), []string{"1", "2"})
}

func failedCheckChangesNothing(b *bench) {
	p := b.account("p")
	w := b.write(p, func(store.Tx) ([]byte, error) { b.Error("Apply ran although Check failed"); return nil, nil })
	w.Check = func(tx store.Tx) error {
		if row, err := tx.Get(b.entity("account"), nil); row != nil || err != nil {
			return errors.New("there should be no row")
		}
		return fault.New(fault.Forbidden, "no")
	}
	b.Commit(context.Background(), w)
	b.is(w.Result.Err, fault.Forbidden)
	head, err := b.Head(context.Background(), p)
	b.no(err)
	b.equal("head", head, 0)
}

func aloneRunsAlone(b *bench) {
	p := b.account("p")
	var ws []*store.Write
	for i := range 9 {
		w := b.write(p, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i), "", "a", 1, "x"))
			return nil, err
		})
		w.Alone = i%2 == 1
		ws = append(ws, w)
	}
	b.Commit(context.Background(), ws...)
	for i, w := range ws {
		b.no(w.Result.Err)
		b.equal("version", w.Result.Version, i+1)
	}
}

// hold occupies a partition with a write that waits, and returns when it runs. The function lets it go.
func hold(b *bench, p store.Partition) (release func()) {
	running, done := make(chan struct{}), make(chan struct{})
	var once, end sync.Once
	w := b.write(p, func(store.Tx) ([]byte, error) {
		once.Do(func() { close(running) })
		<-done
		return nil, nil
	})
	w.Alone = true
	var wg sync.WaitGroup
	wg.Go(func() { b.Commit(context.Background(), w) })
	<-running
	release = func() { end.Do(func() { close(done); wg.Wait() }) }
	b.Cleanup(release)
	return release
}

// queued waits until the store has that many writes waiting.
func queued(b *bench, n int) {
	for {
		stats, err := b.Stats(context.Background())
		b.no(err)
		if stats.QueueLength >= n {
			return
		}
	}
}

func endedContextIsTakenOut(b *bench) {
	p := b.account("p")
	release := hold(b, p)
	ctx, cancel := context.WithCancel(context.Background())
	ws := []*store.Write{
		b.write(p, func(tx store.Tx) ([]byte, error) { b.Error("it ran"); return nil, nil }),
		b.write(p, func(tx store.Tx) ([]byte, error) { b.Error("it ran"); return nil, nil }),
	}
	var wg sync.WaitGroup
	wg.Go(func() { b.Commit(ctx, ws...) })
	queued(b, 2)
	cancel()
	wg.Wait()
	for _, w := range ws {
		b.is(w.Result.Err, fault.Deadline)
		if w.Result.Unknown {
			b.Fatal("a write that was taken out of the queue is known not to have happened")
		}
	}
	release()
	late := b.write(p, func(store.Tx) ([]byte, error) { b.Error("it ran"); return nil, nil })
	b.Commit(ctx, late)
	b.is(late.Result.Err, fault.Deadline)
}

func fullQueueRefuses(b *bench) {
	b.reopen(store.Options{Queue: 3})
	p := b.account("p")
	release := hold(b, p)
	var ws []*store.Write
	for i := range 5 {
		ws = append(ws, b.write(p, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i), "", "a", 1, "x"))
			return nil, err
		}))
	}
	var wg sync.WaitGroup
	wg.Go(func() { b.Commit(context.Background(), ws...) })
	queued(b, 3)
	release()
	wg.Wait()
	for i, w := range ws {
		if i < 3 {
			b.no(w.Result.Err)
		} else {
			b.is(w.Result.Err, fault.Overloaded)
		}
	}
}

func onChangeInOrder(b *bench) {
	var mu sync.Mutex
	heard := map[string][]uint64{}
	b.reopen(store.Options{OnChange: func(c *store.Change) {
		mu.Lock()
		defer mu.Unlock()
		name := c.Partition.Value.Text()
		heard[name] = append(heard[name], c.Version)
	}})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for j := range 20 {
				p := b.account(fmt.Sprint("p", j%2))
				w := b.write(p, func(tx store.Tx) ([]byte, error) {
					_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i, "-", j), "", "a", 1, "x"))
					return nil, err
				})
				b.Commit(context.Background(), w)
				mu.Lock()
				if !slices.Contains(heard[p.Value.Text()], w.Result.Version) {
					b.Error("Commit returned before the change was announced")
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for name, versions := range heard {
		b.equal("versions announced of "+name, len(versions), 60)
		if !slices.IsSorted(versions) {
			b.Fatalf("changes of %s were announced out of order: %v", name, versions)
		}
	}
}

func closeTwice(b *bench) {
	b.put(b.account("p"), "1", "", "a", 1, "x")
	b.no(b.Store.Close())
	b.no(b.Store.Close())
	w := b.write(b.account("p"), func(store.Tx) ([]byte, error) { b.Error("it ran"); return nil, nil })
	b.Commit(context.Background(), w)
	b.is(w.Result.Err, fault.Unavailable)
	if w.Result.Unknown {
		b.Fatal("a write on a closed store is known not to have happened")
	}
	_, err := b.Read(context.Background(), b.account("p"), b.query(b.account("p"), "order", model.String("1")))
	b.is(err, fault.Unavailable)
	select {
	case <-b.Broken():
		b.Fatal("a closed store is not broken")
	default:
	}
}
