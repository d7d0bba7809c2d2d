// Package sqlite keeps a store in one SQLite file: one process, one goroutine that writes, in
// groups, and a pool of connections that read. Every group is durable before its writes are
// answered: the file is in WAL mode with synchronous=FULL, which is verified when it is opened.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// FileName is the name of the store's file within Config.Dir.
const FileName = "store.db"

// Config says where the store is and how it works. Dir and Model are required.
type Config struct {
	Dir   string // folder of the file; made if it is not there
	Model *model.Model
	store.Options

	// VFS is the name under which another file system was registered with
	// github.com/ncruces/go-sqlite3/vfs, for tests. Default: that of the operating system.
	VFS string
	// WALBytes is the size of the write-ahead log at which it is brought into the file. Larger
	// ones cost less per write, and more disk and time to start after a crash. Default 128 MiB.
	WALBytes int64
}

// Store is a store.Store on one SQLite file.
type Store struct {
	config  Config
	path    string
	vfs     string
	info    store.Info
	lock    *conn
	writer  *conn
	source  *source // of the goroutine that writes
	pages   pages   // of the goroutine that writes
	keeper  *conn   // checkpoints
	readers chan *conn
	queue   *store.Queue

	pageSize    int64
	groups      atomic.Uint64
	groupWrites atomic.Uint64
	inUse       atomic.Int64
	walPages    atomic.Int64  // that the write-ahead log holds
	walDue      atomic.Int64  // at which a checkpoint is due
	due         chan struct{} // a checkpoint is due

	broken   chan struct{}
	breaking sync.Once
	cause    error // written before broken is closed

	closing sync.Once
	closed  chan struct{} // closed by Close
	work    sync.WaitGroup
	closeBy error
}

var _ store.Store = (*Store)(nil)

// Open opens the store of a folder, or makes it. The errors are sentences for the person who starts
// the service.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Dir == "" || cfg.Model == nil {
		return nil, errors.New("sqlite: Config.Dir and Config.Model are required")
	}
	if cfg.Readers <= 0 {
		cfg.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if cfg.WALBytes <= 0 {
		cfg.WALBytes = 128 << 20
	}
	if cfg.VFS == "" {
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("the folder of the store cannot be made: %w", err)
		}
	}
	path, err := filepath.Abs(filepath.Join(cfg.Dir, FileName))
	if err != nil {
		return nil, fmt.Errorf("the folder of the store cannot be found: %w", err)
	}
	s := &Store{
		config: cfg, path: path, vfs: batched(brittle(cfg.VFS, cfg.Disk)),
		readers: make(chan *conn, cfg.Readers),
		queue:   store.NewQueue(cfg.Queue, cfg.Group),
		due:     make(chan struct{}, 1),
		broken:  make(chan struct{}),
		closed:  make(chan struct{}),
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.closeConns())
	}
	s.work.Go(s.write)
	s.work.Go(s.keep)
	return s, nil
}

// Info tells what this store is.
func (s *Store) Info() store.Info { return s.info }

// Broken is closed when a write has failed in a way that leaves the file in doubt.
func (s *Store) Broken() <-chan struct{} { return s.broken }

// Cause says why the store is broken; nil while it is not.
func (s *Store) Cause() error {
	select {
	case <-s.broken:
		return s.cause
	default:
		return nil
	}
}

// breakDown stops all writing: a failed fsync is never tried again.
func (s *Store) breakDown(cause error) {
	s.breaking.Do(func() {
		s.cause = fmt.Errorf("the store in %s failed and must be opened again: %w", s.path, cause)
		s.queue.Close(brokenFault(cause), true)
		close(s.broken)
	})
}

// Stats gives figures for people.
func (s *Store) Stats(context.Context) (store.Stats, error) {
	stats := store.Stats{
		QueueLength: s.queue.Len(), QueueBound: s.queue.Bound(),
		Groups: s.groups.Load(), GroupWrites: s.groupWrites.Load(),
		Readers: s.config.Readers, ReadersInUse: int(s.inUse.Load()),
	}
	if s.config.VFS == "" {
		for _, suffix := range []string{"", "-wal"} {
			if fi, err := os.Stat(s.path + suffix); err == nil {
				stats.Bytes += fi.Size()
			}
		}
	}
	return stats, nil
}

// Close finishes the writes that wait and the reads under way, and gives everything back.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.queue.Close(closedFault(), false)
		close(s.closed)
		s.work.Wait()
		for range s.config.Readers {
			c := <-s.readers
			s.closeBy = errors.Join(s.closeBy, c.close())
		}
		s.closeBy = errors.Join(s.closeBy, s.closeConns())
	})
	return s.closeBy
}

// closeConns closes what open has opened, the lock last.
func (s *Store) closeConns() error {
	var err error
	for len(s.readers) > 0 {
		err = errors.Join(err, (<-s.readers).close())
	}
	for _, c := range []*conn{s.keeper, s.writer} {
		if c != nil {
			c.settleWAL(s.Cause() == nil)
			err = errors.Join(err, c.close())
		}
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.close())
	}
	return err
}
