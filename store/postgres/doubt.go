package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// doubt is a group whose COMMIT was sent and never answered. One of its changes tells for all, since
// they are one transaction.
type doubt struct {
	changes []*store.Change
	heads   []store.HeadWrite
	before  uint64 // version of the first change's partition before the group
}

const (
	settleEvery  = 50 * time.Millisecond  // while the group's callers wait
	settleLater  = 250 * time.Millisecond // once they have been told that it is not known
	settleWithin = 2 * time.Second        // one look, when nobody waits for it
)

// doubtful settles, within the store's timeout, whether a group was committed, and fills the Results
// of its writes. Where the database cannot be asked by then, their outcome is unknown, and the doubt
// is settled before the next group, or as soon as the database is there.
func (s *Store) doubtful(conn *pgx.Conn, ws []*store.Write, g *store.Group) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	conn.Close(ctx)
	if len(g.Changes()) == 0 { // refusals to be kept: nothing was changed either way
		fail(ws, unreachableNow(nil), false)
		return
	}
	d := &doubt{changes: slices.Clone(g.Changes()), heads: slices.Collect(g.Heads)}
	first := d.changes[0]
	for _, h := range d.heads {
		if h.Partition == first.Partition {
			d.before = h.Before
		}
		s.options.OnDoubt(h.Partition, h.After)
	}
	for {
		committed, err := s.ask(ctx, d)
		switch {
		case err == nil && committed:
			s.settled(d, true)
			return // the Results stand
		case err == nil:
			s.settled(d, false)
			fail(ws, unreachableNow(nil), false)
			return
		case ctx.Err() != nil:
			s.doubting.Lock()
			s.doubts = append(s.doubts, d)
			s.doubting.Unlock()
			s.work.Go(func() { s.settleLater(d) })
			fail(ws, fault.Wrap(fault.Deadline, err,
				"The store went away while it was storing this; whether it was stored is not known yet. Ask again with the same Idempotency-Key."), true)
			return
		}
		select { // the database is away: its return has no signal
		case <-ctx.Done():
		case <-time.After(settleEvery/2 + rand.N(settleEvery)):
		}
	}
}

// settleDoubts finds out about earlier groups before the next one begins.
func (s *Store) settleDoubts(ctx context.Context, conn *pgx.Conn) error {
	s.doubting.Lock()
	defer s.doubting.Unlock()
	for len(s.doubts) > 0 {
		d := s.doubts[0]
		committed, err := look(ctx, conn, s, d)
		if err != nil {
			return err
		}
		s.settled(d, committed)
		s.doubts = s.doubts[1:]
	}
	return nil
}

// settleLater asks until a doubt is settled, by this or by the next group, or the store is closed.
func (s *Store) settleLater(d *doubt) {
	again := time.NewTicker(settleLater)
	defer again.Stop()
	for {
		select {
		case <-again.C:
		case <-s.life.Done():
			return
		}
		if s.settleNow(d) {
			return
		}
	}
}

// settleNow asks about one doubt, and tells whether it is settled.
func (s *Store) settleNow(d *doubt) bool {
	s.doubting.Lock()
	defer s.doubting.Unlock()
	i := slices.Index(s.doubts, d)
	if i < 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(s.life, settleWithin)
	defer cancel()
	committed, err := s.ask(ctx, d)
	if err != nil {
		return false
	}
	s.settled(d, committed)
	s.doubts = slices.Delete(s.doubts, i, i+1)
	return true
}

// settled tells what came of a group.
func (s *Store) settled(d *doubt, committed bool) {
	if committed {
		s.tell(d.changes)
	}
	for _, h := range d.heads {
		s.options.OnSettled(h.Partition, h.After, committed)
	}
}

// ask looks on a connection of its own: the pool's is not usable any more.
func (s *Store) ask(ctx context.Context, d *doubt) (committed bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, s.writers.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return look(ctx, conn, s, d)
}

// look tells whether a group was committed. It takes the head's lock first, which waits for the old
// backend where that is still at it: a look without the lock could say "absent" too early.
func look(ctx context.Context, conn *pgx.Conn, s *Store, d *doubt) (committed bool, err error) {
	first := d.changes[0]
	f := first.Partition.Family
	partition := argument(first.Partition.Value)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if d.before == 0 {
		// The head itself was new: an insert of the same one waits for the old backend, too.
		_, err = tx.Exec(ctx, s.books[f].HeadInsert+" ON CONFLICT DO NOTHING", partition, f.Bucket(first.Partition.Value), int64(0), s.options.Start(f))
	} else {
		_, err = tx.Exec(ctx, s.books[f].Head+" FOR UPDATE", partition)
	}
	if err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, `SELECT true FROM `+sqltext.Quote(sqltext.BookName("change", f))+
		` WHERE "partition" = $1 AND "version" = $2 AND "id" = $3`, partition, int64(first.Version), first.ID[:]).Scan(&committed)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return committed, err
}

func unreachableNow(cause error) error {
	e := fault.Wrap(fault.Unavailable, cause, "The store went away; nothing was changed. Try again shortly.")
	e.RetryAfter = time.Second
	return e
}
