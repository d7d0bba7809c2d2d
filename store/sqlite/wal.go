package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"
)

// grown is told by SQLite, after each commit, how many pages the write-ahead log holds.
func (s *Store) grown(_ *sqlite3.Conn, _ string, pages int) error {
	s.walPages.Store(int64(pages))
	if int64(pages)*s.pageSize >= s.config.WALBytes {
		select {
		case s.due <- struct{}{}:
		default:
		}
	}
	return nil
}

// keep brings the write-ahead log into the file, beside the writer. What is written meanwhile is
// left over; then the writer itself does the small rest between two groups, so that its next
// transaction starts the log anew.
func (s *Store) keep() {
	for {
		select {
		case <-s.closed:
			return
		case <-s.broken:
			return
		case <-s.due:
		}
		if int64(s.walPages.Load())*s.pageSize < s.config.WALBytes {
			continue
		}
		all, err := s.keeper.checkpoint()
		if err == nil && !all {
			doErr := s.queue.Do(context.Background(), func() { _, err = s.writer.checkpoint() })
			if doErr != nil {
				return
			}
		}
		if err != nil && fatal(err) {
			s.breakDown(err)
			return
		}
	}
}

// checkpoint copies what it can without waiting for anyone, and tells whether that was all.
func (c *conn) checkpoint() (all bool, err error) {
	log, done, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	return log == done, err
}

// settleWAL says whether closing the last connection brings the log into the file. After a failure
// of the disk it must not: what is in doubt is left as it is.
func (c *conn) settleWAL(sound bool) {
	c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, !sound)
}
