package sqlite

import (
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// disk is a file system in memory whose power can be cut: what was written and not yet synced is
// then there or not, sector by sector, whatever the order. It can also be made to fail.
type disk struct {
	mu    sync.Mutex
	rng   *rand.Rand
	files map[string]*diskFile
	shm   string // folder for the shared memory, which no power cut survives
	left  int    // operations until the power is cut; negative: it is not
	dead  bool
	fail  func(operation, name string) error // nil: nothing fails
}

const sector = 512

type diskFile struct {
	name    string
	data    []byte // as programs see it
	synced  []byte // as it is for certain
	pending []diskWrite
	created bool // its name is on the disk for certain
	locks   map[*diskHandle]vfs.LockLevel
}

// diskWrite is a write, or with nil data a truncation, that was not synced.
type diskWrite struct {
	off  int64
	data []byte
}

func newDisk(seed uint64, shm string) *disk {
	return &disk{rng: rand.New(rand.NewPCG(seed, 1)), files: map[string]*diskFile{}, shm: shm, left: -1}
}

// step is called for every operation, with the lock held. It says whether the disk still works.
func (d *disk) step(operation, name string) error {
	if d.dead {
		return sqlite3.IOERR
	}
	if d.left == 0 {
		d.dead = true
		return sqlite3.IOERR
	}
	if d.left > 0 {
		d.left--
	}
	if d.fail != nil {
		return d.fail(operation, name)
	}
	return nil
}

// cutAfter lets the power fail after some more operations.
func (d *disk) cutAfter(operations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = operations
}

func (d *disk) failing(f func(operation, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = f
}

// reboot gives the disk as it is after the power was cut and came back.
func (d *disk) reboot(shm string) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	fresh := &disk{rng: d.rng, files: map[string]*diskFile{}, shm: shm, left: -1}
	keep := []float64{0, 0.3, 0.7, 1}[d.rng.IntN(4)]
	for _, f := range d.files {
		if !f.created && d.rng.IntN(2) == 0 {
			continue
		}
		data := d.survive(f, keep)
		fresh.files[f.name] = &diskFile{
			name: f.name, data: data, synced: slices.Clone(data), created: true, locks: map[*diskHandle]vfs.LockLevel{},
		}
	}
	return fresh
}

func (d *disk) survive(f *diskFile, keep float64) []byte {
	data := slices.Clone(f.synced)
	if d.rng.IntN(2) == 0 {
		d.rng.Shuffle(len(f.pending), func(i, j int) { f.pending[i], f.pending[j] = f.pending[j], f.pending[i] })
	}
	for _, w := range f.pending {
		if w.data == nil {
			if d.rng.Float64() < keep {
				data = resize(data, w.off)
			}
			continue
		}
		for from := 0; from < len(w.data); {
			to := min(len(w.data), from+sector-int((w.off+int64(from))%sector))
			if d.rng.Float64() < keep {
				data = put(data, w.off+int64(from), w.data[from:to])
			}
			from = to
		}
	}
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

func put(data []byte, off int64, p []byte) []byte {
	if end := off + int64(len(p)); end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[off:], p)
	return data
}

func (d *disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == "" {
		return nil, flags, sqlite3.CANTOPEN
	}
	if err := d.step("open", name); err != nil {
		return nil, flags, err
	}
	f := d.files[name]
	if f == nil {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		f = &diskFile{name: name, locks: map[*diskHandle]vfs.LockLevel{}}
		d.files[name] = f
	}
	h := &diskHandle{disk: d, diskFile: f}
	h.shared = vfs.NewSharedMemory(filepath.Join(d.shm, filepath.Base(name)+"-shm"), flags)
	return h, flags, nil
}

func (d *disk) Delete(name string, _ bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("delete", name); err != nil {
		return err
	}
	if d.files[name] == nil {
		return sqlite3.IOERR_DELETE_NOENT
	}
	delete(d.files, name)
	return nil
}

func (d *disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("access", name); err != nil {
		return false, err
	}
	return d.files[name] != nil, nil
}

func (d *disk) FullPathname(name string) (string, error) { return name, nil }

// diskHandle is one opened file.
type diskHandle struct {
	disk *disk
	*diskFile
	shared vfs.SharedMemory
}

func (h *diskHandle) SharedMemory() vfs.SharedMemory { return h.shared }

func (h *diskHandle) Close() error {
	if h.shared != nil {
		h.shared.Close()
	}
	return h.Unlock(vfs.LOCK_NONE)
}

func (h *diskHandle) ReadAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.step("read", h.name); err != nil {
		return 0, err
	}
	if off >= int64(len(h.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *diskHandle) WriteAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	alive := !h.disk.dead
	err := h.disk.step("write", h.name)
	if err == nil || alive && h.disk.dead { // the last write may have reached the disk in part
		h.pending = append(h.pending, diskWrite{off, slices.Clone(p)})
		h.data = put(h.data, off, p)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (h *diskHandle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.step("truncate", h.name); err != nil {
		return err
	}
	h.pending = append(h.pending, diskWrite{off: size})
	h.data = resize(h.data, size)
	return nil
}

func (h *diskHandle) Sync(vfs.SyncFlag) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.step("sync", h.name); err != nil {
		return err
	}
	h.synced, h.pending, h.created = slices.Clone(h.data), nil, true
	return nil
}

func (h *diskHandle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return int64(len(h.data)), h.disk.step("size", h.name)
}

func (h *diskHandle) Lock(level vfs.LockLevel) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	for other, has := range h.locks {
		if other == h {
			continue
		}
		if level == vfs.LOCK_SHARED && has >= vfs.LOCK_PENDING ||
			level == vfs.LOCK_RESERVED && has >= vfs.LOCK_RESERVED ||
			level >= vfs.LOCK_PENDING && has >= vfs.LOCK_SHARED {
			return sqlite3.BUSY
		}
	}
	h.locks[h] = max(level, h.locks[h])
	return nil
}

func (h *diskHandle) Unlock(level vfs.LockLevel) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if level == vfs.LOCK_NONE {
		delete(h.locks, h)
	} else {
		h.locks[h] = min(level, h.locks[h])
	}
	return nil
}

func (h *diskHandle) CheckReservedLock() (bool, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	for _, has := range h.locks {
		if has >= vfs.LOCK_RESERVED {
			return true, nil
		}
	}
	return false, nil
}

func (h *diskHandle) SectorSize() int { return sector }

func (h *diskHandle) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ
}

// isLog tells whether a name is that of a write-ahead log.
func isLog(name string) bool { return strings.HasSuffix(name, "-wal") }
