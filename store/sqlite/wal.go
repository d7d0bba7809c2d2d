package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

const (
	// patience is how long the writer waits for readers of the old log, before it begins the log anew.
	patience = 20 * time.Millisecond
	// restPages is what the writer may be left of a checkpoint, and restRounds how often it is tried
	// to get there.
	restPages  = 128
	restRounds = 4
)

// grown is told by SQLite, after each commit, how many pages the write-ahead log holds.
func (s *Store) grown(_ *sqlite3.Conn, _ string, pages int) error {
	before := s.walPages.Swap(int64(pages))
	if before > int64(pages) { // the log has begun anew
		before = 0
	}
	s.pages.wrote = int64(pages) - before
	if s.overgrown() {
		select {
		case s.due <- struct{}{}:
		default:
		}
	}
	return nil
}

func (s *Store) overgrown() bool { return s.walPages.Load() >= s.walDue.Load() }

// walLimit is the number of pages at which the log begins anew.
func (s *Store) walLimit() int64 { return max(1, s.config.WALBytes/s.pageSize) }

// keep brings the write-ahead log into the file when it has grown, until the store is closed.
func (s *Store) keep() {
	for {
		select {
		case <-s.closed:
			return
		case <-s.broken:
			return
		case <-s.due:
		}
		if !s.overgrown() {
			continue
		}
		err := s.checkpoint()
		if err != nil && fatal(err) {
			s.breakDown(err)
			return
		}
		if err != nil { // the store is closing
			return
		}
	}
}

// checkpoint brings the log into the file beside the writer, and syncs the file there: what the
// writer has to wait for is the small rest that was written meanwhile. It does that one between two
// groups, and its next transaction begins the log anew.
func (s *Store) checkpoint() error {
	for range restRounds {
		rest, err := s.keeper.checkpoint(sqlite3.CHECKPOINT_PASSIVE)
		if err == nil {
			err = s.keeper.sync()
		}
		if tolerable(err) {
			s.postpone()
			return nil
		}
		if err != nil {
			return err
		}
		if rest <= restPages {
			break
		}
	}
	whole, err := false, error(nil)
	if run := s.queue.Do(context.Background(), func() { whole, err = s.finish() }); run != nil {
		return run
	}
	if !whole {
		s.postpone()
		return err
	}
	s.walPages.Store(0)
	s.walDue.Store(s.walLimit())
	return nil
}

// postpone puts off the next checkpoint until the log has grown by a quarter of its size: a reader
// that does not end, and a disk without room, must not cost each commit an attempt.
func (s *Store) postpone() { s.walDue.Store(s.walPages.Load() + max(1, s.walLimit()/4)) }

// finish is the writer's part of a checkpoint.
func (s *Store) finish() (whole bool, err error) {
	if err := s.writer.BusyTimeout(patience); err != nil {
		return false, err
	}
	defer s.writer.BusyTimeout(busyTimeout)
	if _, err := s.writer.checkpoint(sqlite3.CHECKPOINT_RESTART); err != nil {
		if tolerable(err) {
			err = nil
		}
		return false, err
	}
	return true, nil
}

// checkpoint copies what it can, and tells how many pages are left over.
func (c *conn) checkpoint(mode sqlite3.CheckpointMode) (rest int, err error) {
	pages, copied, err := c.WALCheckpoint("main", mode)
	return pages - copied, err
}

// tolerable tells of a failed checkpoint whether the next one may go on: a reader that does not
// end, or a file that cannot grow, is no error. What was not copied stays in the log.
func tolerable(err error) bool {
	return errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.IOERR_WRITE)
}

// sync makes durable what was copied into the file. SQLite does so only after a checkpoint that has
// reached the end of the log.
func (c *conn) sync() error {
	f, err := c.FileControl("main", sqlite3.FCNTL_FILE_POINTER)
	if err != nil {
		return err
	}
	file, ok := f.(vfs.File)
	if !ok {
		return fmt.Errorf("sqlite: the file is %T", f)
	}
	if err := file.Sync(vfs.SYNC_NORMAL); err != nil {
		return errors.Join(sqlite3.IOERR_FSYNC, err)
	}
	return nil
}

// settleWAL says whether closing the last connection brings the log into the file. After a failure
// of the disk it must not: what is in doubt is left as it is.
func (c *conn) settleWAL(sound bool) {
	_, _ = c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, !sound)
}
