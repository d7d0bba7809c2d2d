package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// expiredRowsStandInNobodysWay: what reads do not show any more is not there for writes either, however
// long it takes until it is swept.
func expiredRowsStandInNobodysWay(b *bench) {
	p, hold := b.account("p"), b.entity("hold")
	who := hold.Field("who")
	row := func(seat int64, name string, at time.Time, note string) []model.Value {
		return []model.Value{p.Value, model.Int(seat), model.String(name), model.Time(at), model.String(note)}
	}
	later := func(apply func(tx store.Tx) error) store.WriteResult {
		w := b.write(p, func(tx store.Tx) ([]byte, error) { return nil, apply(tx) })
		w.Now = start.Add(time.Hour)
		b.Commit(context.Background(), w)
		return w.Result
	}
	b.do(p, func(tx store.Tx) error {
		for i, name := range []string{"ann", "bob", "cy"} {
			if _, err := tx.Insert(hold, row(int64(i), name, start, "old")); err != nil {
				return err
			}
		}
		lasting := row(3, "dan", start, "lasting")
		lasting[3] = model.Null
		_, err := tx.Insert(hold, lasting)
		return err
	})

	res := later(func(tx store.Tx) error {
		got, err := tx.Get(hold, []model.Value{model.Int(0)})
		b.equal("a row whose time is over", got == nil, true)
		if err != nil {
			return err
		}
		rows, err := tx.List(hold, nil, 2)
		b.equal("rows that last", len(rows), 1)
		if err != nil {
			return err
		}
		rows, err = tx.List(hold, []model.Cond{{Field: who, Values: []model.Value{model.String("ann")}}}, 2)
		b.equal("rows by a value", len(rows), 0)
		return err
	})
	b.no(res.Err)
	b.equal("looking changes nothing", res.Change == nil, true)

	// A write that fails behind the expiry takes it back.
	res = later(func(tx store.Tx) error {
		if _, err := tx.Insert(hold, row(0, "bob", start.Add(time.Hour), "new")); err != nil {
			return err
		}
		return fault.New(fault.GuardFailed, "no")
	})
	b.is(res.Err, fault.GuardFailed)
	b.equal("rows that wait to be swept", b.waiting(p, hold), 3)

	// The key of one, the unique value of another: both expire, and the new row is an insert.
	res = later(func(tx store.Tx) error {
		_, err := tx.Insert(hold, row(0, "bob", start.Add(time.Hour), "new"))
		return err
	})
	b.no(res.Err)
	var told []string
	for _, c := range res.Change.Rows {
		switch {
		case c.Expired && c.After == nil:
			told = append(told, c.Before.Values[2].Text()+" expired")
		case c.Before == nil:
			told = append(told, c.After.Values[2].Text()+" came")
		}
	}
	b.equal("changes", slices.Equal(told, []string{"ann expired", "bob expired", "bob came"}), true)
	changes, err := b.Changes(context.Background(), p, res.Version-1, 1)
	b.no(err)
	b.equal("changes that are stored", len(changes[0].Rows), 3)
	b.equal("rows that wait to be swept then", b.waiting(p, hold), 1)

	// An update may take what an expired row has, and what lasts is in the way as ever.
	b.no(later(func(tx store.Tx) error {
		got, err := tx.Get(hold, []model.Value{model.Int(0)})
		if err != nil {
			return err
		}
		_, err = tx.Update(hold, got, row(0, "cy", start.Add(time.Hour), "new"))
		return err
	}).Err)
	res = later(func(tx store.Tx) error {
		_, err := tx.Insert(hold, row(1, "dan", start.Add(time.Hour), "new"))
		return err
	})
	b.is(res.Err, fault.NotUnique)
	res = later(func(tx store.Tx) error {
		_, err := tx.Insert(hold, row(3, "eve", start.Add(time.Hour), "new"))
		return err
	})
	b.is(res.Err, fault.Exists)

	q := b.query(p, "holds")
	q.Now = start.Add(time.Hour)
	shown := b.read(p, q).Rows
	b.equal("rows shown", len(shown), 2)
	b.equal("the first", shown[0].Values[2].Text()+" "+shown[0].Values[4].Text(), "cy new")
	b.equal("rows that wait to be swept at last", b.waiting(p, hold), 0)
}

