package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// history writes one change of each kind to a partition.
func history(b *bench, p store.Partition) []store.WriteResult {
	order := b.entity("order")
	get := func(tx store.Tx) *model.Row {
		row, err := tx.Get(order, key("1"))
		if err != nil {
			b.Error(err)
		}
		return row
	}
	return []store.WriteResult{
		b.put(p, "1", "c", "a", 1, "x"),
		b.do(p, func(tx store.Tx) error {
			_, err := tx.Update(order, get(tx), with(get(tx), 3, model.String("b")))
			return err
		}),
		b.do(p, func(tx store.Tx) error { // twice in one write: one row change
			row, err := tx.Update(order, get(tx), with(get(tx), 4, model.Null))
			if err == nil {
				_, err = tx.Update(order, row, with(row, 5, model.String("y")))
			}
			tx.Emit(store.Event{Name: "first", Data: []byte(`{"a":1}`)})
			tx.Emit(store.Event{Name: "second"})
			return err
		}),
		b.do(p, func(tx store.Tx) error { return tx.Delete(order, get(tx), true) }),
	}
}

func changesTell(b *bench) {
	p := b.account("p")
	results := history(b, p)
	changes, err := b.Changes(context.Background(), p, 0, 100)
	b.no(err)
	b.equal("changes", len(changes), 4)
	for i, c := range changes {
		want := results[i].Change
		b.equal("version", c.Version, i+1)
		if c.Foreign || c.ID != want.ID || c.Write != want.Write || c.Revision != want.Revision || !c.Time.Equal(want.Time) || c.Partition != p {
			b.Fatalf("change %d is %+v, want %+v", i, c, want)
		}
		b.equal("rows", showRows(c.Rows), showRows(want.Rows))
		b.equal("events", c.Events, want.Events)
	}
	if r := changes[3].Rows[0]; !r.Expired || r.After != nil {
		b.Fatalf("the expiry is %+v", r)
	}
	some, err := b.Changes(context.Background(), p, 1, 2)
	b.no(err)
	b.equal("changes 2 and 3", []uint64{some[0].Version, some[1].Version}, []uint64{2, 3})
	none, err := b.Changes(context.Background(), p, 4, 2)
	b.no(err)
	b.equal("changes above the head", len(none), 0)
}

func showRows(rows []model.RowChange) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %v:", r.Entity.Name, r.Expired)
		for _, row := range []*model.Row{r.Before, r.After} {
			if row == nil {
				b.WriteString(" -")
				continue
			}
			fmt.Fprintf(&b, " %d%v", row.Version, row.Values)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func changesForeign(b *bench) {
	p := b.account("p")
	history(b, p)
	b.do(p, func(tx store.Tx) error {
		_, err := tx.Insert(b.entity("line"), []model.Value{p.Value, model.String("1"), model.String("s"), model.Int(1)})
		return err
	})
	b.no(b.Store.Close())
	// A model that has grown reads what the old one wrote.
	grown := strings.Replace(Source, "      at:       time\n", "      at:       time\n      extra:    {type: int, default: 7}\n      more:     text(100)?\n", 1)
	b.model = parse(b, grown)
	b.Store = b.open(b.TB, b.model, store.Options{})
	b.Cleanup(func() { b.Store.Close() })
	p = b.account("p")
	changes, err := b.Changes(context.Background(), p, 0, 100)
	b.no(err)
	after := changes[0].Rows[0].After
	if changes[0].Foreign || after.Values[7] != model.Int(7) || !after.Values[8].IsNull() {
		b.Fatalf("read by a grown model: %+v", changes[0])
	}
	res := b.put(p, "2", "", "a", 1, "x", model.Int(1), model.Null)
	row := b.read(p, b.query(p, "order", model.String("2"))).Rows[0]
	b.equal("new row", row.Values[7:], res.Change.Rows[0].After.Values[7:])
	// A model that does not know an entity tells that it cannot say what changed.
	b.no(b.Store.Close())
	m := *b.model
	m.Entities = nil
	for _, e := range b.model.Entities {
		if e.Name != "line" {
			m.Entities = append(m.Entities, e)
		}
	}
	c, err := store.DecodeChange(&m, store.Change{Partition: p, Version: 5}, []byte(`{"w":"x","m":"y","r":[{"e":"line","a":{"order_id":"1","sku":"s","quantity":1}}]}`))
	b.no(err)
	if !c.Foreign || len(c.Rows) != 0 {
		b.Fatalf("read by a model without the entity: %+v", c)
	}
}

func pruneKeepsNewest(b *bench) {
	p, q := b.account("p"), b.account("q")
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Hour) }
	keyed := func(p store.Partition, i int) *store.Write {
		w := b.write(p, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i), "", "a", 1, "x"))
			return nil, err
		})
		w.Now = at(i)
		w.Key = &store.Key{Hash: [32]byte{byte(i)}}
		return w
	}
	for i := range 6 {
		w, other := keyed(p, i), keyed(q, i)
		b.Commit(context.Background(), w, other)
		b.no(w.Result.Err)
		b.no(other.Result.Err)
	}
	n, err := b.Prune(context.Background(), p, at(2), at(3))
	b.no(err)
	b.equal("pruned", n, 5)
	_, err = b.Changes(context.Background(), p, 0, 10)
	b.is(err, fault.NotFound)
	_, err = b.Changes(context.Background(), p, 1, 10)
	b.is(err, fault.NotFound)
	changes, err := b.Changes(context.Background(), p, 2, 10)
	b.no(err)
	b.equal("changes left", len(changes), 4)
	old, kept := keyed(p, 2), keyed(p, 3)
	old.Apply = func(store.Tx) ([]byte, error) { return nil, nil }
	b.Commit(context.Background(), old, kept)
	b.no(kept.Result.Err)
	if old.Result.Replayed || !kept.Result.Replayed {
		b.Fatalf("outcomes: %+v, %+v", old.Result, kept.Result)
	}
	n, err = b.Prune(context.Background(), p, at(100), time.Time{})
	b.no(err)
	b.equal("pruned", n, 3)
	changes, err = b.Changes(context.Background(), p, 5, 10)
	b.no(err)
	b.equal("the newest change stays", changes[0].Version, 6)
	changes, err = b.Changes(context.Background(), q, 0, 10)
	b.no(err)
	b.equal("changes of another partition", len(changes), 6)
	n, err = b.Prune(context.Background(), b.account("never written"), at(100), at(100))
	b.no(err)
	b.equal("pruned of nothing", n, 0)
	head, err := b.Head(context.Background(), p)
	b.no(err)
	b.equal("head", head, 6)
}

