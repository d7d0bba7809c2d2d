package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/sqltext"
)

// SQLSTATEs that a change of the schema can meet.
const (
	lockNotAvailable = "55P03"
	uniqueViolation  = "23505"
	notNullViolation = "23502"
	checkViolation   = "23514"
	queryCanceled    = "57014"
)

// A statement that waits for a table's lock makes all wait that come after it. So it waits for
// lockPatience only, gives way, and is tried again, lockTries times in all.
const (
	lockPatience = "500ms"
	lockTries    = 60
	undoPatience = 10 * time.Second
)

// migration is a migrate.Target: one connection that holds the schema's lock.
type migration struct {
	conn    *pgx.Conn
	model   *model.Model
	follows func(*model.Family) bool
	unlock  func()
}

// Migrate connects to a database to change its schema. It must have been made by a node; nodes may
// be running. Each step stays when it is done. follows tells, as store.Options.Follow does, which
// families will be followed, beside those that are; nil: none is.
func Migrate(ctx context.Context, url string, m *model.Model, follows func(*model.Family) bool) (migrate.Target, error) {
	if err := sqltext.Check(m); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.InvalidInput, "The store's URL cannot be read; write postgres://user:password@host:port/database.")
	}
	config.RuntimeParams["application_name"] = "partita migrate"
	config.RuntimeParams["timezone"] = "UTC"
	// A command that is broken off ends its statement on the server too.
	config.BuildContextWatcherHandler = func(pc *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pc, CancelRequestDelay: 0, DeadlineDelay: 5 * time.Second}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreachable(err)
	}
	options := store.Options{Follow: follows}
	t := &migration{conn: conn, model: m, follows: options.Follows}
	if t.unlock, err = lockSchema(ctx, conn); err == nil {
		if err = t.recognize(ctx); err == nil {
			return t, nil
		}
	}
	return nil, errors.Join(err, t.Close())
}

// recognize refuses a database that is not this service's. It makes nothing.
func (t *migration) recognize(ctx context.Context) error {
	have, err := inspect(ctx, t.conn)
	if err != nil {
		return unreachable(err)
	}
	if have.Tables[sqltext.MetaTable] == nil {
		return fault.New(fault.NotFound, "The database has no store yet; `partita serve` makes it, whole, when it first starts.")
	}
	return ensureMeta(ctx, t.conn, t.model)
}

func (t *migration) Plan(ctx context.Context) (*migrate.Plan, error) {
	return planSchema(ctx, t.conn, t.model, t.follows)
}

func (t *migration) Apply(ctx context.Context, step *migrate.Step) error {
	return applyStep(ctx, t.conn, step)
}

func (t *migration) Finish(context.Context) error { return nil }

func (t *migration) Close() error {
	if t.unlock != nil {
		t.unlock()
	}
	return t.conn.Close(context.Background())
}

// applyStep carries out one step, statement by statement.
func applyStep(ctx context.Context, conn *pgx.Conn, step *migrate.Step) error {
	for _, sql := range step.SQL {
		if err := applySQL(ctx, conn, sql); err != nil {
			if step.Undo != "" {
				undo(ctx, conn, step.Undo)
			}
			return stepFailed(step, err)
		}
	}
	return nil
}

// undo takes back what a failed step has left. It does not wait for a long transaction to end: what it
// cannot do the next plan begins with.
func undo(ctx context.Context, conn *pgx.Conn, sql string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoPatience)
	defer cancel()
	_ = applySQL(ctx, conn, sql)
}

func applySQL(ctx context.Context, conn *pgx.Conn, sql string) error {
	if strings.Contains(sql, "INDEX CONCURRENTLY") { // waits without making others wait
		_, err := conn.Exec(ctx, sql)
		return err
	}
	if _, err := conn.Exec(ctx, "SET lock_timeout = '"+lockPatience+"'"); err != nil {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), "RESET lock_timeout")
	for try := 1; ; try++ {
		_, err := conn.Exec(ctx, sql)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != lockNotAvailable || try == lockTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// stepFailed makes a sentence of what the database says.
func stepFailed(step *migrate.Step, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return unreachable(err)
	}
	what := strings.TrimSuffix(step.What, ".")
	switch pg.Code {
	case uniqueViolation:
		return fault.New(fault.InvalidInput, "The database does not fit the model (%s): rows break a `unique` that is new. Take it back, or change the rows first.", what)
	case notNullViolation, checkViolation:
		return fault.New(fault.InvalidInput, "A row has been written meanwhile that stands against this: %s. Stop the nodes of the older model, or fill the rows, and give the command again.", what)
	case queryCanceled:
		return fault.New(fault.Unavailable, "Broken off at this: %s. What came before stays; the same command goes on from there.", what)
	case lockNotAvailable:
		return fault.New(fault.Unavailable, "The table is in use all the time, by a long transaction perhaps, so this was not done: %s. Give the command again when it is over.", what)
	}
	return unreachable(err)
}
