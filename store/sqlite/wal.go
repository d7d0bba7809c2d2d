package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// patience is how long the writer waits for readers of the old log, before it begins the log anew.
const patience = 20 * time.Millisecond

// grown is told by SQLite, after each commit, how many pages the write-ahead log holds.
func (s *Store) grown(_ *sqlite3.Conn, _ string, pages int) error {
	s.walPages.Store(int64(pages))
	if s.overgrown() {
		select {
		case s.due <- struct{}{}:
		default:
		}
	}
	return nil
}

func (s *Store) overgrown() bool { return s.walPages.Load()*s.pageSize >= s.config.WALBytes }

// keep brings the write-ahead log into the file, beside the writer. What is written meanwhile is
// left over; the writer itself does that small rest between two groups, so that its next
// transaction begins the log anew.
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
		err := s.keeper.checkpoint(sqlite3.CHECKPOINT_PASSIVE)
		if err == nil && s.queue.Do(context.Background(), func() { err = s.finish() }) != nil {
			return
		}
		if err != nil && fatal(err) {
			s.breakDown(err)
			return
		}
	}
}

// finish is the writer's part of a checkpoint.
func (s *Store) finish() error {
	if err := s.writer.BusyTimeout(patience); err != nil {
		return err
	}
	defer s.writer.BusyTimeout(busyTimeout)
	return s.writer.checkpoint(sqlite3.CHECKPOINT_RESTART)
}

// checkpoint copies what it can. A reader that does not end, or a file that cannot grow, is no error:
// what was not copied stays in the log, and the next one goes on.
func (c *conn) checkpoint(mode sqlite3.CheckpointMode) error {
	_, _, err := c.WALCheckpoint("main", mode)
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.IOERR_WRITE) {
		return nil
	}
	return err
}

// settleWAL says whether closing the last connection brings the log into the file. After a failure
// of the disk it must not: what is in doubt is left as it is.
func (c *conn) settleWAL(sound bool) {
	_, _ = c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, !sound)
}
