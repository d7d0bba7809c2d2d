package storeurl

import (
	"context"
	"strings"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/postgres"
	"github.com/partita-dev/partita/store/sqlite"
)

// Migrate opens a store to change its schema. The URL and dataDir are those of Open; there must be a
// store already.
func Migrate(ctx context.Context, storeURL, dataDir string, books *work.Books) (migrate.Target, error) {
	if err := Check(storeURL); err != nil {
		return nil, err
	}
	if !Embedded(storeURL) {
		return postgres.Migrate(ctx, storeURL, books.Store, books.Follow)
	}
	if folder, ok := strings.CutPrefix(storeURL, "sqlite:"); ok {
		dataDir = folder
	}
	return sqlite.Migrate(ctx, dataDir, books.Store)
}
