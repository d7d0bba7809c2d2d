package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

// Commit carries out writes in groups.
func (s *Store) Commit(ctx context.Context, ws ...*store.Write) { s.queue.Submit(ctx, ws...) }

func fail(ws []*store.Write, err error, unknown bool) {
	for _, w := range ws {
		w.Result = store.WriteResult{Err: err, Unknown: unknown}
	}
}

// rollback ends the transaction; a connection that cannot is closed, and the server then does it.
func (s *Store) rollback(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	if conn.IsClosed() {
		return
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		conn.Close(ctx)
	}
}

// sorted lists the partitions of writes in the order in which every node locks them.
func sorted(ws []*store.Write) []store.Partition {
	out := make([]store.Partition, len(ws))
	for i, w := range ws {
		out[i] = w.Partition
	}
	slices.SortFunc(out, func(a, b store.Partition) int {
		return cmp.Or(strings.Compare(a.Family.Name, b.Family.Name), compareValues(a, b))
	})
	return slices.Compact(out)
}

// refusedByServer tells that the server itself said no, so that nothing was committed.
func refusedByServer(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code[:2] != "57" && pg.Code[:2] != "08" // going down, or the line broke
}

// retriable tells that the same transaction may succeed when it is tried again.
func retriable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return errors.Is(err, errMade)
	}
	switch pg.Code {
	case "40001", "40P01", "55P03", "25P03": // serialization, deadlock, lock not available, idle for too long
		return true
	}
	// Another node made the partition first, or kept the outcome of the same key in one that nobody made.
	return pg.Code == "23505" && (strings.HasPrefix(pg.TableName, "partita_head_") || strings.HasPrefix(pg.TableName, "partita_outcome_"))
}

// failure turns an error of the driver into a fault. nil stays nil, a fault stays as it is.
func (s *Store) failure(err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && pg.Code == "23505":
		return fault.Wrap(fault.NotUnique, err, "Another row has the same value where it must be unique.")
	case ok && pg.Code == "57014", errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Deadline, err, "The store did not answer in time.")
	case !ok, troubles[pg.Code] != "", pg.Code[:2] == "53", pg.Code[:2] == "57", pg.Code == "25P03":
		if ok && troubles[pg.Code] != "" {
			err = errors.Join(troubles[pg.Code], err)
		}
		e := fault.Wrap(fault.Unavailable, err, "The store cannot be used right now. Try again shortly.")
		e.RetryAfter = time.Second
		return e
	}
	return fault.Wrap(fault.Internal, err, "The store refused a statement of ours.")
}

// troubles are what the server's codes mean to people.
var troubles = map[string]store.Trouble{
	"53100": store.Full,
	"53300": store.Crowded,
	"57P01": store.Starting, "57P02": store.Starting, "57P03": store.Starting,
	"25006": store.Standby,
	"28000": store.Refusing, "28P01": store.Refusing,
}
