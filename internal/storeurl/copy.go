package storeurl

import (
	"context"
	"strings"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/postgres"
	"github.com/partita-dev/partita/store/sqlite"
)

// Folder gives the folder of the embedded store that a URL names. dataDir is where that is without one.
func Folder(storeURL, dataDir string) string {
	if folder, ok := strings.CutPrefix(storeURL, "sqlite:"); ok {
		return folder
	}
	return dataDir
}

// Copy opens a store for a copy of all of it, beside those who use it. The URL and dataDir are those of
// Open.
func Copy(ctx context.Context, storeURL, dataDir string, books *work.Books) (store.Copy, error) {
	if err := Check(storeURL); err != nil {
		return nil, err
	}
	if Embedded(storeURL) {
		return sqlite.OpenCopy(ctx, Folder(storeURL, dataDir), books.Store)
	}
	return postgres.OpenCopy(ctx, storeURL, books.Store)
}

// Fill begins a new store, where there must be none.
func Fill(ctx context.Context, storeURL, dataDir string, books *work.Books) (store.Filler, error) {
	if err := Check(storeURL); err != nil {
		return nil, err
	}
	if Embedded(storeURL) {
		return sqlite.OpenFiller(ctx, Folder(storeURL, dataDir), books.Store)
	}
	return postgres.OpenFiller(ctx, storeURL, books.Store)
}

// Renew gives a store a new identity. No service may run on an embedded one.
func Renew(ctx context.Context, storeURL, dataDir string, books *work.Books) (store.Info, error) {
	if err := Check(storeURL); err != nil {
		return store.Info{}, err
	}
	if Embedded(storeURL) {
		return sqlite.Renew(ctx, Folder(storeURL, dataDir), books.Store)
	}
	return postgres.Renew(ctx, storeURL, books.Store)
}

// Hold keeps services from an embedded store until release is called. ok is false where one has it open.
func Hold(storeURL, dataDir string) (release func() error, ok bool, err error) {
	return sqlite.Hold(Folder(storeURL, dataDir))
}
