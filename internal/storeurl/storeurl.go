// Package storeurl opens the store that a URL names. It is the one place that chooses an adapter.
package storeurl

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

// Check tells whether Open knows what to do with a URL.
func Check(storeURL string) error {
	if storeURL == "" {
		return nil
	}
	scheme, rest, ok := strings.Cut(storeURL, ":")
	switch {
	case ok && scheme == "sqlite" && rest != "":
		return nil
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return fmt.Errorf("this release has no PostgreSQL store yet: leave the store out, or give sqlite:FOLDER")
	}
	shown := storeURL
	if u, err := url.Parse(storeURL); err == nil {
		shown = u.Redacted()
	}
	return fmt.Errorf("%q names no store: leave it out, or give sqlite:FOLDER", shown)
}

// Open opens a store. The URL is "sqlite:" and a folder; "" means the embedded store in dataDir.
func Open(ctx context.Context, storeURL, dataDir string, m *model.Model, o store.Options) (store.Store, error) {
	if err := Check(storeURL); err != nil {
		return nil, err
	}
	if folder, ok := strings.CutPrefix(storeURL, "sqlite:"); ok {
		dataDir = folder
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Dir: dataDir, Model: m, Options: o})
	if err != nil {
		return nil, err
	}
	return s, nil
}
