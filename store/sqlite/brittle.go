package sqlite

import (
	"crypto/rand"
	"errors"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// brittleVFS is another file system that asks somebody before it reads, writes or syncs a file of the
// store: for drills and nothing else.
type brittleVFS struct {
	vfs.VFS
	ask func(operation string) error
}

// brittle registers the brittle form of a file system and gives its name.
func brittle(name string, ask func(operation string) error) string {
	if ask == nil {
		return name
	}
	own := "brittle-" + rand.Text()
	vfs.Register(own, brittleVFS{vfs.Find(name), ask})
	return own
}

func (v brittleVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.VFS.Open(name, flags)
	return v.wrap(f, flags, err)
}

func (v brittleVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	inner, ok := v.VFS.(vfs.VFSFilename)
	if !ok {
		return v.Open(name.String(), flags)
	}
	f, flags, err := inner.OpenFilename(name, flags)
	return v.wrap(f, flags, err)
}

func (v brittleVFS) wrap(f vfs.File, flags vfs.OpenFlag, err error) (vfs.File, vfs.OpenFlag, error) {
	if err == nil && flags&(vfs.OPEN_WAL|vfs.OPEN_MAIN_DB) != 0 {
		f = &brittleFile{f, v.ask}
	}
	return f, flags, err
}

type brittleFile struct {
	vfs.File
	ask func(operation string) error
}

// SharedMemory is that of the file beneath: a write-ahead log needs it.
func (f *brittleFile) SharedMemory() vfs.SharedMemory {
	if s, ok := f.File.(vfs.FileSharedMemory); ok {
		return s.SharedMemory()
	}
	return nil
}

// Unwrap gives the file beneath.
func (f *brittleFile) Unwrap() vfs.File { return f.File }

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
