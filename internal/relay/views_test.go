package relay_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// stores runs a test on every store. url and dir name a fresh place.
func stores(t *testing.T, run func(t *testing.T, place func() (url, dir string))) {
	t.Run("sqlite", func(t *testing.T) { run(t, func() (string, string) { return "", t.TempDir() }) })
	t.Run("postgres", func(t *testing.T) { run(t, func() (string, string) { return database.Database(t), t.TempDir() }) })
}

// write does one random commit: rows come, change, move, enter and leave `where`, and go.
func (w *world) write(r *rapid.T, owners ...string) {
	if len(owners) == 0 {
		owners = w.owners()
	}
	owner := rapid.SampledFrom(owners).Draw(r, "owner")
	rows := map[int64][]model.Value{}
	for range rapid.IntRange(1, 3).Draw(r, "rows") {
		id := rapid.Int64Range(1, 6).Draw(r, "id")
		if rapid.IntRange(0, 4).Draw(r, "what") == 0 {
			rows[id] = nil
			continue
		}
		rows[id] = w.thing(owner, id,
			rapid.SampledFrom([]string{"red", "green", "blue"}).Draw(r, "color"),
			rapid.SampledFrom([]string{"", "-", ".", "attic", "barn"}).Draw(r, "place"),
			rapid.SampledFrom([]int64{-1, 0, 3, 1 << 60}).Draw(r, "n"),
			rapid.Int64Range(0, 99999).Draw(r, "cents"),
			rapid.SampledFrom([]float64{0.1, 0.2, 1e300, 1e-300, -0.3}).Draw(r, "ratio"),
			rapid.Int64Range(0, 1).Draw(r, "day"))
	}
	w.put(owner, rows)
}

// owners names partitions that lie close together, so that they meet in shards, buckets and batches.
func (w *world) owners() (names []string) {
	f := w.books.Store.Entity("thing").Family
	for i := 0; len(names) < 6; i++ {
		if name := fmt.Sprint("o", i); f.Bucket(model.String(name)) < 2 || len(names) > 3 && f.Bucket(model.String(name)) == 16 {
			names = append(names, name)
		}
	}
	return names
}

// act does something at random: a write, or a round of a relay that breaks off somewhere, while
// another relay overtakes it.
func (w *world) act(r *rapid.T, relays []*relay.Relay) {
	if rapid.IntRange(0, 2).Draw(r, "act") > 0 {
		w.write(r)
		return
	}
	at := rapid.IntRange(0, len(relays)-1).Draw(r, "relay")
	other := relays[(at+1)%len(relays)]
	calm := rapid.IntRange(0, 60).Draw(r, "calm") // until then nothing happens
	left := 8                                     // or it might never come to an end
	w.store.between = func(what, partition string) error {
		if calm--; calm >= 0 || left == 0 {
			return nil
		}
		switch rapid.IntRange(0, 11).Draw(r, what) {
		case 0:
			left--
			return away
		case 1: // a paused one that wakes up when another has done its work, and more
			left--
			w.write(r)
			fallthrough
		case 2:
			left--
			for i := range 2 {
				other.Round(w.t.Context(), i)
			}
		case 3:
			left--
			w.write(r)
		case 4, 5: // in what is being looked at
			if w.things[partition] != nil {
				left--
				w.write(r, partition)
			}
		}
		left = max(0, left)
		return nil
	}
	for i := range 2 {
		relays[at].Round(w.t.Context(), i)
	}
	w.store.between = nil
}

// Whatever happens between the effects of a batch and the note that they are done, and however many
// work on the same, a view is what its sources say it should be.
func TestViewsEqualTheirSources(t *testing.T) {
	stores(t, func(t *testing.T, place func() (string, string)) {
		url, dir := place()
		w := openWorld(t, sourceModel+worldViews, url, dir, nil)
		defer w.store.Close()
		first, views := w.relay()
		second, _ := w.relay()
		rapid.Check(t, func(r *rapid.T) { // one store for all: what one leaves the next begins with
			for range rapid.IntRange(1, 12).Draw(r, "acts") {
				w.act(r, []*relay.Relay{first, second})
			}
			w.drain(first, views)
			w.check(views)
		})
	})
}

// A view that is new to a store with rows is built while writes go on, whoever does it and however
// often it is broken off.
func TestViewsAreBuiltWhileWritesGoOn(t *testing.T) {
	stores(t, func(t *testing.T, place func() (string, string)) {
		rapid.Check(t, func(r *rapid.T) {
			url, dir := place()
			w := openWorld(t, sourceModel, url, dir, nil)
			for range rapid.IntRange(0, 20).Draw(r, "writes before") {
				w.write(r)
			}
			things := w.things
			if err := w.store.Close(); err != nil {
				t.Fatal(err)
			}
			w = openWorld(t, sourceModel+worldViews, url, dir, nil)
			defer w.store.Close()
			w.things = things
			first, views := w.relay()
			second, _ := w.relay()
			for range rapid.IntRange(1, 10).Draw(r, "acts") {
				w.act(r, []*relay.Relay{first, second})
			}
			w.drain(first, views)
			w.check(views)
			for range rapid.IntRange(0, 3).Draw(r, "writes after") {
				w.write(r)
			}
			w.drain(second, views)
			w.check(views)
		})
	})
}

