package sqlite

import (
	"fmt"
	"testing"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// A group that changes many pages has room for them beside those that every write goes through; after many small ones the
// writer's cache is small again.
func TestTheWritersCacheIsAsLargeAsItsGroupsNeed(t *testing.T) {
	s := benchOpen(t)
	size := func() (pages int64) {
		var err error
		if run := s.queue.Do(t.Context(), func() { pages, err = s.writer.number("PRAGMA cache_size") }); run != nil || err != nil {
			t.Fatal(run, err)
		}
		return pages
	}
	small := func(n int) {
		w := benchInsert(s, n, n, false)
		if s.Commit(t.Context(), w); w.Result.Err != nil {
			t.Fatal(w.Result.Err)
		}
	}
	small(0)
	if got := size(); got != leastCache {
		t.Fatalf("after a write of one row the cache is to have %d pages, and has %d", leastCache, got)
	}
	m := s.config.Model
	e := m.Entity("order")
	large := &store.Write{Partition: store.Partition{Family: e.Family, Value: benchID(1)}, Name: "place_orders", Revision: m.Revision}
	large.ID[0] = 1
	large.Apply = func(tx store.Tx) ([]byte, error) {
		for i := range 1500 {
			row := []model.Value{benchID(1), benchID(1000 + i), model.String(fmt.Sprintf("A%011d", i)), model.String("placed"), model.Int(1), model.Null, model.Time(large.Now)}
			if _, err := tx.Insert(e, row); err != nil {
				return nil, err
			}
		}
		return []byte(`{"kind":1}`), nil
	}
	if s.Commit(t.Context(), large); large.Result.Err != nil {
		t.Fatal(large.Result.Err)
	}
	if got, changed := size(), s.pages.changed; got < cacheFactor*changed || changed < 100 {
		t.Fatalf("after a write that changed %d pages the cache has %d", changed, got)
	}
	for n := range 1000 {
		small(n + 2)
	}
	if got := size(); got > 2*leastCache {
		t.Fatalf("after 1000 writes of one row the cache still has %d pages", got)
	}
}
