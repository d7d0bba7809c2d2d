package postgres

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// filler is a store.Filler: one transaction that makes the tables, fills them and gives them their
// indexes.
type filler struct {
	conn    *pgx.Conn
	model   *model.Model
	url     string
	follows map[*model.Family]bool
}

// OpenFiller begins a new store in a database, which must have none.
func OpenFiller(ctx context.Context, url string, m *model.Model) (store.Filler, error) {
	if err := sqltext.Check(m); err != nil {
		return nil, err
	}
	conn, err := connectApart(ctx, url, "partita restore")
	if err != nil {
		return nil, err
	}
	x := &filler{conn: conn, model: m, url: url, follows: map[*model.Family]bool{}}
	if err := x.begin(ctx); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (x *filler) begin(ctx context.Context) (err error) {
	if _, err = lockSchema(ctx, x.conn); err != nil { // until the connection is closed
		return err
	}
	have, err := inspect(ctx, x.conn)
	if err != nil {
		return unreachable(err)
	}
	objects := append(sqltext.Schema(sqltext.Postgres, x.model), sqltext.Object{Name: sqltext.LeaseTable, SQL: leaseTable})
	for _, o := range objects {
		if have.Tables[o.Name] != nil {
			return fault.New(fault.InvalidInput,
				"The database has a store already, or a table of the same name (%s): give an empty database, or drop what is in this one.", o.Name)
		}
	}
	if _, err := x.conn.Exec(ctx, "BEGIN"); err != nil {
		return unreachable(err)
	}
	for _, o := range objects {
		if o.Index {
			continue
		}
		if _, err := x.conn.Exec(ctx, o.SQL); err != nil {
			return unreachable(err)
		}
	}
	return nil
}

// sequence hands a sequence to COPY.
type sequence[T any] struct {
	next   func() (T, error, bool)
	values func(T) []any
	now    T
	err    error
	n      int
}

func (s *sequence[T]) Next() bool {
	var ok bool
	if s.now, s.err, ok = s.next(); !ok || s.err != nil {
		return false
	}
	s.n++
	return true
}

func (s *sequence[T]) Values() ([]any, error) { return s.values(s.now), nil }
func (s *sequence[T]) Err() error             { return s.err }

// fill puts a sequence into a table.
func fill[T any](ctx context.Context, x *filler, table string, columns []string, seq iter.Seq2[T, error], values func(T) []any) (int, error) {
	next, stop := iter.Pull2(seq)
	defer stop()
	s := &sequence[T]{next: next, values: values}
	_, err := x.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, s)
	switch {
	case s.err != nil:
		return s.n, s.err
	case err != nil:
		return s.n, unreachable(err)
	}
	return s.n, nil
}

// copied gives a value as COPY takes it.
func copied(t *model.Type, v model.Value) any {
	if t.Kind == model.KindUUID && !v.IsNull() {
		return pgtype.UUID{Bytes: uuidBytes(v.Text()), Valid: true}
	}
	return argument(v)
}

func (x *filler) Rows(ctx context.Context, e *model.Entity, rows iter.Seq2[*model.Row, error]) (int, error) {
	var columns []string
	for _, f := range e.Fields {
		columns = append(columns, f.Name)
	}
	columns = append(columns, sqltext.VersionColumn)
	values := make([]any, len(columns))
	return fill(ctx, x, e.Name, columns, rows, func(row *model.Row) []any {
		for i, f := range e.Fields {
			values[i] = copied(&f.Type, row.Values[i])
		}
		values[len(e.Fields)] = int64(row.Version)
		return values
	})
}

func (x *filler) Heads(ctx context.Context, f *model.Family, heads iter.Seq2[*store.HeadCopy, error]) (int, error) {
	return fill(ctx, x, sqltext.BookName("head", f), []string{"partition", "bucket", "version", "relayed"}, heads, func(h *store.HeadCopy) []any {
		return []any{copied(&f.By.Type, h.Partition.Value), int64(f.Bucket(h.Partition.Value)), int64(h.Version), int64(h.Relayed)}
	})
}

