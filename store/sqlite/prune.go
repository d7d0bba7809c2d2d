package sqlite

import (
	"context"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// pruneStep bounds, about, what one transaction of Prune deletes, so that writes do not wait for long.
const pruneStep = 500

// Prune deletes old changes and outcomes of one partition, a few at a time between the groups. What
// may go is looked for beside the writes.
func (s *Store) Prune(ctx context.Context, p store.Partition, changesBefore, outcomesBefore time.Time) (int, error) {
	total := 0
	for {
		var gone []place
		err := s.with(ctx, func(c *conn) error {
			return c.snapshot(func() (err error) {
				gone, err = c.prunable(p, changesBefore, pruneStep)
				return err
			})
		})
		if err != nil {
			return total, err
		}
		if len(gone) == 0 {
			break
		}
		n, err := s.prune(ctx, func() (int, error) { return s.source.dropChanges(p, gone) })
		total += n
		if err != nil {
			return total, err
		}
	}
	for {
		n, err := s.prune(ctx, func() (int, error) { return s.source.dropOutcomes(p, outcomesBefore) })
		total += n
		if err != nil || n < pruneStep {
			return total, err
		}
	}
}

// prune deletes in one transaction.
func (s *Store) prune(ctx context.Context, drop func() (int, error)) (n int, err error) {
	run := s.queue.Do(ctx, func() {
		if err = s.begin(); err == nil {
			n, err = drop()
		}
		if err == nil {
			err = s.end()
		}
		if err != nil {
			n, err = 0, s.giveUp(err)
		}
	})
	switch {
	case run != nil:
		return 0, run
	case err != nil && s.Cause() != nil:
		return 0, brokenFault(err)
	case err != nil:
		return 0, writeFault(err)
	}
	return n, nil
}

func (s *source) dropOutcomes(p store.Partition, before time.Time) (int, error) {
	stmt, err := s.prepared(s.books(p.Family).books.OutcomesPrune)
	if err != nil {
		return 0, err
	}
	if err := s.bindAll(stmt, 1, []model.Value{p.Value, model.Int(before.UnixMicro()), model.Int(pruneStep)}); err != nil {
		return 0, err
	}
	if err := stmt.Exec(); err != nil {
		return 0, err
	}
	return int(s.Conn.Changes()), nil
}
