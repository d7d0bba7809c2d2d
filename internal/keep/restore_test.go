package keep

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

// A backup puts those files into a data folder that a backup has, and no others.
func TestRestoreWritesNoOtherFiles(t *testing.T) {
	const source = "service: kept\npartitions: {account: {by: account_id, type: string(40), expect: 1}}\n" +
		"entities: {entry: {in: account, key: n, fields: {n: int}}}\nreads: {entry: {get: entry}}\nwrites: {add: {insert: entry, input: [n]}}\n"
	for name, good := range map[string]bool{"dev.key": true, "webhook-secret": true, "partita.db-wal": false, "other": false, "..": false, ".profile": false} {
		t.Run(name, func(t *testing.T) {
			path, folder := filepath.Join(t.TempDir(), "backup"), t.TempDir()
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			a, err := newArchive(file, &Manifest{Format: format, Service: "kept"})
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{a.put(modelEntry, []byte(source), 0), a.put(folderEntry+name, []byte("x"), 0), a.close(), file.Close()} {
				if err != nil {
					t.Fatal(err)
				}
			}
			_, err = Restore(t.Context(), path, RestoreOptions{Folder: folder,
				Read: func(source []byte) (*model.Model, error) {
					m, err := model.Parse("model.yaml", source, nil)
					if err != nil {
						return nil, err
					}
					return work.Extend(m).Store, nil
				},
				Open: func(ctx context.Context, m *model.Model) (store.Filler, error) {
					return sqlite.OpenFiller(ctx, folder, m)
				}})
			if (err == nil) != good {
				t.Errorf("restored: %v", err)
			}
			if body, _ := os.ReadFile(filepath.Join(folder, name)); (string(body) == "x") != good {
				t.Errorf("the folder has %q under the name", body)
			}
		})
	}
}
