package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// follow brings the heads in line with which families are followed now.
func (s *Store) follow() error {
	for _, f := range s.config.Model.Families {
		want := "no"
		if s.config.Start(f) != store.Unfollowed {
			want = "yes"
		}
		have, err := s.writer.word(sqltext.MetaGet, "follow:"+f.Name)
		if err == nil && have != want {
			if want == "yes" {
				err = s.writer.each(sqltext.BooksOf(f).FollowedNow, func(*sqlite3.Stmt) {})
			} else {
				err = s.writer.each(sqltext.BooksOf(f).UnfollowedNow, func(*sqlite3.Stmt) {}, fmt.Sprint(int64(store.Unfollowed)))
			}
			if err == nil {
				err = s.writer.put("follow:"+f.Name, want)
			}
		}
		if err != nil {
			return fmt.Errorf("the store %s cannot be changed: %w", s.path, err)
		}
	}
	return nil
}

// partition reads a partition's value from the first column.
func (c *conn) partition(stmt *sqlite3.Stmt, f *model.Family) (model.Value, error) {
	c.text, c.spans = c.text[:0], c.spans[:0]
	v, ok := c.column(stmt, 0, 0, &f.By.Type)
	if !ok {
		return v, fmt.Errorf("sqlite: a partition of %s has a value that its type does not have", f.Name)
	}
	if len(c.spans) > 0 { // of those that are texts
		return model.String(string(c.text)), nil
	}
	return v, nil
}

// Lagging lists partitions whose changes were not all relayed yet.
func (s *Store) Lagging(ctx context.Context, f *model.Family, first, last, limit int) (lags []store.Lag, err error) {
	err = s.with(ctx, func(c *conn) error {
		stmt, err := c.prepared(c.books(f).books.Lagging)
		if err != nil {
			return err
		}
		defer stmt.Reset()
		if err := c.bindAll(stmt, 1, []model.Value{model.Int(int64(first)), model.Int(int64(last)), model.Int(int64(limit))}); err != nil {
			return err
		}
		for stmt.Step() {
			v, err := c.partition(stmt, f)
			if err != nil {
				return err
			}
			lags = append(lags, store.Lag{Partition: store.Partition{Family: f, Value: v},
				Version: uint64(stmt.ColumnInt64(1)), Relayed: uint64(stmt.ColumnInt64(2))})
		}
		return stmt.Err()
	})
	return lags, err
}

// PartitionsIn lists the partitions of a bucket.
func (s *Store) PartitionsIn(ctx context.Context, f *model.Family, bucket int, after model.Value, limit int) (values []model.Value, err error) {
	err = s.with(ctx, func(c *conn) error {
		b := c.books(f).books
		text, args := b.Bucket, []model.Value{model.Int(int64(bucket)), model.Int(int64(limit))}
		if !after.IsNull() {
			text, args = b.BucketAfter, []model.Value{model.Int(int64(bucket)), after, model.Int(int64(limit))}
		}
		values, err = c.partitions(f, text, args)
		return err
	})
	return values, err
}

// Relayed notes how far the consumers are, in one transaction between two groups.
func (s *Store) Relayed(ctx context.Context, lags ...store.Lag) (err error) {
	run := s.queue.Do(ctx, func() {
		if err = s.begin(); err == nil {
			for _, l := range lags {
				if err = s.relayed(l); err != nil {
					break
				}
			}
		}
		if err == nil {
			err = s.end()
		}
		if err != nil {
			err = s.giveUp(err)
		}
	})
	switch {
	case run != nil:
		return run
	case err != nil && s.Cause() != nil:
		return brokenFault(err)
	case err != nil:
		return writeFault(err)
	}
	return nil
}

func (s *Store) relayed(l store.Lag) error {
	stmt, err := s.writer.prepared(s.writer.books(l.Partition.Family).books.Relayed)
	if err != nil {
		return err
	}
	if err := s.writer.bindAll(stmt, 1, []model.Value{model.Int(int64(l.Relayed)), l.Partition.Value}); err != nil {
		return err
	}
	return stmt.Exec()
}

// Lease gives every lease that is asked for: no other process can have the store open.
func (s *Store) Lease(_ context.Context, _ string, _ time.Duration, names ...string) ([]string, error) {
	return names, nil
}

// Unlease does nothing, likewise.
func (s *Store) Unlease(context.Context, string, ...string) error { return nil }
