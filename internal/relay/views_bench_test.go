package relay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// BenchmarkViews relays changes of many partitions, each of which moves a row in an index view and in
// a fold of few partitions.
func BenchmarkViews(b *testing.B) {
	const views = `
views:
  by_place: {from: thing, by: place, fields: [color, price]}
  days:     {from: thing, by: {day: = date(row.at)}, fold: {things: count, spent: {sum: price}}}
`
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			url := ""
			if kind == "postgres" {
				url = database.Database(b)
			}
			w := openWorld(b, sourceModel+views, url, b.TempDir(), nil)
			defer w.store.Close()
			r, v := w.relay()
			e := w.books.Store.Entity("thing")
			n := 0
			for b.Loop() {
				b.StopTimer()
				const changes = 4096
				for range changes / 256 {
					var ws []*store.Write
					for range 256 {
						n++
						owner := fmt.Sprint("o", n%1000)
						values := w.thing(owner, int64(n), "red", fmt.Sprint("p", n%2000), 1, 100, 0.5, int64(n%3))
						ws = append(ws, relay.NewWrite("put", "", store.Partition{Family: e.Family, Value: model.String(owner)}, func(tx store.Tx) error {
							_, err := tx.Insert(e, values)
							return err
						}))
					}
					w.store.Store.Commit(b.Context(), ws...)
				}
				b.StartTimer()
				start := time.Now()
				w.drain(r, v)
				b.ReportMetric(changes/time.Since(start).Seconds(), "changes/s")
			}
		})
	}
}
