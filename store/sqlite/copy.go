package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/sqltext"
)

// snapshot is a store.Copy: one transaction of reads, beside whatever process has the store open.
type snapshot struct {
	s       *Store // of which only the connection is used
	unknown []string
}

// OpenCopy opens the store of a folder for a copy. A service may run on it: it goes on, and its
// write-ahead log grows until the copy is closed. The store must fit the model.
func OpenCopy(ctx context.Context, dir string, m *model.Model) (store.Copy, error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return nil, fmt.Errorf("the folder of the store cannot be found: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store in %s", dir)
	}
	x := &snapshot{s: &Store{config: Config{Dir: dir, Model: m}, path: path}}
	if err := x.open(ctx); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (x *snapshot) open(ctx context.Context) (err error) {
	s := x.s
	if s.writer, err = openConn(s.path, "", append(pragmas, "query_only=ON")...); err != nil {
		return fmt.Errorf("the store %s cannot be opened: %w", s.path, err)
	}
	s.writer.SetInterrupt(ctx)
	s.writer.settleWAL(false) // a mere reader leaves the files as they are
	if err := s.writer.Exec("BEGIN"); err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	fresh, err := s.recognize()
	if err != nil {
		return err
	}
	if fresh {
		return fmt.Errorf("the store %s is empty", s.path)
	}
	if err := s.identify(); err != nil {
		return err
	}
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	s.writer.use(s.config.Model)
	x.unknown, err = migrate.Covers(plan)
	return err
}

func (x *snapshot) Info() store.Info { return x.s.info }

func (x *snapshot) Unknown() []string { return x.unknown }

func (x *snapshot) Follows(f *model.Family) bool {
	have, err := x.s.writer.word(sqltext.MetaGet, "follow:"+f.Name)
	return err == nil && have == "yes"
}

// each runs a statement without parameters and calls give for each of its lines until that says no.
func (x *snapshot) each(ctx context.Context, sql string, give func(*sqlite3.Stmt) (bool, error)) error {
	x.s.writer.SetInterrupt(ctx)
	stmt, err := x.s.writer.prepare(sql)
	if err != nil {
		return readFault(ctx, err)
	}
	defer stmt.Close()
	for stmt.Step() {
		if more, err := give(stmt); err != nil || !more {
			return err
		}
	}
	if err := stmt.Err(); err != nil {
		return readFault(ctx, err)
	}
	return nil
}

// lines makes a sequence of what read makes of each line of a statement.
func lines[T any](ctx context.Context, x *snapshot, sql string, read func(*sqlite3.Stmt) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := x.each(ctx, sql, func(stmt *sqlite3.Stmt) (bool, error) {
			one, err := read(stmt)
			if err != nil {
				return false, err
			}
			return yield(one, nil), nil
		})
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func (x *snapshot) Rows(ctx context.Context, e *model.Entity) iter.Seq2[*model.Row, error] {
	return lines(ctx, x, sqltext.AllRows(e), func(stmt *sqlite3.Stmt) (*model.Row, error) {
		return x.s.writer.row(stmt, 0, e, &model.Row{})
	})
}

// books makes a sequence of the lines of a statement on a family's books, which begin with the partition.
func books[T any](ctx context.Context, x *snapshot, f *model.Family, sql string, read func(p store.Partition, stmt *sqlite3.Stmt) *T) iter.Seq2[*T, error] {
	return lines(ctx, x, sql, func(stmt *sqlite3.Stmt) (*T, error) {
		v, err := x.s.writer.partition(stmt, f)
		return read(store.Partition{Family: f, Value: v}, stmt), err
	})
}

func (x *snapshot) Heads(ctx context.Context, f *model.Family) iter.Seq2[*store.HeadCopy, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.SQLite, f).Heads, func(p store.Partition, stmt *sqlite3.Stmt) *store.HeadCopy {
		return &store.HeadCopy{Partition: p, Version: uint64(stmt.ColumnInt64(1)), Relayed: uint64(stmt.ColumnInt64(2))}
	})
}

func (x *snapshot) Changes(ctx context.Context, f *model.Family) iter.Seq2[*store.ChangeCopy, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.SQLite, f).Changes, func(p store.Partition, stmt *sqlite3.Stmt) *store.ChangeCopy {
		c := &store.ChangeCopy{Partition: p, Version: uint64(stmt.ColumnInt64(1)), At: stmt.ColumnInt64(3), Body: stmt.ColumnRawBlob(4)}
		copy(c.ID[:], stmt.ColumnRawBlob(2))
		return c
	})
}

func (x *snapshot) Outcomes(ctx context.Context, f *model.Family) iter.Seq2[*store.KeptOutcome, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.SQLite, f).Outcomes, func(p store.Partition, stmt *sqlite3.Stmt) *store.KeptOutcome {
		o := &store.KeptOutcome{Partition: p}
		copy(o.Hash[:], stmt.ColumnRawBlob(1))
		o.Outcome = outcomeOf(stmt, 2)
		return o
	})
}

func (x *snapshot) Counters(ctx context.Context, f *model.Family) iter.Seq2[*store.CounterCopy, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.SQLite, f).Counters, func(p store.Partition, stmt *sqlite3.Stmt) *store.CounterCopy {
		return &store.CounterCopy{Partition: p, Entity: stmt.ColumnText(1), Field: stmt.ColumnText(2), N: stmt.ColumnInt64(3)}
	})
}

func (x *snapshot) Close() error {
	if x.s.writer == nil {
		return nil
	}
	c := x.s.writer
	x.s.writer = nil
	c.free()
	return c.close()
}
