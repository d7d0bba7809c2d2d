package sqlite

import (
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
)

// unhurriedVFS is another file system, whose databases are written with pauses. The keeper has it: a checkpoint copies tens of
// thousands of pages, with one processor for a twentieth of a second, and whoever asked for something meanwhile would have to
// wait. To yield is not enough: the runtime looks for what has arrived on connections when nothing else can run.
type unhurriedVFS struct{ vfs.VFS }

const (
	atOnce = 64                     // pages are written, which takes a fifth of a millisecond
	pause  = 200 * time.Microsecond // then at least, in which the runtime looks who else has something to do
)

// unhurried registers the unhurried form of a file system and gives its name.
func unhurried(name string) string {
	own := "unhurried-" + name
	vfs.Register(own, unhurriedVFS{vfs.Find(name)})
	return own
}

func (v unhurriedVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.VFS.Open(name, flags)
	return slow(f, flags, err)
}

func (v unhurriedVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	inner, ok := v.VFS.(vfs.VFSFilename)
	if !ok {
		return v.Open(name.String(), flags)
	}
	f, flags, err := inner.OpenFilename(name, flags)
	return slow(f, flags, err)
}

func slow(f vfs.File, flags vfs.OpenFlag, err error) (vfs.File, vfs.OpenFlag, error) {
	if err == nil && flags&vfs.OPEN_MAIN_DB != 0 {
		f = &unhurriedFile{File: f}
	}
	return f, flags, err
}

type unhurriedFile struct {
	vfs.File
	written int
}

// SharedMemory is that of the file beneath: a write-ahead log needs it.
func (f *unhurriedFile) SharedMemory() vfs.SharedMemory {
	if s, ok := f.File.(vfs.FileSharedMemory); ok {
		return s.SharedMemory()
	}
	return nil
}

// Unwrap gives the file beneath.
func (f *unhurriedFile) Unwrap() vfs.File { return f.File }

func (f *unhurriedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.written++; f.written%atOnce == 0 {
		time.Sleep(pause)
	}
	return f.File.WriteAt(p, off)
}
