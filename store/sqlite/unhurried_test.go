package sqlite

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
)

// taken is a file that takes everything and only counts it.
type taken struct {
	vfs.File
	bytes int64
}

func (f *taken) WriteAt(p []byte, _ int64) (int, error) {
	f.bytes += int64(len(p))
	return len(p), nil
}

func TestWhatACheckpointCopiesIsWrittenWithPauses(t *testing.T) {
	for flag, want := range map[vfs.OpenFlag]time.Duration{vfs.OPEN_MAIN_DB: 10 * pause, vfs.OPEN_WAL: 0} {
		synctest.Test(t, func(t *testing.T) {
			beneath := &taken{}
			f, _, err := wrapped{of: vfs.OPEN_MAIN_DB, with: slow}.opened(beneath, flag, nil)
			if err != nil {
				t.Fatal(err)
			}
			began, page := time.Now(), make([]byte, pageSize)
			for i := range int64(10 * atOnce) {
				if _, err := f.WriteAt(page, i*pageSize); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took != want || beneath.bytes != 10*atOnce*pageSize {
				t.Errorf("%d bytes were written in %s", beneath.bytes, took)
			}
		})
	}
}
