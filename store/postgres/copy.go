package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/sqltext"
)

// snapshot is a store.Copy: one transaction of REPEATABLE READ.
type snapshot struct {
	conn    *pgx.Conn
	meta    map[string]string
	info    store.Info
	unknown []string
}

// OpenCopy connects to a database for a copy of its store. Nodes may be running: nobody waits for it,
// but the database keeps what they replace until it is closed. The store must fit the model.
func OpenCopy(ctx context.Context, url string, m *model.Model) (store.Copy, error) {
	conn, err := connectApart(ctx, url, "partita backup")
	if err != nil {
		return nil, err
	}
	x := &snapshot{conn: conn}
	if err := x.begin(ctx, url, m); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// connectApart makes a connection that is no node's, whose statements may take long.
func connectApart(ctx context.Context, url, name string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.InvalidInput, "The store's URL cannot be read; write postgres://user:password@host:port/database.")
	}
	config.RuntimeParams["application_name"] = name
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreachable(err)
	}
	return conn, nil
}

func (x *snapshot) begin(ctx context.Context, url string, m *model.Model) error {
	if _, err := x.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return unreachable(err)
	}
	var err error
	if x.meta, err = readMeta(ctx, x.conn, m); err != nil {
		return err
	}
	x.info = store.Info{Kind: "postgres", Remote: true, Place: safePlace(url), Incarnation: x.meta["incarnation"], Secret: unhex(x.meta["secret"])}
	if err := x.conn.QueryRow(ctx, "SHOW server_version").Scan(&x.info.Version); err != nil {
		return unreachable(err)
	}
	plan, err := planSchema(ctx, x.conn, m, x.Follows)
	if err != nil {
		return err
	}
	x.unknown, err = migrate.Covers(plan)
	return err
}

// readMeta reads what is true of the whole store, and refuses one that is not this service's.
func readMeta(ctx context.Context, conn *pgx.Conn, m *model.Model) (map[string]string, error) {
	have, err := inspect(ctx, conn)
	if err != nil {
		return nil, unreachable(err)
	}
	if have.Tables[sqltext.MetaTable] == nil {
		return nil, fault.New(fault.NotFound, "The database has no store.")
	}
	meta := map[string]string{}
	var name, value string
	if err := query(ctx, conn, `SELECT "name", "value" FROM "`+sqltext.MetaTable+`"`, []any{&name, &value}, func() { meta[name] = value }); err != nil {
		return nil, unreachable(err)
	}
	switch {
	case meta["format"] != formatVersion:
		return nil, fault.New(fault.InvalidInput, "The database was made by another release (format %s, this one knows %s); use that release.", meta["format"], formatVersion)
	case meta["service"] != m.Service:
		return nil, fault.New(fault.InvalidInput, "The database belongs to the service %q, the model to %q.", meta["service"], m.Service)
	}
	return meta, nil
}

func (x *snapshot) Info() store.Info { return x.info }

func (x *snapshot) Unknown() []string { return x.unknown }

func (x *snapshot) Follows(f *model.Family) bool { return x.meta["follow:"+f.Name] == "yes" }

// lines makes a sequence of what read makes of each line of a statement.
func lines[T any](ctx context.Context, x *snapshot, sql string, read func(raw [][]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var none T
		rows, err := x.conn.Query(ctx, sql)
		if err != nil {
			yield(none, unreachable(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			one, err := read(rows.RawValues())
			if !yield(one, err) || err != nil {
				cancel() // else the rest would be read before the end
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, unreachable(err))
		}
	}
}

// books makes a sequence of the lines of a statement on a family's books, which begin with the partition.
func books[T any](ctx context.Context, x *snapshot, f *model.Family, sql string, read func(p store.Partition, raw [][]byte) *T) iter.Seq2[*T, error] {
	return lines(ctx, x, sql, func(raw [][]byte) (*T, error) {
		v, err := value(&f.By.Type, raw[0])
		return read(store.Partition{Family: f, Value: v}, raw[1:]), err
	})
}

func number(raw []byte) uint64 { return binary.BigEndian.Uint64(raw) }

func (x *snapshot) Rows(ctx context.Context, e *model.Entity) iter.Seq2[*model.Row, error] {
	return lines(ctx, x, sqltext.AllRows(e), func(raw [][]byte) (*model.Row, error) { return rowOf(e, raw) })
}

func (x *snapshot) Heads(ctx context.Context, f *model.Family) iter.Seq2[*store.HeadCopy, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.Postgres, f).Heads, func(p store.Partition, raw [][]byte) *store.HeadCopy {
		return &store.HeadCopy{Partition: p, Version: number(raw[0]), Relayed: number(raw[1])}
	})
}

func (x *snapshot) Changes(ctx context.Context, f *model.Family) iter.Seq2[*store.ChangeCopy, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.Postgres, f).Changes, func(p store.Partition, raw [][]byte) *store.ChangeCopy {
		return &store.ChangeCopy{Partition: p, Version: number(raw[0]), ID: [16]byte(raw[1]), At: int64(number(raw[2])), Body: raw[3]}
	})
}

func (x *snapshot) Outcomes(ctx context.Context, f *model.Family) iter.Seq2[*store.KeptOutcome, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.Postgres, f).Outcomes, func(p store.Partition, raw [][]byte) *store.KeptOutcome {
		return &store.KeptOutcome{Partition: p, Hash: [32]byte(raw[0]), Outcome: store.Outcome{
			Fingerprint: [32]byte(raw[1]), Version: number(raw[2]), Time: time.UnixMicro(int64(number(raw[3]))).UTC(), Body: raw[4],
		}}
	})
}

func (x *snapshot) Counters(ctx context.Context, f *model.Family) iter.Seq2[*store.CounterCopy, error] {
	return books(ctx, x, f, sqltext.CopyingOf(sqltext.Postgres, f).Counters, func(p store.Partition, raw [][]byte) *store.CounterCopy {
		return &store.CounterCopy{Partition: p, Entity: string(raw[0]), Field: string(raw[1]), N: int64(number(raw[2]))}
	})
}

// Close ends the transaction, which has nothing to lose.
func (x *snapshot) Close() error {
	if x.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), undoPatience)
	defer cancel()
	return x.conn.Close(ctx)
}
