package relay_test

import (
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// A view is right in spite of changes that say nothing of a field that it is made by, since nodes of an
// earlier model wrote them.
func TestViewsBesideNodesOfAnEarlierModel(t *testing.T) {
	const oldViews = `
views:
  by_place: {from: thing, by: place, fields: [color, price]}
`
	const newViews = oldViews + `
  by_tint: {from: thing, by: tint, fields: [color]}
  tints:   {from: thing, by: tint, fold: {things: count, spent: {sum: price}, tone: {sum: tone}}}
`
	grown := strings.Replace(sourceModel, "      at:    time\n", "      at:    time\n      tint:  {type: string(10), default: plain}\n      tone:  {type: int, default: 1}\n", 1)
	url := database.Database(t)
	earlier := openWorld(t, sourceModel+oldViews, url, t.TempDir(), nil) // it was there first, and stays
	defer earlier.store.Close()
	earlier.alter("o1", 1, "", 0)
	earlier.alter("o1", 8, "", 0)
	later := openWorld(t, grown+newViews, url, t.TempDir(), nil)
	defer later.store.Close()
	r, views := later.relay()
	right := func() {
		t.Helper()
		later.drain(r, views)
		reports, err := views.Inspect(t.Context(), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reports {
			if !r.Compared || r.Differences > 0 {
				t.Errorf("%+v", r)
			}
		}
	}
	right() // the views are there from now on
	later.alter("o1", 1, "red", 7)
	for id := int64(2); id <= 6; id++ {
		later.alter("o1", id, "blue", id)
	}
	right()
	earlier.alter("o1", 1, "", 0) // an update
	earlier.remove("o1", 2)
	earlier.alter("o1", 3, "", 0)
	earlier.alter("o1", 3, "", 0)
	earlier.alter("o1", 4, "", 0)
	earlier.remove("o1", 4)
	earlier.alter("o1", 5, "", 0)
	earlier.remove("o1", 5)
	earlier.alter("o1", 5, "", 0) // a new row, with the defaults
	earlier.alter("o1", 5, "", 0)
	earlier.alter("o1", 7, "", 0)
	earlier.alter("o1", 8, "", 0)
	later.alter("o1", 3, "green", 9)
	later.alter("o1", 7, "green", 10)
	earlier.alter("o1", 3, "", 0)
	earlier.remove("o1", 7)
	right()
}

// alter changes the price of a row, and the tint where the model has it, or makes the row.
func (w *world) alter(owner string, id int64, tint string, tone int64) {
	w.t.Helper()
	e := w.books.Store.Entity("thing")
	w.commit(owner, func(tx store.Tx) error {
		row, err := tx.Get(e, []model.Value{model.Int(id)})
		if err != nil {
			return err
		}
		var values []model.Value
		if row == nil {
			values = w.thing(owner, id, "red", "attic", 1, 100, 0.5, 0)
			for _, f := range e.Fields[len(values):] {
				values = append(values, f.DefaultValue)
			}
		} else {
			values = append(values, row.Values...)
			price := e.Field("price").Pos
			values[price] = model.Decimal(values[price].Int()+50, 2)
		}
		if f := e.Field("tint"); f != nil {
			values[f.Pos], values[e.Field("tone").Pos] = model.String(tint), model.Int(tone)
		}
		if row == nil {
			_, err = tx.Insert(e, values)
		} else {
			_, err = tx.Update(e, row, values)
		}
		return err
	})
}

func (w *world) remove(owner string, id int64) {
	w.t.Helper()
	e := w.books.Store.Entity("thing")
	w.commit(owner, func(tx store.Tx) error {
		row, err := tx.Get(e, []model.Value{model.Int(id)})
		if err != nil {
			return err
		}
		return tx.Delete(e, row, false)
	})
}

func (w *world) commit(owner string, apply func(store.Tx) error) {
	w.t.Helper()
	p := store.Partition{Family: w.books.Store.Entity("thing").Family, Value: model.String(owner)}
	wr := relay.NewWrite("alter", w.books.Store.Revision, p, apply)
	if w.store.Store.Commit(w.t.Context(), wr); wr.Result.Err != nil {
		w.t.Fatal(wr.Result.Err)
	}
}
