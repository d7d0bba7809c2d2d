package postgres

import (
	"context"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// Indexes tells what PostgreSQL counted of the indexes that are derived from the model's reads.
func (s *Store) Indexes(ctx context.Context) ([]store.IndexUse, error) {
	byName := map[string]*model.Index{}
	for _, e := range s.model.Entities {
		for _, ix := range e.Indexes {
			byName[sqltext.IndexName(ix)] = ix
		}
	}
	rows, err := s.readers.Query(ctx, `SELECT i.indexrelname, i.idx_scan, pg_relation_size(i.indexrelid),
			(SELECT stats_reset FROM pg_stat_database WHERE datname = current_database())
		FROM pg_stat_user_indexes i WHERE i.schemaname = current_schema() ORDER BY i.indexrelname`)
	if err != nil {
		return nil, unreachable(err)
	}
	defer rows.Close()
	var list []store.IndexUse
	for rows.Next() {
		var name string
		var since *time.Time
		var u store.IndexUse
		if err := rows.Scan(&name, &u.Scans, &u.Bytes, &since); err != nil {
			return nil, unreachable(err)
		}
		if u.Index = byName[name]; u.Index == nil {
			continue
		}
		if since != nil {
			u.Since = *since
		}
		list = append(list, u)
	}
	if err := rows.Err(); err != nil {
		return nil, unreachable(err)
	}
	return list, nil
}