// A definition that changes makes the view anew.
func TestAViewWithAnotherDefinitionIsMadeAnew(t *testing.T) {
	stores(t, func(t *testing.T, place func() (string, string)) {
		url, dir := place()
		w := openWorld(t, sourceModel+worldViews, url, dir, nil)
		r, views := w.relay()
		for i := range 20 {
			owner := fmt.Sprint("owner", i%7)
			w.put(owner, map[int64][]model.Value{int64(i): w.thing(owner, int64(i), []string{"red", "green", "blue"}[i%3], "attic", int64(i), 100, 0.5, int64(i%2))})
		}
		w.drain(r, views)
		w.check(views)
		things := w.things
		w.store.Close()

		changed := `
views:
  by_place: {from: thing, by: place, fields: [color, price], where: {color: red}}
  at_place: {from: thing, by: {spot: = row.place}, fields: [color, price]}
  paths:    {from: by_place, by: color, fold: {things: count, spent: {sum: price}}}
  idle:     {from: thing, by: color, where: {n: [= null, 3]}, fields: [price]}
  warm:     {from: thing, by: color, key: [at], where: {color: [red, green]}}
  days:
    from: thing
    by: {day: = date(row.at)}
    where: {color: [red, blue]}
    fold: {things: count, total: {sum: n}, spent: {sum: price}, mean: {avg: n}, cost: {avg: price}, weight: {sum: ratio}, heft: {avg: ratio}}
  shelves:
    from: thing
    by: color
    key: [id]
    fold: {total: {sum: n}}
`
		w = openWorld(t, sourceModel+changed, url, dir, nil)
		defer w.store.Close()
		w.things = things
		r, views = w.relay()
		w.drain(r, views)
		for owner, rows := range w.things { // the others are not in the view any more
			for id, values := range rows {
				if values[2].Text() != "red" {
					delete(w.things[owner], id)
				}
			}
		}
		for _, view := range []string{"by_place", "paths"} {
			if want, have := w.want(view), w.have(view); fmt.Sprint(want) != fmt.Sprint(have) {
				t.Errorf("%s has %v instead of %v", view, have, want)
			}
		}
		reports, err := views.Inspect(t.Context(), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reports {
			if !r.Compared || r.Differences > 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// A partition with more rows than a page, or a write, has is built in pieces.
func TestALargePartitionIsBuiltInPieces(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, sourceModel, "", dir, nil)
	rows := map[int64][]model.Value{}
	for id := range int64(12_000) {
		rows[id] = w.thing("ann", id, []string{"red", "green"}[id%2], []string{"attic", "barn"}[id/7%2], id, id, 0.1, id%3)
	}
	w.put("ann", rows)
	things := w.things
	w.store.Close()
	w = openWorld(t, sourceModel+worldViews, "", dir, nil)
	defer w.store.Close()
	w.things = things
	r, views := w.relay()
	w.drain(r, views)
	w.check(views)
}

// A view that lacks something is built anew where an operator says so, and what is made from it follows.
func TestAViewIsBuiltAnew(t *testing.T) {
	stores(t, func(t *testing.T, place func() (string, string)) {
		url, dir := place()
		w := openWorld(t, sourceModel+worldViews, url, dir, nil)
		r, views := w.relay()
		for i := range 40 {
			owner := fmt.Sprint("owner", i%7)
			w.put(owner, map[int64][]model.Value{int64(i): w.thing(owner, int64(i), []string{"red", "green", "blue"}[i%3], "attic", int64(i), 100, 0.5, int64(i%2))})
		}
		w.drain(r, views)
		for _, name := range []string{"by_place", "days"} { // as after a loss
			e := w.books.Store.Entity(name)
			rows, err := w.store.Scan(t.Context(), e, nil, 1)
			if err != nil || len(rows) == 0 {
				t.Fatal(name, err)
			}
			loss := relay.NewWrite("loss", "", store.Partition{Family: e.Family, Value: rows[0].Values[0]}, func(tx store.Tx) error {
				row, err := tx.Get(e, e.KeyOf(rows[0]))
				if err != nil {
					return err
				}
				return tx.Delete(e, row, false)
			})
			if w.store.Store.Commit(t.Context(), loss); loss.Result.Err != nil {
				t.Fatal(loss.Result.Err)
			}
		}
		if err := views.Rebuild(t.Context(), "days", "nothing"); err == nil || !strings.Contains(err.Error(), "by_place") {
			t.Errorf("a view that is not there: %v", err)
		}
		if err := views.Rebuild(t.Context(), "by_place", "days"); err != nil {
			t.Fatal(err)
		}
		things := w.things
		w.store.Close()
		w = openWorld(t, sourceModel+worldViews, url, dir, nil)
		defer w.store.Close()
		w.things = things
		r, views = w.relay()
		w.drain(r, views)
		w.check(views)
	})
}
