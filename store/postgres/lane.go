package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/partita-dev/partita/store"
)

// lanes is how many groups may be under way: while one waits for its commit to be durable, the next is
// made. More would make groups smaller, and so each write dearer.
const lanes = 2

// lane commits one group after the other, beside the other lanes. A partition is in one of them at a
// time, so that its writes take their versions, and are told, in order.
type lane struct {
	s    *Store
	conn *pgxpool.Conn // of the group under way; nil between groups

	making bool // holds Store.making
}

// write runs the lanes until the queue is closed and empty.
func (s *Store) write() {
	defer close(s.done)
	var all sync.WaitGroup
	for range lanes {
		all.Go((&lane{s: s}).run)
	}
	all.Wait()
}

// run takes what waits, and what an earlier group had to leave because another node held its
// partition. Where there is nothing else to do it waits for that node.
func (l *lane) run() {
	var items, held []store.Item
	for {
		items = append(items[:0], held...)
		if l.begin(len(held) == 0) {
			items = l.s.queue.TakeApart(items, len(held) == 0)
		}
		if len(items) == 0 {
			l.ready()
			return
		}
		held = l.group(items, len(items) == len(held))
		l.ready()
		l.release()
	}
}

// begin waits, or looks, whether no other lane makes a group or waits for one, and tells whether this one
// may. So a group has what came while the one before it was made, and is about as large as with one lane.
func (l *lane) begin(wait bool) bool {
	if wait {
		l.s.making.Lock()
		l.making = true
	} else {
		l.making = l.s.making.TryLock()
	}
	return l.making
}

// ready lets another lane make a group.
func (l *lane) ready() {
	if l.making {
		l.making = false
		l.s.making.Unlock()
	}
}

// connection gives the lane's connection, a new one where the last was lost.
func (l *lane) connection(ctx context.Context) (conn *pgx.Conn, err error) {
	if l.conn != nil && l.conn.Conn().IsClosed() {
		l.release()
	}
	if l.conn == nil {
		if l.conn, err = l.s.writers.Acquire(ctx); err != nil {
			return nil, err
		}
	}
	return l.conn.Conn(), nil
}

func (l *lane) release() {
	if l.conn != nil {
		l.conn.Release()
		l.conn = nil
	}
}

// group commits items and gives back those that are to be tried again with the next group.
func (l *lane) group(items []store.Item, wait bool) (held []store.Item) {
	// A write that runs user code never shares a group, also not when it had to wait.
	if i := slices.IndexFunc(items, func(it store.Item) bool { return it.Write.Alone }); i >= 0 && len(items) > 1 {
		one := items[i]
		held = l.group(slices.Concat(items[:i], items[i+1:]), wait)
		return append(held, l.group([]store.Item{one}, true)...)
	}
	ws := make([]*store.Write, len(items))
	for i, it := range items {
		ws[i] = it.Write
	}
	busy := l.transact(ws, wait, 0)
	done := make([]store.Item, 0, len(items))
	for _, it := range items {
		if busy[it.Write.Partition] {
			held = append(held, it)
		} else {
			done = append(done, it)
		}
	}
	l.s.queue.Done(done)
	return held
}

// transact runs one transaction for the writes whose partition is free and fills their Results. A
// statement that fails makes each write run by itself.
func (l *lane) transact(ws []*store.Write, wait bool, try int) (busy map[store.Partition]bool) {
	s := l.s
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	conn, err := l.connection(ctx)
	if err == nil {
		err = s.settleDoubts(ctx, conn)
	}
	if err != nil {
		fail(ws, s.failure(err), false)
		return nil
	}
	if wait || ws[0].Alone { // this one may take its time
		l.ready()
	}
	src, busy, err := s.fetch(ctx, conn, ws, wait)
	if err != nil {
		s.rollback(conn)
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
	if src.failed == nil {
		src.failed = src.check()
	}
	if src.failed != nil {
		s.rollback(conn)
		return l.again(ran, src.failed, busy, try)
	}
	if g.Empty() {
		s.rollback(conn)
		return busy
	}
	batch := s.statements(g)
	l.ready()
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		if refusedByServer(err) {
			s.rollback(conn)
			return l.again(ran, err, busy, try)
		}
		s.doubtful(conn, ran, g)
		return busy
	}
	s.groups.Add(1)
	s.groupWrites.Add(uint64(len(ran)))
	s.tell(g.Changes())
	return busy
}

// tell calls OnChange, for one group at a time.
func (s *Store) tell(changes []*store.Change) {
	s.telling.Lock()
	defer s.telling.Unlock()
	for _, c := range changes {
		s.onChange(c)
	}
}

// again runs each write by itself after the group failed as a whole; one that was by itself already
// is tried once more where only a clash in time was in the way.
func (l *lane) again(ws []*store.Write, cause error, busy map[store.Partition]bool, try int) map[store.Partition]bool {
	const tries = 5
	if len(ws) == 1 && (!retriable(cause) || try >= tries) {
		fail(ws, l.s.failure(cause), false)
		return busy
	}
	for _, w := range ws {
		for l.transact([]*store.Write{w}, true, try+1)[w.Partition] { // its head was made this moment
		}
	}
	return busy
}
