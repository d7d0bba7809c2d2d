package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// CopyPlace is one new, empty place of a store.
type CopyPlace struct {
	Open Factory
	Copy func(m *model.Model) (store.Copy, error)
	Fill func(m *model.Model) (store.Filler, error)
}

// RunCopy states what copying a store and filling another one from it promise. place is called for each
// place that is needed.
func RunCopy(t *testing.T, place func(t testing.TB) CopyPlace) {
	t.Run("CopyIsOneMoment", func(t *testing.T) { copyIsOneMoment(t, place) })
	t.Run("FillerTakesNoPlaceThatHasAStore", func(t *testing.T) { fillerNeedsRoom(t, place) })
	t.Run("UnfinishedFillerLeavesNothing", func(t *testing.T) { unfinishedLeavesNothing(t, place) })
	t.Run("CopyOfAnotherModelIsRefused", func(t *testing.T) { copyOfAnotherModel(t, place) })
}

func follow(f *model.Family) bool { return f.Name == "account" }

// past makes rows of every type, a long log, outcomes, numbers and a partition that lags.
func past(b *bench) {
	p := b.account("a b/ü")
	for i := range 150 {
		b.put(p, fmt.Sprint("o", i), "", "b", int64(i), "é\n\x01\"")
	}
	b.do(p, func(tx store.Tx) error {
		for range 3 {
			n, err := tx.Next(b.entity("entry"), b.entity("entry").Field("seq"))
			if err != nil {
				return err
			}
			if _, err := tx.Insert(b.entity("entry"), []model.Value{p.Value, model.Int(n), model.Time(start.Add(time.Microsecond)), model.Null}); err != nil {
				return err
			}
		}
		tx.Emit(store.Event{Name: "made", Data: []byte(`{"n":3}`)})
		return nil
	})
	allTypesRoundTrip(b)
	w := b.write(p, func(tx store.Tx) ([]byte, error) {
		tx.Emit(store.Event{Name: "kept"})
		return []byte("out\x00come"), nil
	})
	w.Key = &store.Key{Hash: [32]byte{1, 2}, Fingerprint: [32]byte{3}}
	b.Commit(context.Background(), w)
	b.no(w.Result.Err)
	for i := range 5 {
		b.put(b.account(fmt.Sprint("other", i)), "o", "code", "a", -1, "")
	}
	b.touch(b.room(-3))
	b.no(b.Relayed(context.Background(), store.Lag{Partition: p, Relayed: 70}))
}

// all writes down everything that a store shows.
func (b *bench) all() string {
	b.Helper()
	ctx := context.Background()
	text := ""
	for _, e := range b.model.Entities {
		rows, err := b.Scan(ctx, e, nil, 10_000)
		b.no(err)
		for _, r := range rows {
			text += fmt.Sprintf("%s %d %+v\n", e.Name, r.Version, r.Values)
		}
	}
	for _, f := range b.model.Families {
		values, err := b.Partitions(ctx, f, model.Null, 10_000)
		b.no(err)
		for _, v := range values {
			p := store.Partition{Family: f, Value: v}
			changes, err := b.Changes(ctx, p, 0, 10_000)
			b.no(err)
			for i, c := range changes {
				if c.Version != uint64(i+1) {
					b.Fatalf("version %d is the %d. of %v", c.Version, i+1, v)
				}
				text += fmt.Sprintf("%x %v %s %d %v\n", c.ID, c.Time, c.Write, len(c.Rows), c.Events)
			}
			head, err := b.Head(ctx, p)
			b.no(err)
			text += fmt.Sprintf("%s %v at %d\n", f.Name, v, head)
		}
	}
	lags := b.lagging(b.model.Families[0])
	return text + fmt.Sprint(len(lags), lags[b.account("a b/ü").Value].Relayed)
}

// Fill hands all of a copy to a filler, as a restore does.
func Fill(ctx context.Context, m *model.Model, from store.Copy, to store.Filler) error {
	for _, e := range m.Entities {
		if _, err := to.Rows(ctx, e, from.Rows(ctx, e)); err != nil {
			return err
		}
	}
	for _, f := range m.Families {
		if from.Follows(f) {
			to.Follows(f)
		}
		if _, err := to.Heads(ctx, f, from.Heads(ctx, f)); err != nil {
			return err
		}
		if _, err := to.Changes(ctx, f, from.Changes(ctx, f)); err != nil {
			return err
		}
		if _, err := to.Outcomes(ctx, f, from.Outcomes(ctx, f)); err != nil {
			return err
		}
		if _, err := to.Counters(ctx, f, from.Counters(ctx, f)); err != nil {
			return err
		}
	}
	_, err := to.Finish(ctx)
	return err
}

