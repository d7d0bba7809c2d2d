package relay_test

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// sourceModel has one source, and with views all that a view can be.
const sourceModel = `
service: world
partitions:
  owner: {by: owner_id, type: string(20), expect: 1k}
entities:
  thing:
    in: owner
    key: id
    expect: 100
    fields:
      id:    int
      color: {enum: [red, green, blue]}
      place: string(20)?
      n:     int?
      price: decimal(10,2)
      ratio: float
      at:    time
reads:
  thing: {get: thing}
`

const worldViews = `
views:
  by_place: {from: thing, by: place, fields: [color, price]}
  at_place: {from: thing, by: {spot: = row.place}, fields: [color, price]}
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
  idle:     {from: thing, by: color, where: {n: [= null, 3]}, fields: [price]}
  paths:    {from: by_place, by: color, fold: {things: count, spent: {sum: price}}}
`

func parse(t testing.TB, source string) *model.Model {
	t.Helper()
	m, err := model.Parse("world.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// world is a store with its books, a source that is written to, and what the source has.
type world struct {
	t      testing.TB
	books  *work.Books
	store  *unreliable
	things map[string]map[int64][]model.Value
}

// openWorld opens a store with a model; an earlier one at the same place has to be closed.
func openWorld(t testing.TB, source, url, dir string, onChange func(*store.Change)) *world {
	t.Helper()
	books := work.Extend(parse(t, source))
	s, err := storeurl.Open(t.Context(), url, dir, books, store.Options{OnChange: onChange})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, books: books, store: &unreliable{Store: s}, things: map[string]map[int64][]model.Value{}}
}

// unreliable is a store that fails, and in which other things happen, when it is told to.
type unreliable struct {
	store.Store
	between func(what, partition string) error
	busy    atomic.Bool // other things are happening
	shut    atomic.Bool // it takes no writes
}

func (u *unreliable) interrupt(what, partition string) error {
	if u.between == nil || !u.busy.CompareAndSwap(false, true) {
		return nil
	}
	defer u.busy.Store(false)
	return u.between(what, partition)
}

func (u *unreliable) Commit(ctx context.Context, ws ...*store.Write) {
	if u.shut.Load() {
		for _, w := range ws {
			w.Result = store.WriteResult{Err: away}
		}
		return
	}
	if err := u.interrupt("before commit", ""); err != nil { // some were done, the others were not
		half := ws[:len(ws)/2]
		if len(half) > 0 {
			u.Store.Commit(ctx, half...)
		}
		for _, w := range ws[len(half):] {
			w.Result = store.WriteResult{Err: err}
		}
		return
	}
	u.Store.Commit(ctx, ws...)
}

func (u *unreliable) Relayed(ctx context.Context, lags ...store.Lag) error {
	if err := u.interrupt("before relayed", ""); err != nil {
		return err
	}
	return u.Store.Relayed(ctx, lags...)
}

func (u *unreliable) Head(ctx context.Context, p store.Partition) (uint64, error) {
	if err := u.interrupt("before head", p.Value.Text()); err != nil {
		return 0, err
	}
	return u.Store.Head(ctx, p)
}

func (u *unreliable) Read(ctx context.Context, p store.Partition, q *store.Query) (*store.Result, error) {
	if err := u.interrupt("before read", p.Value.Text()); err != nil {
		return nil, err
	}
	return u.Store.Read(ctx, p, q)
}

func (u *unreliable) PartitionsIn(ctx context.Context, f *model.Family, bucket int, after model.Value, limit int) ([]model.Value, error) {
	if bucket < 2 {
		if err := u.interrupt("before listing", ""); err != nil {
			return nil, err
		}
	}
	return u.Store.PartitionsIn(ctx, f, bucket, after, limit)
}

var away = fault.New(fault.Unavailable, "The store is away, says the test.")

// relay makes a relay with views of its own.
func (w *world) relay() (*relay.Relay, *relay.Views) {
	w.t.Helper()
	views := relay.NewViews(relay.ViewsConfig{Books: w.books, Store: w.store, Chunk: 3})
	if err := views.Prepare(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return relay.New(relay.Config{Books: w.books, Store: w.store, Node: uuid.NewString(), Consumers: []relay.Consumer{views}}), views
}

// drain does rounds until nothing lags and every view is built.
func (w *world) drain(r *relay.Relay, views *relay.Views) {
	w.t.Helper()
	for range 200 {
		for i := range relay.Shards {
			if err := r.Round(w.t.Context(), i); err != nil && !fault.Transient(err) {
				w.t.Fatal(err)
			}
		}
		reports, err := views.Inspect(w.t.Context(), false, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if !slices.ContainsFunc(reports, func(r relay.ViewReport) bool { return r.Lagging > 0 || r.State != "ready" }) {
			return
		}
	}
	w.t.Fatal("the relay does not come to an end")
}

// thing gives the values of a row of the source; no place is null, and "-" the empty text.
func (w *world) thing(owner string, id int64, color, place string, n, cents int64, ratio float64, day int64) []model.Value {
	at := model.TimeMicro((20000+day)*86400_000000 + id*1000)
	v := []model.Value{model.String(owner), model.Int(id), model.String(color), model.Null, model.Null, model.Decimal(cents, 2), model.Float(ratio), at}
	if place != "" {
		v[3] = model.String(strings.TrimPrefix(place, "-"))
	}
	if n >= 0 {
		v[4] = model.Int(n)
	}
	return v
}

// put writes rows of one partition in one commit; nil values delete.
func (w *world) put(owner string, rows map[int64][]model.Value) {
	w.t.Helper()
	e := w.books.Store.Entity("thing")
	p := store.Partition{Family: e.Family, Value: model.String(owner)}
	wr := relay.NewWrite("put", w.books.Store.Revision, p, func(tx store.Tx) error {
		for id, values := range rows {
			row, err := tx.Get(e, []model.Value{model.Int(id)})
			switch {
			case err != nil:
				return err
			case values == nil && row != nil:
				err = tx.Delete(e, row, false)
			case values == nil:
			case row == nil:
				_, err = tx.Insert(e, values)
			default:
				_, err = tx.Update(e, row, values)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.store.Store.Commit(w.t.Context(), wr)
	if wr.Result.Err != nil {
		w.t.Fatal(wr.Result.Err)
	}
	if w.things[owner] == nil {
		w.things[owner] = map[int64][]model.Value{}
	}
	for id, values := range rows {
		if values == nil {
			delete(w.things[owner], id)
		} else {
			w.things[owner][id] = values
		}
	}
}

// want works out, in its own way, the rows of a view as lines.
func (w *world) want(view string) []string {
	type fold struct {
		rows            int
		n, price, ratio big.Rat
		ns              int64
	}
	folds := map[string]*fold{}
	var lines []string
	text := func(v model.Value) string {
		if v.IsNull() {
			return "null"
		}
		return string(model.AppendText(nil, v))
	}
	there := func(place model.Value) bool { return !place.IsNull() && place.Text() != "" && place.Text() != "." }
	for owner, things := range w.things {
		for _, t := range things {
			id, color, place, n, price, ratio, at := text(t[1]), t[2].Text(), t[3], t[4], t[5], t[6], t[7]
			group := ""
			switch view {
			case "by_place", "at_place":
				if there(place) {
					lines = append(lines, strings.Join([]string{place.Text(), owner, id, color, text(price)}, " "))
				}
				continue
			case "warm":
				if color != "blue" {
					lines = append(lines, strings.Join([]string{color, text(at), owner, id, text(place), text(n), text(price), text(ratio)}, " "))
				}
				continue
			case "idle":
				if n.IsNull() || n.Int() == 3 {
					lines = append(lines, strings.Join([]string{color, owner, id, text(price)}, " "))
				}
				continue
			case "days":
				if color == "green" {
					continue
				}
				group = at.Time().Format(time.DateOnly)
			case "shelves":
				group = color + " " + id
			case "paths":
				if !there(place) {
					continue
				}
				group = color
			}
			f := folds[group]
			if f == nil {
				f = &fold{}
				folds[group] = f
			}
			f.rows++
			if !n.IsNull() {
				f.n.Add(&f.n, new(big.Rat).SetInt64(n.Int()))
				f.ns++
			}
			f.price.Add(&f.price, big.NewRat(price.Int(), 100))
			f.ratio.Add(&f.ratio, new(big.Rat).SetFloat64(ratio.Float()))
		}
	}
	mean := func(sum *big.Rat, n int64) string {
		if n == 0 {
			return text(model.Float(0))
		}
		f, _ := new(big.Rat).Quo(sum, new(big.Rat).SetInt64(n)).Float64()
		return text(model.Float(f))
	}
	whole := func(sum *big.Rat) string { // what leaves 64 bits stands at the bound
		n := sum.Num()
		if !n.IsInt64() {
			n = big.NewInt(math.MaxInt64)
		}
		return n.String()
	}
	for group, f := range folds {
		switch view {
		case "days":
			rows := int64(f.rows)
			lines = append(lines, strings.Join([]string{group, fmt.Sprint(f.rows), whole(&f.n), f.price.FloatString(2),
				mean(&f.n, f.ns), mean(&f.price, rows), mean(&f.ratio, 1), mean(&f.ratio, rows)}, " "))
		case "shelves":
			lines = append(lines, group+" "+whole(&f.n))
		case "paths":
			lines = append(lines, group+" "+fmt.Sprint(f.rows)+" "+f.price.FloatString(2))
		}
	}
	slices.Sort(lines)
	return lines
}

// have reads the rows of a view from the store, as lines.
func (w *world) have(view string) []string {
	w.t.Helper()
	e := w.books.Store.Entity(view)
	rows, err := w.store.Scan(w.t.Context(), e, nil, 100_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, row := range rows {
		var parts []string
		for _, v := range row.Values {
			if v.IsNull() {
				parts = append(parts, "null")
			} else {
				parts = append(parts, string(model.AppendText(nil, v)))
			}
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	slices.Sort(lines)
	return lines
}

// check holds every view against what it should be, and the product's own comparison against both.
func (w *world) check(views *relay.Views) {
	w.t.Helper()
	for _, v := range w.books.Store.Views {
		if want, have := w.want(v.Name), w.have(v.Name); !slices.Equal(want, have) {
			w.t.Fatalf("%s has\n%s\ninstead of\n%s", v.Name, strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
	}
	reports, err := views.Inspect(w.t.Context(), true, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range reports {
		if !r.Compared || r.Differences > 0 {
			w.t.Fatalf("the comparison of %s says %+v", r.View, r)
		}
	}
}
