package relay

import (
	"context"
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// clearing bounds the rows that one commit deletes.
const clearing = 200

// clear deletes what an earlier definition of a view left, in one bucket of the view's partitions
// and of the books, and goes on to the next.
func (v *Views) clear(ctx context.Context, p *plan, s Shard, state buildState) error {
	const page = 100
	after, err := state.from.value(p.view.Family)
	if err != nil {
		return err
	}
	values, err := v.config.Store.PartitionsIn(ctx, p.view.Family, state.from.bucket, after, page)
	if err != nil {
		return err
	}
	entities := []*model.Entity{p.rows, p.applied}
	if p.folded != nil {
		entities = append(entities, p.folded)
	}
	for _, value := range values {
		for _, e := range entities {
			if err := v.empty(ctx, s, store.Partition{Family: p.view.Family, Value: value}, e, nil); err != nil {
				return err
			}
		}
	}
	next := state
	if len(values) == page {
		next.from.after = behindOf(values[page-1])
	} else {
		if err := v.forget(ctx, p, s, state.from.bucket); err != nil {
			return err
		}
		next.from = position{bucket: state.from.bucket + 1}
	}
	if next.from.bucket > s.Last {
		next.state, next.from = work.Cleared, position{bucket: s.First}
	}
	next.to = next.from
	return v.save(ctx, p, s.Index, state, next)
}

// forget deletes, in one bucket, the noted versions of a view's sources.
func (v *Views) forget(ctx context.Context, p *plan, s Shard, bucket int) error {
	e := v.config.Books.Since
	home := store.Partition{Family: v.config.Books.Family, Value: model.Int(int64(bucket))}
	return v.empty(ctx, s, home, e, []model.Cond{{Field: e.Key[0], Values: []model.Value{model.String(p.view.Name)}}})
}

// empty deletes rows of an entity in a partition, some at a time.
func (v *Views) empty(ctx context.Context, s Shard, p store.Partition, e *model.Entity, equal []model.Cond) error {
	for more := true; more; {
		if !s.Held() {
			return fault.New(fault.Unavailable, "Another node works on this part now.")
		}
		err := v.commit(ctx, NewWrite(ViewWrite, v.config.Books.Store.Revision, p, func(tx store.Tx) error {
			rows, err := tx.List(e, equal, clearing)
			if err != nil {
				return err
			}
			more = len(rows) == clearing
			for _, row := range rows {
				if err := tx.Delete(e, row, false); err != nil {
					return err
				}
			}
			return nil
		}))
		if err != nil {
			return err
		}
	}
	return nil
}

// cleared tells whether no shard is still deleting.
func (v *Views) cleared(p *plan) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !slices.ContainsFunc(v.states[p][:], func(s buildState) bool { return s.state == work.Clearing })
}

// settle forgets the noted versions of a view that is built when they cannot matter any more: all
// changes are relayed, and long enough ago that no worker can have older ones in its hands.
func (v *Views) settle(ctx context.Context, p *plan, s Shard) (time.Duration, error) {
	const hold = 10 * time.Minute
	state := v.state(p, s.Index)
	if wait := hold - time.Since(state.at); wait > 0 {
		return wait, nil
	}
	lagging, err := v.config.Store.Lagging(ctx, p.view.From.Family, s.First, s.Last, 1)
	if err != nil || len(lagging) > 0 {
		return time.Minute, err
	}
	for bucket := s.First; bucket <= s.Last; bucket++ {
		if err := v.forget(ctx, p, s, bucket); err != nil {
			return 0, err
		}
	}
	next := state
	next.state = work.Settled
	return 0, v.save(ctx, p, s.Index, state, next)
}