func reopenKeeps(b *bench) {
	p := b.account("p")
	b.put(p, "1", "c", "a", 1, "x")
	before := b.Info()
	if before.Kind == "" || before.Version == "" || before.Incarnation == "" || len(before.Secret) != 32 {
		b.Fatalf("info is %+v", before)
	}
	b.reopen(store.Options{})
	b.equal("info", b.Info(), before)
	res := b.read(p, b.query(p, "order", model.String("1")))
	b.equal("version", res.Version, 1)
	b.equal("row", res.Rows[0].Values, b.order(p, "1", "c", "a", 1, "x"))
	b.equal("next version", b.put(p, "2", "", "a", 1, "x").Version, 2)
}

// longHistory looks into the middle of many changes, while the oldest go.
func longHistory(b *bench) {
	const versions, seconds = 700, 400
	b.reopen(store.Options{Follow: func(*model.Family) bool { return true }})
	p, q, ctx := b.account("p"), b.account("q"), context.Background()
	var ws []*store.Write
	for i := range versions {
		for _, p := range []store.Partition{p, q} {
			w := b.write(p, func(tx store.Tx) ([]byte, error) {
				_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i), "", "a", 1, "x"))
				return nil, err
			})
			w.Now = start.Add(time.Duration(min(i+1, seconds)) * time.Second)
			ws = append(ws, w)
		}
	}
	b.Commit(ctx, ws...)
	for _, w := range ws {
		b.no(w.Result.Err)
	}
	// kept checks that the changes above first are there, and that no older ones are given.
	kept := func(p store.Partition, first uint64) {
		b.Helper()
		for _, after := range []uint64{0, 1, 62, 63, 64, 65, 127, 128, 300, 511, 512, 640, versions - 1, versions, versions + 1} {
			for _, limit := range []int{1, 2, 63, 64, 65, 200, 1 << 20} {
				changes, err := b.Changes(ctx, p, after, limit)
				if after < first {
					b.is(err, fault.NotFound)
					continue
				}
				b.no(err)
				b.equal("changes", len(changes), min(limit, max(0, versions-int(after))))
				for i, c := range changes {
					b.equal("version", c.Version, int(after)+1+i)
					b.equal("row", c.Rows[0].After.Values[1].Text(), fmt.Sprint(after+uint64(i)))
				}
			}
		}
	}
	prune := func(second, want int) {
		b.Helper()
		n, err := b.Prune(ctx, p, start.Add(time.Duration(second)*time.Second), start)
		b.no(err)
		b.equal("pruned", n, want)
	}
	kept(p, 0)
	prune(1000, 0) // nothing was relayed
	relayed := func(version uint64) {
		b.no(b.Relayed(ctx, store.Lag{Partition: p, Relayed: version}))
	}
	relayed(70)
	prune(60, 59)
	kept(p, 59)
	prune(1000, 11)
	kept(p, 70)
	relayed(versions)
	prune(64, 0)
	prune(130, 59)
	kept(p, 129)
	prune(seconds, seconds-130)
	kept(p, seconds-1)
	prune(1000, versions-seconds)
	kept(p, versions-1)
	kept(q, 0)
}

// changesBeside follows a partition while it is written to: what is committed in the middle of a look
// is not taken for what is not kept any more.
func changesBeside(b *bench) {
	const versions = 300
	p, ctx := b.account("p"), context.Background()
	written := make(chan error, 1)
	go func() {
		for i := range versions {
			w := b.write(p, func(tx store.Tx) ([]byte, error) {
				_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(i), "", "a", 1, "x"))
				return nil, err
			})
			if b.Commit(ctx, w); w.Result.Err != nil {
				written <- w.Result.Err
				return
			}
		}
		written <- nil
	}()
	var followers sync.WaitGroup
	for range 4 {
		followers.Go(func() {
			for last := uint64(0); last < versions; {
				changes, err := b.Changes(ctx, p, last, 10)
				if err != nil {
					b.Errorf("above version %d: %v", last, err)
					return
				}
				for _, c := range changes {
					if c.Version != last+1 {
						b.Errorf("version %d follows %d", c.Version, last)
						return
					}
					last = c.Version
				}
				if len(written) > 0 && len(changes) == 0 && last < versions {
					if err := <-written; err != nil {
						b.Errorf("a write failed: %v", err)
						return
					}
					written <- nil
				}
			}
		})
	}
	followers.Wait()
	b.no(<-written)
}
