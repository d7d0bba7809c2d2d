package sqlite

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// pruneStep bounds what one transaction of Prune deletes, so that writes do not wait for long.
const pruneStep = 500

// Prune deletes old changes and outcomes of one partition, a few at a time between the groups.
func (s *Store) Prune(ctx context.Context, p store.Partition, changesBefore, outcomesBefore time.Time) (int, error) {
	books := sqltext.BooksOf(p.Family)
	total := 0
	for _, job := range []struct {
		text   string
		before time.Time
	}{{books.ChangesPrune, changesBefore}, {books.OutcomesPrune, outcomesBefore}} {
		for {
			n, err := s.prune(ctx, job.text, p.Value, job.before)
			total += n
			if err != nil {
				return total, err
			}
			if n < pruneStep {
				break
			}
		}
	}
	return total, nil
}

func (s *Store) prune(ctx context.Context, text string, partition model.Value, before time.Time) (n int, err error) {
	run := s.queue.Do(ctx, func() {
		var stmt *sqlite3.Stmt
		if stmt, err = s.writer.prepared(text); err != nil {
			return
		}
		args := []model.Value{partition, model.Int(before.UnixMicro()), model.Int(pruneStep)}
		if err = s.writer.bindAll(stmt, 1, args); err != nil {
			return
		}
		if err = stmt.Exec(); err != nil {
			err = s.giveUp(err)
			return
		}
		n = int(s.writer.Conn.Changes())
	})
	if run != nil {
		return 0, run
	}
	if err != nil {
		if s.Cause() != nil {
			return 0, brokenFault(err)
		}
		return 0, writeFault(err)
	}
	return n, nil
}
