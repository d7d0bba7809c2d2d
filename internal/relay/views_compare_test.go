package relay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// A fold keeps what it counted of rows that have expired since. A comparison takes that as it is, compares
// all that has not, sums and averages too, and finds what is missing of the rows that are there.
func TestComparingAFoldOverRowsThatExpire(t *testing.T) {
	const folds = `
views:
  days: {from: thing, by: {day: = date(row.at)}, fold: {things: count, total: {sum: n}, mean: {avg: n}, weight: {sum: ratio}}}
`
	aging := strings.Replace(sourceModel, "    expect: 100\n", "    expect: 100\n    keep: {for: 36500d, from: at}\n", 1)
	w := openWorld(t, aging+folds, "", t.TempDir(), nil)
	defer w.store.Close()
	r, views := w.relay()
	rows := map[int64][]model.Value{}
	for id := range int64(9) {
		rows[id] = w.thing("ann", id, "red", "", id, 100, 0.5, id%3)
	}
	rows[0] = w.thing("ann", 0, "red", "", -1, 100, 0.5, 0)
	w.put("ann", rows)
	w.drain(r, views)
	e := w.books.Store.Entity("thing")
	expire := func(ids ...int64) {
		t.Helper()
		w.commit("ann", func(tx store.Tx) error {
			for _, id := range ids {
				row, err := tx.Get(e, []model.Value{model.Int(id)})
				if err == nil {
					err = tx.Delete(e, row, true)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		w.drain(r, views)
	}
	inspect := func(differences, kept, aged int) {
		t.Helper()
		reports, err := views.Inspect(t.Context(), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := reports[0]; !r.Compared || r.Partly != (aged > 0) || r.Differences != differences || r.Kept != kept || r.Aged != aged {
			t.Errorf("%+v; want %d differences, %d kept, %d aged", r, differences, kept, aged)
		}
	}
	inspect(0, 0, 0)
	expire(0, 1, 4, 7) // one of the first day, without n, and all of the second
	inspect(0, 1, 2)

	days := w.books.Store.Entity("days")
	folded := w.books.Folded[days.View]
	lies := w.store.Store
	all, err := lies.Scan(t.Context(), days, nil, 10)
	if err != nil || len(all) != 3 {
		t.Fatal(len(all), err)
	}
	// change changes what the view has of a day behind its back.
	change := func(day int, do func(tx store.Tx, row *model.Row) error) {
		t.Helper()
		w := relay.NewWrite("change", "", store.Partition{Family: days.Family, Value: all[day].Values[0]}, func(tx store.Tx) error {
			row, err := tx.Get(days, nil)
			if err != nil {
				return err
			}
			return do(tx, row)
		})
		if lies.Commit(t.Context(), w); w.Result.Err != nil {
			t.Fatal(w.Result.Err)
		}
	}
	set := func(tx store.Tx, e *model.Entity, row *model.Row, field string, v model.Value) error {
		values := slices.Clone(row.Values)
		values[e.Field(field).Pos] = v
		_, err := tx.Update(e, row, values)
		return err
	}
	// total sets a total as if it were computed so: the row agrees with the view's books.
	total := func(n int64) func(tx store.Tx, row *model.Row) error {
		return func(tx store.Tx, row *model.Row) error {
			books, err := tx.Get(folded, nil)
			if err != nil {
				return err
			}
			return errors.Join(set(tx, days, row, "total", model.Int(n)), set(tx, folded, books, work.FoldedSum+"total", model.String(fmt.Sprint(n))))
		}
	}
	change(2, func(tx store.Tx, row *model.Row) error { return set(tx, days, row, "things", model.Int(2)) }) // of three
	inspect(1, 1, 2)
	change(2, func(tx store.Tx, row *model.Row) error { return set(tx, days, row, "things", model.Int(3)) })
	change(2, total(7)) // nothing of this day has expired,
	inspect(1, 1, 2)
	change(0, total(8)) // and of this one nothing that has an n: all of their totals can be compared
	inspect(2, 1, 2)
	change(1, total(9)) // of which nothing is there any more: nobody can tell
	inspect(2, 1, 2)
	change(2, func(tx store.Tx, row *model.Row) error { return tx.Delete(days, row, false) })
	inspect(2, 1, 2)
}
