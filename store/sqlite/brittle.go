package sqlite

import (
	"crypto/rand"
	"errors"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// brittle registers another form of a file system and gives its name. It asks somebody before it reads, writes or syncs a
// file of the store: for drills and nothing else.
func brittle(name string, ask func(operation string) error) string {
	if ask == nil {
		return name
	}
	return wrap("brittle-"+rand.Text(), name, vfs.OPEN_WAL|vfs.OPEN_MAIN_DB, func(f vfs.File) vfs.File { return &brittleFile{database{f}, ask} })
}

type brittleFile struct {
	database
	ask func(operation string) error
}

func (f *brittleFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ask("read"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *brittleFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.ask("write")
	if errors.Is(err, syscall.ENOSPC) {
		return 0, vfs.SystemError(err, sqlite3.FULL)
	}
	if err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *brittleFile) Sync(flags vfs.SyncFlag) error {
	if err := f.ask("sync"); err != nil {
		return vfs.SystemError(err, sqlite3.IOERR_FSYNC)
	}
	return f.File.Sync(flags)
}
