package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

var _ store.Eraser = (*Store)(nil)

// Lag tells how far the consumers of a partition's changes are.
func (s *Store) Lag(ctx context.Context, p store.Partition) (store.Lag, error) {
	var version, relayed int64
	err := s.readers.QueryRow(ctx, sqltext.ErasingOf(p.Family).Head, argument(p.Value)).Scan(&version, &relayed)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Lag{Partition: p, Relayed: store.Unfollowed}, nil
	}
	return store.Lag{Partition: p, Version: uint64(version), Relayed: uint64(relayed)}, s.failure(err)
}

// Forget deletes changes and outcomes, a thousand at a time.
func (s *Store) Forget(ctx context.Context, p store.Partition, upto uint64, outcomes bool) (gone store.Forgotten, err error) {
	const most = 1000
	text := sqltext.ErasingOf(p.Family)
	if gone.Changes, err = s.deleteAll(ctx, most, text.Changes, argument(p.Value), int64(upto), most); err != nil || !outcomes {
		return gone, err
	}
	gone.Outcomes, err = s.deleteAll(ctx, most, text.Outcomes, argument(p.Value), most)
	return gone, err
}

// deleteAll repeats a statement until it deletes less than most rows.
func (s *Store) deleteAll(ctx context.Context, most int, sql string, args ...any) (total int, err error) {
	for {
		tag, err := s.readers.Exec(ctx, sql, args...)
		if err != nil {
			return total, s.failure(err)
		}
		n := int(tag.RowsAffected())
		if total += n; n < most {
			return total, nil
		}
	}
}

// Overwrite does nothing: PostgreSQL keeps what was deleted in its files until a VACUUM has gone over it,
// and in its log for as long as that is kept.
func (s *Store) Overwrite(context.Context) (func(context.Context) (bool, error), error) {
	return func(context.Context) (bool, error) { return false, nil }, nil
}
