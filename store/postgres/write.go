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

// write is the one goroutine that commits: it takes what waits, and what an earlier group had to
// leave because another node held its partition.
func (s *Store) write() {
	defer close(s.done)
	var items, held []store.Item
	for {
		items = append(items[:0], held...)
		wait := len(held) > 0 && s.queue.Len() == 0
		if !wait {
			items = s.queue.Take(items)
		}
		if len(items) == 0 {
			return
		}
		held = s.group(items, wait)
	}
}

// group commits items and gives back those that are to be tried again with the next group.
func (s *Store) group(items []store.Item, wait bool) (held []store.Item) {
	var ready []store.Item
	for _, it := range items {
		if it.Job != nil {
			it.Job()
			s.queue.Done([]store.Item{it})
			continue
		}
		ready = append(ready, it)
	}
	if len(ready) == 0 {
		return nil
	}
	// A write that runs user code never shares a group, also not when it had to wait.
	if i := slices.IndexFunc(ready, func(it store.Item) bool { return it.Write.Alone }); i >= 0 && len(ready) > 1 {
		one := ready[i]
		held = s.group(slices.Concat(ready[:i], ready[i+1:]), wait)
		return append(held, s.group([]store.Item{one}, true)...)
	}
	ws := make([]*store.Write, len(ready))
	for i, it := range ready {
		ws[i] = it.Write
	}
	busy := s.transact(ws, wait, 0)
	done := ready[:0:0]
	for _, it := range ready {
		if busy[it.Write.Partition] {
			held = append(held, it)
		} else {
			done = append(done, it)
		}
	}
	s.queue.Done(done)
	return held
}

// transact runs one transaction for the writes whose partition is free and fills their Results. A
// statement that fails makes each write run by itself.
func (s *Store) transact(ws []*store.Write, wait bool, try int) (busy map[store.Partition]bool) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	conn, err := s.writers.Acquire(ctx)
	if err == nil {
		defer conn.Release()
		err = s.settleDoubt(ctx, conn.Conn())
	}
	if err != nil {
		fail(ws, s.failure(err), false)
		return nil
	}
	src, busy, err := s.fetch(ctx, conn.Conn(), ws, wait)
	if err != nil {
		s.rollback(conn.Conn())
		fail(ws, s.failure(err), false)
		return nil
	}
	g := store.NewGroup(src)
	ran := make([]*store.Write, 0, len(ws))
	for _, w := range ws {
		if !busy[w.Partition] {
			g.Run(w)
			ran = append(ran, w)
		}
	}
	if src.failed != nil {
		s.rollback(conn.Conn())
		return s.again(ran, src.failed, busy, try)
	}
	if g.Empty() {
		s.rollback(conn.Conn())
		return busy
	}
	if err := conn.Conn().SendBatch(ctx, s.statements(g)).Close(); err != nil {
		if refusedByServer(err) {
			s.rollback(conn.Conn())
			return s.again(ran, err, busy, try)
		}
		s.doubtful(conn.Conn(), ran, g)
		return busy
	}
	s.groups.Add(1)
	s.groupWrites.Add(uint64(len(ran)))
	for _, c := range g.Changes() {
		s.onChange(c)
	}
	return busy
}

// again runs each write by itself after the group failed as a whole; one that was by itself already
// is tried once more where only a clash in time was in the way.
func (s *Store) again(ws []*store.Write, cause error, busy map[store.Partition]bool, try int) map[store.Partition]bool {
	const tries = 5
	if len(ws) == 1 && (!retriable(cause) || try >= tries) {
		fail(ws, s.failure(cause), false)
		return busy
	}
	for _, w := range ws {
		s.transact([]*store.Write{w}, true, try+1) // it waits for its head, so it is not busy
	}
	return busy
}

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
		return false
	}
	switch pg.Code {
	case "40001", "40P01", "55P03": // serialization, deadlock, lock not available
		return true
	}
	return pg.Code == "23505" && strings.HasPrefix(pg.TableName, "partita_head_") // another node made the partition first
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
	case !ok, troubles[pg.Code] != "", pg.Code[:2] == "53", pg.Code[:2] == "57":
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
