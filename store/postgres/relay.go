package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// followMark and a family's name are what partita_meta says "yes" to once a node has followed the family.
const followMark = "follow:"

// follow brings the heads in line with which families are followed now. Nodes of two models may
// disagree for a while: then followed wins, which costs work and loses nothing.
func follow(ctx context.Context, conn *pgx.Conn, m *model.Model, o *store.Options) error {
	for _, f := range m.Families {
		if !o.Follows(f) {
			continue
		}
		var have string
		err := conn.QueryRow(ctx, sqltext.MetaGet, followMark+f.Name).Scan(&have)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return unreachable(err)
		}
		if have == "yes" {
			continue
		}
		if _, err := conn.Exec(ctx, sqltext.BooksOf(f).FollowedNow); err != nil {
			return unreachable(err)
		}
		if _, err := conn.Exec(ctx, sqltext.MetaPut, followMark+f.Name, "yes"); err != nil {
			return unreachable(err)
		}
	}
	return nil
}

// Lagging lists partitions whose changes were not all relayed yet.
func (s *Store) Lagging(ctx context.Context, f *model.Family, first, last, limit int) ([]store.Lag, error) {
	rows, err := s.readers.Query(ctx, s.books[f].Lagging, first, last, limit)
	if err != nil {
		return nil, s.failure(err)
	}
	var lags []store.Lag
	err = eachRow(rows, func(raw [][]byte) error {
		v, err := value(&f.By.Type, raw[0])
		lags = append(lags, store.Lag{Partition: store.Partition{Family: f, Value: v},
			Version: binary.BigEndian.Uint64(raw[1]), Relayed: binary.BigEndian.Uint64(raw[2])})
		return err
	})
	return lags, s.failure(err)
}

// PartitionsIn lists the partitions of a bucket.
func (s *Store) PartitionsIn(ctx context.Context, f *model.Family, bucket int, after model.Value, limit int) ([]model.Value, error) {
	sql, args := s.books[f].Bucket, []any{bucket, limit}
	if !after.IsNull() {
		sql, args = s.books[f].BucketAfter, []any{bucket, argument(after), limit}
	}
	rows, err := s.readers.Query(ctx, sql, args...)
	if err != nil {
		return nil, s.failure(err)
	}
	var values []model.Value
	err = eachRow(rows, func(raw [][]byte) error {
		v, err := value(&f.By.Type, raw[0])
		values = append(values, v)
		return err
	})
	return values, s.failure(err)
}

// Relayed notes how far the consumers are: one statement for each family, partitions in the order
// in which writers lock them. It does not wait for the disk: a note that a crash loses makes something
// be relayed twice, which consumers bear.
func (s *Store) Relayed(ctx context.Context, lags ...store.Lag) error {
	by := map[*model.Family][]store.Lag{}
	for _, l := range lags {
		by[l.Partition.Family] = append(by[l.Partition.Family], l)
	}
	for f, list := range by {
		slices.SortFunc(list, func(a, b store.Lag) int { return model.Compare(a.Partition.Value, b.Partition.Value) })
		values, relayed := make([]model.Value, len(list)), make([]int64, len(list))
		for i, l := range list {
			values[i], relayed[i] = l.Partition.Value, int64(l.Relayed)
		}
		// The heads are locked in order first: an UPDATE alone takes its rows in any order.
		head := sqltext.Quote(sqltext.BookName("head", f))
		sql := `WITH u AS (SELECT * FROM ` + unnest([]string{arrayType(&f.By.Type), "bigint[]"}) + `), locked AS (` +
			`SELECT h."partition" FROM ` + head + ` h JOIN u ON h."partition" = u.c1 ORDER BY h."partition" FOR NO KEY UPDATE OF h) ` +
			`UPDATE ` + head + ` t SET "relayed" = u.c2 FROM u, locked WHERE t."partition" = u.c1 AND locked."partition" = u.c1 AND t."relayed" < u.c2`
		batch := &pgx.Batch{} // one transaction
		batch.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
		batch.Queue(sql, array(&f.By.Type, values), relayed)
		if err := s.readers.SendBatch(ctx, batch).Close(); err != nil {
			return s.failure(err)
		}
	}
	return nil
}

const leaseTable = `CREATE TABLE IF NOT EXISTS "` + sqltext.LeaseTable + `" ("name" text NOT NULL PRIMARY KEY, "holder" text NOT NULL, "until" timestamptz NOT NULL)`

// Lease takes or renews leases by the database's clock.
func (s *Store) Lease(ctx context.Context, holder string, ttl time.Duration, names ...string) ([]string, error) {
	slices.Sort(names)
	rows, err := s.readers.Query(ctx, `INSERT INTO "`+sqltext.LeaseTable+`" AS l ("name", "holder", "until")
		SELECT n, $2, clock_timestamp() + $3::interval FROM unnest($1::text[]) AS n ORDER BY n
		ON CONFLICT ("name") DO UPDATE SET "holder" = $2, "until" = clock_timestamp() + $3::interval
		WHERE l."holder" = $2 OR l."until" < clock_timestamp() RETURNING "name"`,
		names, holder, fmt.Sprintf("%d milliseconds", ttl.Milliseconds()))
	if err != nil {
		return nil, s.failure(err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return held, s.failure(err)
}

// Unlease gives leases back before their time.
func (s *Store) Unlease(ctx context.Context, holder string, names ...string) error {
	_, err := s.readers.Exec(ctx, `DELETE FROM "`+sqltext.LeaseTable+`" WHERE "name" = ANY($1::text[]) AND "holder" = $2`, names, holder)
	return s.failure(err)
}
