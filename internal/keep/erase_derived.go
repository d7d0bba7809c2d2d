package keep

import (
	"context"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// jobs deletes what waits for its time or its receiver, and dead letters, and what the service's own log
// says of them.
func (x *erasing) jobs(ctx context.Context) error {
	at := relay.Home(x.Books, relay.ShardOf(x.p.Family.Bucket(x.p.Value)))
	e, source := x.Books.Job, string(model.AppendText(nil, x.p.Value))
	family, from, state := e.Field("family").Pos, e.Field("source").Pos, e.Field("state").Pos
	dead := 0
	n, err := x.rows(ctx, at, e, func(row *model.Row) bool {
		ours := row.Values[family].Text() == x.p.Family.Name && row.Values[from].Text() == source
		if ours && row.Values[state].Text() == work.Dead {
			dead++
		}
		return ours
	})
	x.done.Dead += dead
	x.done.Waiting += max(0, n-dead)
	if err != nil {
		return err
	}
	head, err := x.Store.Head(ctx, at)
	if err != nil {
		return err
	}
	return x.forget(ctx, at, head, false)
}

// views takes out of views what came from a partition and did not go by itself, and deletes the changes
// in which it shows.
func (x *erasing) views(ctx context.Context, from store.Partition) error {
	for _, v := range x.Books.Store.Views {
		if v.From.Family != from.Family {
			continue
		}
		list, err := x.placesOf(ctx, v, from)
		if err != nil {
			return err
		}
		for _, at := range list {
			if err := x.view(ctx, v, from, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// placesOf lists the partitions of a view that have taken in something of a source partition.
func (x *erasing) placesOf(ctx context.Context, v *model.View, from store.Partition) (list []store.Partition, err error) {
	e, source := x.Books.Applied[v], string(model.AppendText(nil, from.Value))
	var after []model.Value
	for n := 0; ; n += page {
		rows, err := x.Store.Scan(ctx, e, after, page)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Values[1].Text() == source {
				list = append(list, store.Partition{Family: v.Family, Value: row.Values[0]})
			}
		}
		if len(rows) < page {
			return list, nil
		}
		x.tell(Step{Doing: "looks through what went into " + v.Name, Count: n})
		last := rows[len(rows)-1]
		after = append([]model.Value{last.Values[0]}, e.KeyOf(last)...)
	}
}

func (x *erasing) view(ctx context.Context, v *model.View, from, at store.Partition) error {
	// Rows whose source expired are no view's business any more; they are told by the source's partition
	// in their key.
	if f := v.Entity.Field(from.Family.By.Name); f != nil && len(v.Folds) == 0 && v.From.Keep != nil {
		if _, err := x.rows(ctx, at, v.Entity, func(row *model.Row) bool { return row.Values[f.Pos] == from.Value }); err != nil {
			return err
		}
	}
	upto, err := x.relayed(ctx, at)
	if err != nil {
		return err
	}
	x.done.Views[v.Name]++
	if err := x.views(ctx, at); err != nil { // what is made of this view
		return err
	}
	return x.forget(ctx, at, upto, false)
}
