package sqlite

import (
	"context"
	"fmt"

	"github.com/partita-dev/partita/store"
)

// Commit carries out writes together with what others have submitted.
func (s *Store) Commit(ctx context.Context, ws ...*store.Write) { s.queue.Submit(ctx, ws...) }

// write is the one goroutine that writes: group after group, until the queue is closed and empty.
func (s *Store) write() {
	s.source = newSource(s.writer)
	group := store.NewGroup(s.source)
	var items []store.Item
	for {
		items = s.queue.Take(items[:0])
		if len(items) == 0 {
			return
		}
		if items[0].Job != nil {
			items[0].Job()
		} else {
			s.groups.Add(1)
			s.groupWrites.Add(uint64(len(items)))
			s.commit(group, items)
		}
		s.queue.Done(items)
		clear(items)
	}
}

// commit carries out one group. If a statement fails, the group is rolled back and each write runs
// alone, so that one write's trouble is no other's.
func (s *Store) commit(group *store.Group, items []store.Item) {
	for _, it := range items {
		it.Write.Result = store.WriteResult{}
	}
	if cause := s.Cause(); cause != nil {
		s.fail(items, brokenFault(cause))
		return
	}
	err := s.try(group, items)
	switch {
	case err == nil:
	case len(items) > 1 && s.Cause() == nil && !refusedForAll(err):
		for i := range items {
			s.commit(group, items[i:i+1])
		}
	case s.Cause() != nil:
		s.fail(items, brokenFault(err))
	default:
		s.fail(items, writeFault(err))
	}
}

func (s *Store) fail(items []store.Item, err error) {
	for _, it := range items {
		if it.Write.Result.Unknown {
			it.Write.Result = store.WriteResult{Err: doubtFault(err), Unknown: true}
		} else {
			it.Write.Result = store.WriteResult{Err: err}
		}
	}
}

// try carries out a group in one transaction and announces it. With an error nothing of it stands,
// unless the store is broken by then.
func (s *Store) try(group *store.Group, items []store.Item) error {
	if err := s.transact(group, items); err != nil {
		return err
	}
	if f := s.config.OnChange; f != nil {
		for _, c := range group.Changes() {
			f(c)
		}
	}
	return nil
}

func (s *Store) transact(group *store.Group, items []store.Item) (err error) {
	defer func() {
		if r := recover(); r != nil { // the engine itself failed, as for want of memory
			err = fmt.Errorf("sqlite: %v", r)
			inDoubt(items)
			s.breakDown(err)
		}
	}()
	group.Reset()
	s.source.reset()
	if err := s.begin(); err != nil {
		return s.giveUp(err)
	}
	for _, it := range items {
		group.Run(it.Write)
	}
	// Some failures of a mere look-up make SQLite roll back the transaction: what followed would be
	// committed statement by statement.
	if err := s.source.failed; err != nil && (fatal(err) || s.writer.GetAutocommit()) {
		return s.giveUp(err)
	}
	if group.Empty() {
		return s.giveUp(nil)
	}
	if err := s.source.persist(group); err != nil {
		return s.giveUp(err)
	}
	if err := s.end(); err != nil {
		if fatal(err) {
			inDoubt(items)
		}
		return s.giveUp(err)
	}
	s.source.committed(group)
	s.fit()
	return nil
}

// inDoubt marks the writes that would have changed something: they may have.
func inDoubt(items []store.Item) {
	for _, it := range items {
		it.Write.Result.Unknown = it.Write.Result.Change != nil
	}
}

func (s *Store) begin() error { return s.writer.run("BEGIN IMMEDIATE") }
func (s *Store) end() error   { return s.writer.run("COMMIT") }

// giveUp rolls back, and breaks the store where the failure leaves the file in doubt.
func (s *Store) giveUp(err error) error {
	if err != nil && fatal(err) {
		s.breakDown(err)
	}
	if !s.writer.GetAutocommit() {
		if back := s.writer.run("ROLLBACK"); back != nil {
			s.breakDown(back)
			if err == nil {
				err = back
			}
		}
	}
	return err
}

// run executes a text without parameters, prepared once.
func (c *conn) run(sql string) error {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	return stmt.Exec()
}