// waiting counts rows of a partition whose time is over an hour after the start, and that are still there.
func (b *bench) waiting(p store.Partition, e *model.Entity) (n int) {
	b.Helper()
	b.do(p, func(tx store.Tx) error {
		rows, err := tx.Expired(e, start.Add(time.Hour), 100)
		n = len(rows)
		return err
	})
	return n
}

func expiredRowsAreHidden(b *bench) {
	p := b.account("p")
	entry := b.entity("entry")
	for i := range 4 {
		b.do(p, func(tx store.Tx) error {
			_, err := tx.Insert(entry, []model.Value{p.Value, model.Int(int64(i)), model.Time(start.Add(time.Duration(i) * time.Minute)), model.Null})
			return err
		})
	}
	at := func(d time.Duration) (shown []int64) {
		q := b.query(p, "entries")
		q.Now = start.Add(d)
		for _, r := range b.read(p, q).Rows {
			shown = append(shown, r.Values[1].Int())
		}
		return shown
	}
	b.equal("in time", at(time.Hour-time.Microsecond), []int64{3, 2, 1, 0})
	b.equal("when the first is over", at(time.Hour), []int64{3, 2, 1})
	b.equal("later", at(time.Hour+2*time.Minute), []int64{3})
	q := b.query(p, "entry", model.Int(0))
	q.Now = start.Add(2 * time.Hour)
	b.equal("a get", len(b.read(p, q).Rows), 0)
	b.do(p, func(tx store.Tx) error {
		rows, err := tx.Expired(entry, start.Add(time.Hour+time.Minute), 10)
		if err != nil {
			return err
		}
		b.equal("expired", len(rows), 2)
		if err := tx.Delete(entry, rows[0], true); err != nil {
			return err
		}
		rows, err = tx.Expired(entry, start.Add(time.Hour+time.Minute), 10)
		b.equal("expired after one was taken", len(rows), 1)
		return err
	})
}

func sweeperExpires(b *bench) {
	entry := b.entity("entry")
	for i := range 3 {
		p := b.account(fmt.Sprint("p", i))
		for j := range 5 {
			b.do(p, func(tx store.Tx) error {
				_, err := tx.Insert(entry, []model.Value{p.Value, model.Int(int64(j)), model.Time(start.Add(time.Duration(j) * time.Minute)), model.Null})
				return err
			})
		}
	}
	now := start.Add(time.Hour + 2*time.Minute)
	s := store.NewSweeper(store.SweepConfig{
		Store: b.Store, Model: b.model, Batch: 2, Changes: 30 * time.Minute, Outcomes: time.Minute, Now: func() time.Time { return now },
	})
	round := func() (expired, pruned, steps int) {
		for steps < 50 {
			swept, err := s.Step(context.Background())
			b.no(err)
			expired, pruned, steps = expired+swept.Expired, pruned+swept.Pruned, steps+1
			if swept.Round {
				return expired, pruned, steps
			}
		}
		b.Fatal("the round has no end")
		return 0, 0, 0
	}
	expired, pruned, _ := round()
	b.equal("expired", expired, 9)
	b.equal("pruned", pruned, 15) // the inserts; the expiry itself is new
	p := b.account("p1")
	res := b.read(p, b.query(p, "entries"))
	b.equal("rows left", len(res.Rows), 2)
	changes, err := b.Changes(context.Background(), p, 5, 10)
	b.no(err)
	b.equal("changes left", len(changes), 2)
	for _, c := range changes {
		for _, r := range c.Rows {
			if c.Write != store.SweepWrite || !r.Expired || r.After != nil || r.Before == nil {
				b.Fatalf("an expiry is %+v in %+v", r, c)
			}
		}
	}
	expired, _, _ = round()
	b.equal("expired in the next round", expired, 0)
}
