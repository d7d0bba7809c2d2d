// Package storeurl opens the store that a URL names. It is the one place that chooses an adapter.
package storeurl

import (
	"context"
	"errors"
	"strings"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/postgres"
	"github.com/partita-dev/partita/store/sqlite"
)

// Check tells whether Open knows what to do with a URL. The error does not quote it: it may have a
// password.
func Check(storeURL string) error {
	if storeURL == "" {
		return nil
	}
	scheme, rest, ok := strings.Cut(storeURL, ":")
	switch {
	case ok && scheme == "sqlite" && rest != "":
		return nil
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return nil
	}
	return errors.New("this names no store: leave it out, or give sqlite:FOLDER or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
}

// Embedded tells whether the store that a URL names lives in this process, so that no other node
// can share it.
func Embedded(storeURL string) bool { return storeURL == "" || strings.HasPrefix(storeURL, "sqlite:") }

// Open opens a store. The URL is "sqlite:" and a folder, or postgres://…; "" means the embedded store
// in dataDir. books is the model with the rows that the service keeps for itself.
func Open(ctx context.Context, storeURL, dataDir string, books *work.Books, o store.Options) (store.Store, error) {
	if err := Check(storeURL); err != nil {
		return nil, err
	}
	o.Follow = books.Follow
	if !Embedded(storeURL) {
		s, err := postgres.Open(ctx, postgres.Config{URL: storeURL, Model: books.Store, Options: o})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	if folder, ok := strings.CutPrefix(storeURL, "sqlite:"); ok {
		dataDir = folder
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Dir: dataDir, Model: books.Store, Options: o})
	if err != nil {
		return nil, err
	}
	return s, nil
}
