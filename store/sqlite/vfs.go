package sqlite

import "github.com/ncruces/go-sqlite3/vfs"

// wrapped is another file system, some files of which are wrapped.
type wrapped struct {
	vfs.VFS
	of   vfs.OpenFlag // which ones
	with func(vfs.File) vfs.File
}

// wrap registers the wrapped form of a file system under a name, which it gives back.
func wrap(own, name string, of vfs.OpenFlag, with func(vfs.File) vfs.File) string {
	vfs.Register(own, wrapped{vfs.Find(name), of, with})
	return own
}

func (v wrapped) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.VFS.Open(name, flags)
	return v.opened(f, flags, err)
}

func (v wrapped) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	inner, ok := v.VFS.(vfs.VFSFilename)
	if !ok {
		return v.Open(name.String(), flags)
	}
	f, flags, err := inner.OpenFilename(name, flags)
	return v.opened(f, flags, err)
}

func (v wrapped) opened(f vfs.File, flags vfs.OpenFlag, err error) (vfs.File, vfs.OpenFlag, error) {
	if err == nil && flags&v.of != 0 {
		f = v.with(f)
	}
	return f, flags, err
}

// database is a file of a database that is wrapped. What it does not do itself the file beneath does.
type database struct{ vfs.File }

// SharedMemory is that of the file beneath: a write-ahead log needs it.
func (f database) SharedMemory() vfs.SharedMemory {
	if s, ok := f.File.(vfs.FileSharedMemory); ok {
		return s.SharedMemory()
	}
	return nil
}

// Unwrap gives the file beneath.
func (f database) Unwrap() vfs.File { return f.File }
