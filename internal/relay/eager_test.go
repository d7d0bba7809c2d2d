package relay_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/store"
)

// viewsWait is a store that carries out what views do only after something else has happened.
type viewsWait struct {
	store.Store
	first chan struct{}
}

func (v *viewsWait) Commit(ctx context.Context, ws ...*store.Write) {
	if ws[0].Name == relay.ViewWrite && ws[0].Partition.Family.View != nil {
		select {
		case <-v.first:
		case <-ctx.Done():
		}
	}
	v.Store.Commit(ctx, ws...)
}

// Who is told of an event does not wait for the views of the same change, told at once or by a job that was
// kept; nor where that change is the first that the relay finds.
func TestEventsDoNotWaitForViews(t *testing.T) {
	const source = `
service: s
partitions: {shop: {by: shop_id, type: string(20), expect: 10}}
entities:
  sale: {in: shop, key: id, expect: 100, fields: {id: {type: int, default: next}, cents: int, at: {type: time, default: now}}}
views:
  days: {from: sale, by: {day: = date(row.at)}, fold: {sales: count, total: {sum: cents}}}
reads: {days: {get: days, fresh: 1m}}
writes: {sell: {insert: sale, input: [cents], emit: sold}}
events: {sold: {data: [sale.id]}}
`
	for _, prompt := range []bool{true, false} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			dir, told := t.TempDir(), make(chan struct{})
			tell := sync.OnceFunc(func() { close(told) })
			endpoints := []*relay.Endpoint{{Lane: "go:sold", Target: "On(sold)", Events: []string{"sold"}, Prompt: prompt,
				Do: func(context.Context, *relay.Event, int) error { tell(); return nil }}}
			s := serveModel(t, source, options{dir: dir, endpoints: endpoints, quiet: true})
			s.must("sell", `{"shop_id":"a","cents":250}`)
			s.halt()
			s = serveModel(t, source, options{dir: dir, endpoints: endpoints, wrap: func(s store.Store) store.Store { return &viewsWait{s, told} }})
			s.wait("the view has it", func() bool { return len(s.rows("days")) == 1 })
			s.wait("all is settled", s.settled)
		})
	}
}