func copyIsOneMoment(t *testing.T, place func(t testing.TB) CopyPlace) {
	first, second := place(t), place(t)
	ctx := t.Context()
	b := &bench{TB: t, model: Model(t), open: first.Open}
	b.reopen(store.Options{Follow: follow})
	past(b)
	before := b.all()
	from, err := first.Copy(b.model)
	b.no(err)
	defer from.Close()
	b.put(b.account("late"), "o", "", "a", 1, "") // after the copy has begun
	b.put(b.account("other1"), "late", "", "a", 1, "")
	to, err := second.Fill(b.model)
	b.no(err)
	b.no(Fill(ctx, b.model, from, to))
	b.no(to.Close())
	b.no(from.Close())
	b.no(from.Close())
	info := b.Info()
	if fresh := b.all(); fresh == before {
		t.Error("the store stood still while it was copied")
	}

	b.open = second.Open
	b.reopen(store.Options{Follow: follow})
	b.equal("what was restored", b.all(), before)
	if got := b.Info(); got.Incarnation == info.Incarnation || got.Incarnation == "" || string(got.Secret) == string(info.Secret) || len(got.Secret) != 32 {
		t.Errorf("the restored store has the identity %q, as if it were the one that was copied", got.Incarnation)
	}
	p := b.account("a b/ü")
	head, err := b.Head(ctx, p)
	b.no(err)
	o, err := b.Outcome(ctx, p, [32]byte{1, 2})
	b.no(err)
	if o == nil || string(o.Body) != "out\x00come" || o.Fingerprint != [32]byte{3} {
		t.Errorf("the outcome is %+v", o)
	}
	r := b.do(p, func(tx store.Tx) error {
		n, err := tx.Next(b.entity("entry"), b.entity("entry").Field("seq"))
		if n != 4 {
			t.Errorf("the next number is %d", n)
		}
		tx.Emit(store.Event{Name: "on"})
		return err
	})
	b.equal("the next version", r.Version, head+1)
	changes, err := b.Changes(ctx, p, head-1, 10)
	b.no(err)
	b.equal("changes over the seam", len(changes), 2)
}

func fillerNeedsRoom(t *testing.T, place func(t testing.TB) CopyPlace) {
	at := place(t)
	b := &bench{TB: t, model: Model(t), open: at.Open}
	b.reopen(store.Options{})
	b.touch(b.account("p"))
	b.no(b.Close())
	to, err := at.Fill(b.model)
	if err == nil {
		to.Close()
		t.Fatal("a store was put over another one")
	}
	b.reopen(store.Options{})
	head, err := b.Head(t.Context(), b.account("p"))
	b.no(err)
	b.equal("the version", head, 1)
}

func unfinishedLeavesNothing(t *testing.T, place func(t testing.TB) CopyPlace) {
	at := place(t)
	b := &bench{TB: t, model: Model(t), open: at.Open}
	to, err := at.Fill(b.model)
	b.no(err)
	broken := fault.New(fault.Internal, "the copy broke off")
	n, err := to.Heads(t.Context(), b.model.Families[0], func(yield func(*store.HeadCopy, error) bool) {
		if yield(&store.HeadCopy{Partition: b.account("p"), Version: 7}, nil) {
			yield(nil, broken)
		}
	})
	if !errors.Is(err, broken) || n != 1 {
		t.Errorf("a sequence that broke off gave %d and %v", n, err)
	}
	b.no(to.Close())
	b.no(to.Close())
	if to, err = at.Fill(b.model); err != nil {
		t.Fatalf("the place is taken: %v", err)
	}
	b.no(to.Close())
	b.reopen(store.Options{})
	head, err := b.Head(t.Context(), b.account("p"))
	b.no(err)
	b.equal("the version", head, 0)
}

func copyOfAnotherModel(t *testing.T, place func(t testing.TB) CopyPlace) {
	at := place(t)
	b := &bench{TB: t, model: Model(t), open: at.Open}
	if _, err := at.Copy(b.model); err == nil {
		t.Error("there was a copy of nothing")
	}
	b.reopen(store.Options{})
	wider := parse(t, strings.Replace(Source, "\nreads:", "\n  newer: {in: account, key: id, expect: 10, fields: {id: string(10)}}\nreads:", 1))
	if _, err := at.Copy(wider); err == nil {
		t.Error("a model with another entity was taken")
	}
}
