package store

import (
	"context"
	"time"

	"github.com/partita-dev/partita/model"
)

// Indexed is a Store that counts how often its indexes are used. Not every engine does.
type Indexed interface {
	// Indexes gives the derived indexes that the engine counts.
	Indexes(ctx context.Context) ([]IndexUse, error)
}

// IndexUse is how often an index was used, by all that asked the engine.
type IndexUse struct {
	Index *model.Index
	Scans int64
	Bytes int64
	Since time.Time // when the engine began to count; zero: not known
}
