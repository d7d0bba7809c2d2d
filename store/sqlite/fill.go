package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// filler is a store.Filler: a file of its own in the folder, in one transaction, which takes the
// store's name when it is whole and durable.
type filler struct {
	dir, path string // of the folder, and of the file until it is whole
	lock      *Store // keeps services away
	c         *conn
	model     *model.Model
	follows   map[*model.Family]bool
	done      bool
}

// OpenFiller begins a new store in a folder, which must have none.
func OpenFiller(ctx context.Context, dir string, m *model.Model) (store.Filler, error) {
	if err := sqltext.Check(m); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the store cannot be made: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of the store cannot be found: %w", err)
	}
	x := &filler{dir: dir, model: m, follows: map[*model.Family]bool{}}
	if err := x.begin(ctx); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (x *filler) begin(ctx context.Context) error {
	path := filepath.Join(x.dir, FileName)
	x.lock = &Store{path: path}
	if err := x.lock.takeLock(); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal"} {
		if _, err := os.Lstat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is a store in %s already: give a folder that has none, or move that one away", x.dir)
		}
	}
	file, err := os.CreateTemp(x.dir, FileName+".*.part")
	if err != nil {
		return fmt.Errorf("the store cannot be made: %w", err)
	}
	x.path = file.Name()
	if err := file.Close(); err != nil {
		return fmt.Errorf("the store cannot be made: %w", err)
	}
	// Nothing of it counts before it is whole, so that nothing is journaled or synced on the way.
	x.c, err = openConn(x.path, "", append(pragmas, fmt.Sprintf("page_size=%d", pageSize), "journal_mode=OFF", "synchronous=OFF", "cache_size=-32768", "temp_store=FILE")...)
	if err != nil {
		return fmt.Errorf("the store cannot be made: %w", err)
	}
	x.c.SetInterrupt(ctx)
	texts := []string{"BEGIN IMMEDIATE"}
	for _, o := range sqltext.Schema(sqltext.SQLite, x.model) {
		if !o.Index {
			texts = append(texts, o.SQL)
		}
	}
	for _, text := range texts {
		if err := x.c.Exec(text); err != nil {
			return fmt.Errorf("the store cannot be made: %w", err)
		}
	}
	x.c.use(x.model)
	return nil
}

