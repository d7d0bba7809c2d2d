package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

var _ store.Eraser = (*Store)(nil)

// Lag tells how far the consumers of a partition's changes are.
func (s *Store) Lag(ctx context.Context, p store.Partition) (lag store.Lag, err error) {
	err = s.with(ctx, func(c *conn) error {
		h, err := c.head(p)
		lag = store.Lag{Partition: p, Version: h.version, Relayed: h.relayed}
		return err
	})
	return lag, err
}

// Forget deletes changes and outcomes, a few at a time between the groups.
func (s *Store) Forget(ctx context.Context, p store.Partition, upto uint64, outcomes bool) (gone store.Forgotten, err error) {
	for {
		var list []place
		err := s.with(ctx, func(c *conn) error {
			return c.snapshot(func() (err error) {
				list, err = c.oldest(p, upto, pruneStep)
				return err
			})
		})
		if err != nil {
			return gone, err
		}
		if len(list) == 0 {
			break
		}
		n, err := s.prune(ctx, func() (int, error) { return s.source.dropChanges(p, list) })
		gone.Changes += n
		if err != nil {
			return gone, err
		}
	}
	for outcomes {
		n, err := s.prune(ctx, func() (int, error) { return s.source.dropAllOutcomes(p) })
		gone.Outcomes += n
		if err != nil {
			return gone, err
		}
		outcomes = n == pruneStep
	}
	return gone, nil
}

// oldest lists the changes of a partition up to a version, from the oldest on: at most some more than
// limit.
func (c *conn) oldest(p store.Partition, upto uint64, limit int) (list []place, err error) {
	h, err := c.head(p)
	if err != nil {
		return nil, err
	}
	for floor := uint64(0); len(list) < limit && floor < min(upto, h.version); {
		block, err := c.block(p, h, floor, time.UnixMicro(math.MaxInt64))
		if err != nil || len(block) == 0 {
			return list, err
		}
		for _, one := range block {
			if one.version > upto {
				return list, nil
			}
			list = append(list, one.place)
		}
		floor = block[len(block)-1].version
	}
	return list, nil
}

func (s *source) dropAllOutcomes(p store.Partition) (int, error) {
	stmt, err := s.prepared(sqltext.ErasingOf(p.Family).Outcomes)
	if err != nil {
		return 0, err
	}
	if err := s.bindAll(stmt, 1, []model.Value{p.Value, model.Int(pruneStep)}); err != nil {
		return 0, err
	}
	if err := stmt.Exec(); err != nil {
		return 0, err
	}
	return int(s.Conn.Changes()), nil
}

// Overwrite has SQLite write zeros over what is deleted. In the end the write-ahead log, which has the
// pages of before, is brought into the file and cut off.
func (s *Store) Overwrite(ctx context.Context) (func(context.Context) (bool, error), error) {
	set := func(ctx context.Context, pragma string) (err error) {
		if run := s.queue.Do(ctx, func() { err = s.writer.Exec(pragma) }); run != nil {
			return run
		}
		if err != nil {
			return writeFault(err)
		}
		return nil
	}
	if err := set(ctx, "PRAGMA secure_delete=ON"); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (whole bool, err error) {
		if err := set(ctx, "PRAGMA secure_delete=OFF"); err != nil {
			return false, err
		}
		run := s.queue.Do(ctx, func() { whole, err = s.cutLog() })
		switch {
		case run != nil:
			return false, run
		case err != nil && fatal(err):
			s.breakDown(err)
			return false, brokenFault(err)
		case err != nil:
			return false, writeFault(err)
		}
		return whole, nil
	}, nil
}

// cutLog brings all of the log into the file and empties it, unless a reader is in the way.
func (s *Store) cutLog() (whole bool, err error) {
	if _, err := s.writer.checkpoint(sqlite3.CHECKPOINT_TRUNCATE); err != nil {
		if tolerable(err) {
			return false, nil
		}
		return false, err
	}
	s.walPages.Store(0)
	s.walDue.Store(s.walLimit())
	return true, nil
}
