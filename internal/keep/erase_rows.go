package keep

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// page is the most rows that one commit deletes.
const page = 200

// allRows deletes all rows of an entity in the partition, those too whose time is over.
func (x *erasing) allRows(ctx context.Context, e *model.Entity) error {
	for n := page; n == page; {
		err := x.commit(ctx, x.p, nil, func(tx store.Tx) error {
			n = 0
			for _, list := range []func(limit int) ([]*model.Row, error){
				func(limit int) ([]*model.Row, error) { return tx.List(e, nil, limit) },
				func(limit int) ([]*model.Row, error) { return tx.Expired(e, time.Now(), limit) },
			} {
				rows, err := list(page - n)
				if err != nil {
					return err
				}
				for _, row := range rows {
					if err := tx.Delete(e, row, false); err != nil {
						return err
					}
				}
				n += len(rows)
			}
			return nil
		})
		if err != nil {
			return err
		}
		x.done.Rows[e.Name] += n
		x.tell(Step{Doing: "deletes rows of " + e.Name, Count: x.done.Rows[e.Name]})
	}
	return nil
}

// rows deletes rows of an entity in a partition, those for which of says so.
func (x *erasing) rows(ctx context.Context, p store.Partition, e *model.Entity, of func(*model.Row) bool) (total int, err error) {
	read := work.Rows(e, page)
	q := &store.Query{Read: read, Args: &model.Args{Values: make([]model.Value, len(read.Params)), Given: make([]bool, len(read.Params))}}
	q.Args.Values[0], q.Args.Given[0] = p.Value, true
	for {
		r, err := x.Store.Read(ctx, p, q)
		if err != nil {
			return total, err
		}
		var keys [][]model.Value
		for _, row := range r.Rows {
			if of(row) {
				keys = append(keys, e.KeyOf(row))
			}
		}
		n, err := x.remove(ctx, p, e, keys)
		total += n
		if err != nil {
			return total, err
		}
		x.tell(Step{Doing: "deletes rows of " + e.Name, Count: total})
		if !read.List || !r.More {
			return total, nil
		}
		q.Cursor = e.KeyOf(r.Rows[len(r.Rows)-1])
	}
}

// remove deletes rows by their keys in one commit.
func (x *erasing) remove(ctx context.Context, p store.Partition, e *model.Entity, keys [][]model.Value) (n int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	needs := make([]store.Need, len(keys))
	for i, key := range keys {
		needs[i] = store.Need{Entity: e, Key: key}
	}
	return n, x.commit(ctx, p, needs, func(tx store.Tx) error {
		n = 0
		for _, key := range keys {
			row, err := tx.Get(e, key)
			if err != nil {
				return err
			}
			if row == nil {
				continue
			}
			if err := tx.Delete(e, row, false); err != nil {
				return err
			}
			n++
		}
		return nil
	})
}

func (x *erasing) commit(ctx context.Context, p store.Partition, needs []store.Need, do func(store.Tx) error) error {
	w := &store.Write{Partition: p, ID: uuid.Must(uuid.NewV7()), Name: store.EraseWrite, Revision: x.Books.Store.Revision,
		Now: time.Now().UTC().Truncate(time.Microsecond), Needs: needs,
		Apply: func(tx store.Tx) ([]byte, error) { return nil, do(tx) }}
	x.Store.Commit(ctx, w)
	return w.Result.Err
}