func (x *filler) Changes(ctx context.Context, f *model.Family, changes iter.Seq2[*store.ChangeCopy, error]) (int, error) {
	return fill(ctx, x, sqltext.BookName("change", f), []string{"partition", "version", "id", "at", "body"}, changes, func(c *store.ChangeCopy) []any {
		return []any{copied(&f.By.Type, c.Partition.Value), int64(c.Version), c.ID[:], c.At, c.Body}
	})
}

func (x *filler) Outcomes(ctx context.Context, f *model.Family, outcomes iter.Seq2[*store.KeptOutcome, error]) (int, error) {
	columns := []string{"partition", "hash", "fingerprint", "version", "at", "body"}
	return fill(ctx, x, sqltext.BookName("outcome", f), columns, outcomes, func(o *store.KeptOutcome) []any {
		return []any{copied(&f.By.Type, o.Partition.Value), o.Hash[:], o.Fingerprint[:], int64(o.Version), o.Time.UnixMicro(), append([]byte{}, o.Body...)}
	})
}

func (x *filler) Counters(ctx context.Context, f *model.Family, counters iter.Seq2[*store.CounterCopy, error]) (int, error) {
	return fill(ctx, x, sqltext.BookName("counter", f), []string{"partition", "entity", "field", "n"}, counters, func(c *store.CounterCopy) []any {
		return []any{copied(&f.By.Type, c.Partition.Value), c.Entity, c.Field, c.N}
	})
}

func (x *filler) Follows(f *model.Family) { x.follows[f] = true }

// Finish builds the indexes and commits.
func (x *filler) Finish(ctx context.Context) (info store.Info, err error) {
	for _, o := range sqltext.Schema(sqltext.Postgres, x.model) {
		if !o.Index || o.Lag != nil && !x.follows[o.Lag] {
			continue
		}
		if _, err := x.conn.Exec(ctx, o.SQL); err != nil {
			return info, unreachable(err)
		}
	}
	id := store.NewIdentity()
	meta := append(id.Entries(), [2]string{"service", x.model.Service}, [2]string{"format", formatVersion})
	for f := range x.follows {
		meta = append(meta, [2]string{"follow:" + f.Name, "yes"})
	}
	for _, kv := range meta {
		if _, err := x.conn.Exec(ctx, sqltext.MetaPut, kv[0], kv[1]); err != nil {
			return info, unreachable(err)
		}
	}
	info = store.Info{Kind: "postgres", Remote: true, Place: safePlace(x.url), Incarnation: id.Incarnation, Secret: id.Secret[:]}
	if err := x.conn.QueryRow(ctx, "SHOW server_version").Scan(&info.Version); err != nil {
		return info, unreachable(err)
	}
	if _, err := x.conn.Exec(ctx, "COMMIT"); err != nil {
		return info, unreachable(err)
	}
	return info, nil
}

// Close rolls back what was not finished.
func (x *filler) Close() error {
	if x.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), undoPatience)
	defer cancel()
	return x.conn.Close(ctx) // which gives the lock back, and ends the transaction
}

// Renew gives the store of a database a new identity: it was put back by other means than a Filler, or
// promoted. Nodes that still run on it notice, and stop.
func Renew(ctx context.Context, url string, m *model.Model) (info store.Info, err error) {
	conn, err := connectApart(ctx, url, "partita restore")
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.Background())) }()
	if _, err := readMeta(ctx, conn, m); err != nil {
		return info, err
	}
	id := store.NewIdentity()
	batch := &pgx.Batch{} // one transaction
	for _, e := range id.Entries() {
		batch.Queue(sqltext.MetaPut, e[0], e[1])
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return info, unreachable(err)
	}
	return store.Info{Kind: "postgres", Remote: true, Place: safePlace(url), Incarnation: id.Incarnation, Secret: id.Secret[:]}, nil
}
