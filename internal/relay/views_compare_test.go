package relay_test

import (
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// A fold keeps what it counted of rows that have expired since. A comparison takes that as it is, and finds
// what is missing of the rows that are there.
func TestComparingAFoldOverRowsThatExpire(t *testing.T) {
	const folds = `
views:
  days: {from: thing, by: {day: = date(row.at)}, fold: {things: count, total: {sum: n}}}
`
	aging := strings.Replace(sourceModel, "    expect: 100\n", "    expect: 100\n    keep: {for: 36500d, from: at}\n", 1)
	w := openWorld(t, aging+folds, "", t.TempDir(), nil)
	defer w.store.Close()
	r, views := w.relay()
	rows := map[int64][]model.Value{}
	for id := range int64(9) {
		rows[id] = w.thing("ann", id, "red", "", id, 100, 0.5, id%3)
	}
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
	inspect := func(differences, kept int) {
		t.Helper()
		reports, err := views.Inspect(t.Context(), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := reports[0]; !r.Compared || !r.Partly || r.Differences != differences || r.Kept != kept {
			t.Errorf("%+v; want %d differences, %d kept", r, differences, kept)
		}
	}
	inspect(0, 0)
	expire(0, 1, 4, 7) // one of the first day, all of the second
	inspect(0, 1)

	days := w.books.Store.Entity("days")
	lose := func(change func(tx store.Tx, row *model.Row) error) {
		t.Helper()
		all, err := w.store.Scan(t.Context(), days, nil, 10)
		if err != nil || len(all) != 3 {
			t.Fatal(len(all), err)
		}
		last := all[2]
		loss := relay.NewWrite("loss", "", store.Partition{Family: days.Family, Value: last.Values[0]}, func(tx store.Tx) error {
			row, err := tx.Get(days, days.KeyOf(last))
			if err != nil {
				return err
			}
			return change(tx, row)
		})
		if w.store.Store.Commit(t.Context(), loss); loss.Result.Err != nil {
			t.Fatal(loss.Result.Err)
		}
	}
	lose(func(tx store.Tx, row *model.Row) error {
		fewer := append([]model.Value(nil), row.Values...)
		fewer[days.Field("things").Pos] = model.Int(2) // of three
		_, err := tx.Update(days, row, fewer)
		return err
	})
	inspect(1, 1)
	lose(func(tx store.Tx, row *model.Row) error { return tx.Delete(days, row, false) })
	inspect(1, 1)
}
