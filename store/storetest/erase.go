package storetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// forgets states what a store.Eraser promises.
func forgets(b *bench) {
	b.reopen(store.Options{Follow: follow})
	e, ok := b.Store.(store.Eraser)
	if !ok {
		b.Fatal("the store cannot forget")
	}
	ctx := context.Background()
	p, other := b.account("p"), b.account("q")
	for i := range 150 {
		b.put(p, fmt.Sprint(i), "", "a", -1, "")
	}
	b.put(other, "o", "", "a", -1, "")
	keep := func(p store.Partition) {
		w := b.write(p, func(tx store.Tx) ([]byte, error) {
			tx.Emit(store.Event{Name: "x"})
			return []byte("kept"), nil
		})
		w.Key = &store.Key{Hash: [32]byte{9}}
		b.Commit(ctx, w)
		b.no(w.Result.Err)
	}
	keep(p)
	keep(other)
	lag, err := e.Lag(ctx, p)
	b.no(err)
	b.equal("the lag", []uint64{lag.Version, lag.Relayed}, []uint64{151, 0})
	none, err := e.Lag(ctx, b.room(7))
	b.no(err)
	b.equal("the version of a partition that was never written", none.Version, 0)

	done, err := e.Overwrite(ctx)
	b.no(err)
	gone, err := e.Forget(ctx, p, 70, false)
	b.no(err)
	b.equal("what went", gone, store.Forgotten{Changes: 70})
	changes, err := b.Changes(ctx, p, 70, 1000)
	b.no(err)
	b.equal("what stayed", []int{len(changes), int(changes[0].Version)}, []int{81, 71})
	_, err = b.Changes(ctx, p, 69, 10)
	b.is(err, fault.NotFound)
	for again := range 2 {
		gone, err = e.Forget(ctx, p, 151, true)
		b.no(err)
		b.equal("what went", gone, []store.Forgotten{{Changes: 81, Outcomes: 1}, {}}[again])
	}
	_, err = done(ctx)
	b.no(err)
	_, err = b.Changes(ctx, p, 150, 10)
	b.is(err, fault.NotFound)
	o, err := b.Outcome(ctx, p, [32]byte{9})
	b.no(err)
	if o != nil {
		b.Error("an outcome stayed")
	}

	// The partition goes on where it was, and its neighbour was not touched.
	b.equal("the next version", b.put(p, "new", "", "a", -1, "").Version, 152)
	changes, err = b.Changes(ctx, p, 151, 10)
	b.no(err)
	b.equal("changes since", len(changes), 1)
	for range 200 {
		b.touch(p)
	}
	changes, err = b.Changes(ctx, p, 151, 1000)
	b.no(err)
	b.equal("changes since", len(changes), 201)
	gone, err = e.Forget(ctx, p, 300, true)
	b.no(err)
	b.equal("what went", gone, store.Forgotten{Changes: 149})
	changes, err = b.Changes(ctx, other, 0, 10)
	b.no(err)
	b.equal("changes of the neighbour", len(changes), 2)
	if o, err = b.Outcome(ctx, other, [32]byte{9}); err != nil || o == nil {
		b.Errorf("the neighbour's outcome: %v, %v", o, err)
	}
	values, err := b.Partitions(ctx, p.Family, model.Null, 10)
	b.no(err)
	if !slices.Contains(values, p.Value) {
		b.Error("the head went")
	}

	// What another partition does after the next start is not taken for what was forgotten.
	r, another := b.account("r"), b.account("s")
	b.put(r, "1", "", "a", -1, "")
	gone, err = e.Forget(ctx, r, 1, true)
	b.no(err)
	b.equal("what went", gone, store.Forgotten{Changes: 1})
	b.reopen(store.Options{Follow: follow})
	b.put(another, "1", "", "a", -1, "")
	_, err = b.Changes(ctx, r, 0, 10)
	b.is(err, fault.NotFound)
	b.equal("the version after", b.put(r, "2", "", "a", -1, "").Version, 2)
	changes, err = b.Changes(ctx, r, 1, 10)
	b.no(err)
	b.equal("changes since", len(changes), 1)
	_, err = b.Changes(ctx, r, 0, 10)
	b.is(err, fault.NotFound)
}
