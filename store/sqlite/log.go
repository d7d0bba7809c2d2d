package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// head is a partition's row of heads; the zero value is that of one which was never written.
type head struct {
	version, relayed uint64
	last             int64 // seq of its newest change
}

// place is where a version of a partition lies in the log.
type place struct {
	version uint64
	seq     int64
}

func (c *conn) head(p store.Partition) (h head, err error) {
	b := c.books(p.Family)
	stmt, err := c.lazily(&b.head, func() string { return b.log.Head })
	if err != nil {
		return h, err
	}
	defer stmt.Reset()
	if err := c.bind(stmt, 1, p.Value); err != nil {
		return h, err
	}
	if stmt.Step() {
		h = head{uint64(stmt.ColumnInt64(0)), uint64(stmt.ColumnInt64(1)), stmt.ColumnInt64(2)}
	}
	return h, stmt.Err()
}

// mark gives the first mark of a partition at or above a version; where there is none, the head's
// newest change stands for it.
func (c *conn) mark(p store.Partition, h head, version uint64) (place, error) {
	newest := place{h.version, h.last}
	if newest.version < version+sqltext.LogMark {
		return newest, nil
	}
	stmt, err := c.prepared(c.books(p.Family).log.Mark)
	if err != nil {
		return newest, err
	}
	defer stmt.Reset()
	if err := c.bindAll(stmt, 1, []model.Value{p.Value, model.Int(int64(version))}); err != nil {
		return newest, err
	}
	if stmt.Step() {
		return place{uint64(stmt.ColumnInt64(0)), stmt.ColumnInt64(1)}, stmt.Err()
	}
	return newest, stmt.Err()
}

// logged runs a statement that begins with version and before, for the change at a place; nil
// where that one was pruned.
func (c *conn) logged(sql string, at place) (*sqlite3.Stmt, error) {
	stmt, err := c.prepared(sql)
	if err != nil {
		return nil, err
	}
	if err := stmt.BindInt64(1, at.seq); err != nil {
		return nil, err
	}
	if !stmt.Step() {
		return nil, stmt.Reset()
	}
	if found := uint64(stmt.ColumnInt64(0)); found != at.version {
		stmt.Reset()
		return nil, fmt.Errorf("sqlite: the log has version %d of a partition where version %d was expected", found, at.version)
	}
	return stmt, nil
}

// Changes gives the changes of a partition above a version, in order.
func (s *Store) Changes(ctx context.Context, p store.Partition, after uint64, limit int) (changes []*store.Change, err error) {
	err = s.with(ctx, func(c *conn) error {
		return c.snapshot(func() error {
			h, err := c.head(p)
			if err != nil || h.version <= after || limit <= 0 {
				return err
			}
			to := h.version
			if uint64(limit) < to-after {
				to = after + uint64(limit)
			}
			changes, err = s.between(c, p, h, after, to)
			return err
		})
	})
	return changes, err
}