// fill calls put for each of a sequence, and gives their number.
func fill[T any](ctx context.Context, x *filler, seq iter.Seq2[T, error], put func(T) error) (n int, err error) {
	x.c.SetInterrupt(ctx)
	for one, err := range seq {
		if err == nil {
			if err = put(one); err != nil {
				err = writeFault(err)
			}
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (x *filler) Rows(ctx context.Context, e *model.Entity, rows iter.Seq2[*model.Row, error]) (int, error) {
	p := store.Partition{Family: e.Family}
	return fill(ctx, x, rows, func(row *model.Row) error {
		return x.c.writeRow(store.RowWrite{Partition: p, Entity: e, After: row})
	})
}

func (x *filler) Heads(ctx context.Context, f *model.Family, heads iter.Seq2[*store.HeadCopy, error]) (int, error) {
	b := x.c.books(f)
	return fill(ctx, x, heads, func(h *store.HeadCopy) error {
		return x.c.exec(&b.headInsert, &b.log.HeadInsert, h.Partition.Value, model.Int(int64(f.Bucket(h.Partition.Value))),
			model.Int(int64(h.Version)), model.Int(int64(h.Relayed)), model.Int(0))
	})
}

// Changes appends to the log; the heads, which are there already, learn of their newest.
func (x *filler) Changes(ctx context.Context, f *model.Family, changes iter.Seq2[*store.ChangeCopy, error]) (int, error) {
	b := x.c.books(f)
	head := sqltext.Quote(sqltext.BookName("head", f))
	last, err := x.c.prepared(`UPDATE ` + head + ` SET "last" = $1 WHERE "partition" = $2`)
	if err != nil {
		return 0, writeFault(err)
	}
	seq := int64(0)
	return fill(ctx, x, changes, func(c *store.ChangeCopy) error {
		h, err := x.c.head(c.Partition)
		if err != nil {
			return err
		}
		seq++
		err = x.c.exec(&b.changeInsert, &b.log.Insert, model.Int(seq), c.Partition.Value, model.Int(int64(c.Version)), model.Int(h.last),
			model.Bytes(string(c.ID[:])), model.Int(c.At), model.Bytes(string(c.Body)))
		if err == nil && c.Version%sqltext.LogMark == 0 {
			err = x.c.exec(&b.markInsert, &b.log.MarkInsert, c.Partition.Value, model.Int(int64(c.Version)), model.Int(seq))
		}
		if err == nil {
			err = x.c.bindAll(last, 1, []model.Value{model.Int(seq), c.Partition.Value})
		}
		if err != nil {
			return err
		}
		return last.Exec()
	})
}

func (x *filler) Outcomes(ctx context.Context, _ *model.Family, outcomes iter.Seq2[*store.KeptOutcome, error]) (int, error) {
	return fill(ctx, x, outcomes, x.c.writeOutcome)
}

func (x *filler) Counters(ctx context.Context, f *model.Family, counters iter.Seq2[*store.CounterCopy, error]) (int, error) {
	b := x.c.books(f)
	return fill(ctx, x, counters, func(c *store.CounterCopy) error {
		return x.c.exec(&b.counterUpsert, &b.books.CounterUpsert, c.Partition.Value, model.String(c.Entity), model.String(c.Field), model.Int(c.N))
	})
}

func (x *filler) Follows(f *model.Family) { x.follows[f] = true }

// Finish builds the indexes, makes the file durable, and gives it its name.
func (x *filler) Finish(ctx context.Context) (info store.Info, err error) {
	x.c.SetInterrupt(ctx)
	if err := x.complete(); err != nil {
		return info, fmt.Errorf("the store cannot be made: %w", err)
	}
	s := &Store{path: filepath.Join(x.dir, FileName), writer: x.c}
	if err := s.identify(); err != nil {
		return info, err
	}
	c := x.c
	x.c = nil
	if err := c.close(); err != nil {
		return info, fmt.Errorf("the store cannot be made: %w", err)
	}
	if err := syncFile(x.path); err != nil {
		return info, fmt.Errorf("the store cannot be made durable: %w", err)
	}
	if err := os.Rename(x.path, s.path); err != nil {
		return info, fmt.Errorf("the store cannot be given its name: %w", err)
	}
	x.done = true
	if err := syncFile(x.dir); err != nil {
		return info, fmt.Errorf("the folder of the store cannot be made durable: %w", err)
	}
	return s.info, nil
}

func (x *filler) complete() error {
	for _, o := range sqltext.Schema(sqltext.SQLite, x.model) {
		if o.Index {
			if err := x.c.Exec(o.SQL); err != nil {
				return err
			}
		}
	}
	shape, err := json.Marshal(sqltext.ShapeOf(x.model))
	if err != nil {
		return err
	}
	entries := append(store.NewIdentity().Entries(), [2]string{"created", time.Now().UTC().Format(time.RFC3339)}, [2]string{"shape", string(shape)})
	for _, f := range x.model.Families {
		word := "no"
		if x.follows[f] {
			word = "yes"
		}
		entries = append(entries, [2]string{"follow:" + f.Name, word})
	}
	for _, e := range entries {
		if err := x.c.put(e[0], e[1]); err != nil {
			return err
		}
	}
	return x.c.Exec(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", applicationID, format))
}

func (x *filler) Close() (err error) {
	if x.c != nil {
		x.c.free()
		err = x.c.close()
		x.c = nil
	}
	if x.path != "" && !x.done {
		err = errors.Join(err, os.Remove(x.path))
		x.path = ""
	}
	if x.lock != nil && x.lock.lock != nil {
		err = errors.Join(err, x.lock.lock.close())
		x.lock.lock = nil
	}
	return err
}

// syncFile makes a file or a folder durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Renew gives the store of a folder, which no service may have open, a new identity: it was put back by
// other means than a Filler.
func Renew(ctx context.Context, dir string, m *model.Model) (store.Info, error) {
	t, err := Migrate(ctx, dir, m)
	if err != nil {
		return store.Info{}, err
	}
	s := t.(migration).s
	err = func() error {
		if _, err := s.plan(ctx); err != nil { // whose store it is
			return err
		}
		for _, e := range store.NewIdentity().Entries() {
			if err := s.writer.put(e[0], e[1]); err != nil {
				return err
			}
		}
		if err := s.identify(); err != nil {
			return err
		}
		return s.writer.Exec("COMMIT")
	}()
	return s.info, errors.Join(err, t.Close())
}

// outcomeOf reads fingerprint, version, time and body of an outcome from a column on.
func outcomeOf(stmt *sqlite3.Stmt, column int) (o store.Outcome) {
	copy(o.Fingerprint[:], stmt.ColumnRawBlob(column))
	o.Version = uint64(stmt.ColumnInt64(column + 1))
	o.Time = time.UnixMicro(stmt.ColumnInt64(column + 2)).UTC()
	o.Body = stmt.ColumnBlob(column+3, nil)
	return o
}
