package sqlite

import (
	"errors"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// batchSize is the most that is held back.
const batchSize = 1 << 20

// batched registers another form of a file system and gives its name: its write-ahead logs take the many small writes of a
// commit as one. SQLite writes two pieces per page, and asks for them only after it has synced them: other connections do not
// look at frames before they are committed.
func batched(name string) string {
	own := "partita"
	if name != "" {
		own += "-" + name
	}
	return wrap(own, name, vfs.OPEN_WAL, func(f vfs.File) vfs.File { return &batchFile{File: f} })
}

// batchFile holds back writes that follow on one another until the file is synced or looked at.
type batchFile struct {
	vfs.File
	held []byte
	from int64 // where held begins in the file
}

func (f *batchFile) WriteAt(p []byte, off int64) (int, error) {
	if len(f.held) > 0 && (off != f.from+int64(len(f.held)) || len(f.held)+len(p) > batchSize) {
		if err := f.flush(); err != nil {
			return 0, err
		}
	}
	if len(f.held) == 0 {
		f.from = off
	}
	f.held = append(f.held, p...)
	return len(p), nil
}

func (f *batchFile) flush() error {
	if len(f.held) == 0 {
		return nil
	}
	_, err := f.File.WriteAt(f.held, f.from)
	f.held = f.held[:0]
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		// Else SQLite would take a want of room for a failure of the disk, or of the sync that this
		// write came with.
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

func (f *batchFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *batchFile) Truncate(size int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *batchFile) Sync(flags vfs.SyncFlag) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

func (f *batchFile) Size() (int64, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *batchFile) Close() error {
	err := f.flush()
	if closing := f.File.Close(); err == nil {
		err = closing
	}
	return err
}