// between walks back through the log and decodes the changes above one version, up to another.
func (s *Store) between(c *conn, p store.Partition, h head, after, to uint64) ([]*store.Change, error) {
	log := c.books(p.Family).log
	at, err := c.mark(p, h, to)
	if err != nil {
		return nil, err
	}
	changes := make([]*store.Change, to-after)
	for at.version > after {
		sql := log.Step
		if at.version <= to {
			sql = log.At
		}
		stmt, err := c.logged(sql, at)
		if err != nil {
			return nil, err
		}
		if stmt == nil {
			return nil, fault.New(fault.NotFound, "Changes after version %d are not kept any more; the oldest ones were dropped.", after)
		}
		if at.version <= to {
			changes[at.version-after-1], err = s.decode(stmt, p, at.version)
		}
		at = place{at.version - 1, stmt.ColumnInt64(1)}
		if again := stmt.Reset(); err == nil {
			err = again
		}
		if err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func (s *Store) decode(stmt *sqlite3.Stmt, p store.Partition, version uint64) (*store.Change, error) {
	change := store.Change{Partition: p, Version: version, Time: time.UnixMicro(stmt.ColumnInt64(3)).UTC()}
	copy(change.ID[:], stmt.ColumnRawBlob(2))
	return store.DecodeChange(s.config.Model, change, stmt.ColumnRawBlob(4))
}

// writeChange appends a change to the log. It goes before its partition's head, which names it.
func (s *source) writeChange(change *store.Change) error {
	b := s.books(change.Partition.Family)
	if b.last == 0 {
		var err error
		if b.last, err = s.number(b.log.Last); err != nil {
			return err
		}
	}
	// A number that a group took which came to nothing is not used again: gaps do no harm.
	b.last++
	at := place{change.Version, b.last}
	before := s.last[change.Partition]
	s.last[change.Partition] = at.seq
	stmt, err := s.lazily(&b.changeInsert, func() string { return b.log.Insert })
	if err != nil {
		return err
	}
	if err := stmt.BindInt64(1, at.seq); err != nil {
		return err
	}
	if err := s.bind(stmt, 2, change.Partition.Value); err != nil {
		return err
	}
	if err := stmt.BindInt64(3, int64(at.version)); err != nil {
		return err
	}
	if err := stmt.BindInt64(4, before); err != nil {
		return err
	}
	if err := stmt.BindBlob(5, change.ID[:]); err != nil {
		return err
	}
	if err := stmt.BindInt64(6, change.Time.UnixMicro()); err != nil {
		return err
	}
	s.text = store.EncodeChange(s.text[:0], change)
	if err := stmt.BindBlob(7, s.text); err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil || at.version%sqltext.LogMark != 0 {
		return err
	}
	return s.exec(&b.markInsert, &b.log.MarkInsert, change.Partition.Value, model.Int(int64(at.version)), model.Int(at.seq))
}

// prunable lists, from the oldest on, changes of a partition that may go: those before the first one
// at or after a point in time, but for the newest, and for what was not relayed yet. It lists at
// most some more than limit.
func (c *conn) prunable(p store.Partition, before time.Time, limit int) (gone []place, err error) {
	h, err := c.head(p)
	if err != nil || h.version == 0 {
		return nil, err
	}
	var floor uint64
	for len(gone) < limit && floor < h.version {
		block, err := c.block(p, h, floor, before)
		if err != nil || len(block) == 0 {
			return gone, err
		}
		for _, one := range block {
			if !one.old || one.version >= h.version || one.version > h.relayed {
				return gone, nil
			}
			gone = append(gone, one.place)
		}
		floor = block[len(block)-1].version
	}
	return gone, nil
}

// aged is a place in the log, and whether what lies there is from before a point in time.
type aged struct {
	place
	old bool
}

// block lists the changes above floor that are there, up to the next mark, in order.
func (c *conn) block(p store.Partition, h head, floor uint64, before time.Time) (block []aged, err error) {
	at, err := c.mark(p, h, floor+1)
	if err != nil {
		return nil, err
	}
	step := c.books(p.Family).log.Step
	for at.version > floor {
		stmt, err := c.logged(step, at)
		if err != nil {
			return nil, err
		}
		if stmt == nil {
			break
		}
		block = append(block, aged{at, stmt.ColumnInt64(2) < before.UnixMicro()})
		at = place{at.version - 1, stmt.ColumnInt64(1)}
		if err := stmt.Reset(); err != nil {
			return nil, err
		}
	}
	slices.Reverse(block)
	return block, nil
}

// dropChanges deletes what prunable has listed, and the marks that lead there. A head whose newest change
// goes names none any more: the number is given again where it was the log's highest at the next start.
func (s *source) dropChanges(p store.Partition, gone []place) (n int, err error) {
	b := s.books(p.Family)
	log, newest := b.log, gone[len(gone)-1]
	del, err := s.prepared(log.Delete)
	if err != nil {
		return 0, err
	}
	for _, at := range gone {
		if err := del.BindInt64(1, at.seq); err != nil {
			return 0, err
		}
		if err := del.Exec(); err != nil {
			return 0, err
		}
		n += int(s.Conn.Changes())
	}
	h, err := s.head(p)
	if err != nil {
		return 0, err
	}
	if h.last == newest.seq {
		delete(s.heads, p)
		if err := s.exec(&b.headUpdate, &b.log.HeadUpdate, model.Int(int64(h.version)), model.Int(0), p.Value); err != nil {
			return 0, err
		}
	}
	marks, err := s.prepared(log.MarkDelete)
	if err != nil {
		return 0, err
	}
	if err := s.bindAll(marks, 1, []model.Value{p.Value, model.Int(int64(newest.version))}); err != nil {
		return 0, err
	}
	return n, marks.Exec()
}
