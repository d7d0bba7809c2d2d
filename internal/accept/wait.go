package accept

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Operation tells how an operation is, for the caller who submitted it, and with wait, once it is
// settled or the time is over. The error is a *fault.Error: UnknownPattern for an id that was never
// given out and for anybody but its submitter; Unavailable where the store cannot be asked.
func (a *Acceptor) Operation(ctx context.Context, id string, claims *model.Claims, wait time.Duration) (State, error) {
	op, err := a.operation(id, claims)
	if err != nil {
		return State{}, err
	}
	return a.follow(ctx, State{Operation: op, ID: id}, wait)
}

// follow looks how an operation is, and waits for it where it is not settled.
func (a *Acceptor) follow(ctx context.Context, s State, wait time.Duration) (State, error) {
	var w *waiter
	if wait > 0 {
		w = a.waiters.add(&s.Operation) // before the look, so that nothing is missed
		defer a.waiters.remove(w)
	}
	s, err := a.look(ctx, s)
	if err == nil && !s.Done {
		s, err = a.lost(ctx, s)
	}
	if w == nil || s.Done {
		return s, err
	}
	return a.await(ctx, s, w, wait)
}

// look asks the store for the outcome of an operation.
func (a *Acceptor) look(ctx context.Context, s State) (State, error) {
	o, err := a.Store.Outcome(ctx, s.Place, s.hash)
	if err != nil || o == nil {
		return s, err
	}
	if [8]byte(o.Fingerprint[:8]) != s.print {
		s.Done, s.Err = true, fault.New(fault.KeyReused,
			"This Idempotency-Key was used with another request. Use a new key for a new request.")
		return s, nil
	}
	s.Done = true
	s.Result, s.Err = engine.ReadOutcome(o)
	if fault.CodeOf(s.Err) != fault.Internal {
		return s, nil
	}
	// It was put aside. Where it was replayed since, that counts.
	if again, err := a.Store.Outcome(ctx, s.Place, replayed(s.hash)); err == nil && again != nil {
		s.Result, s.Err = engine.ReadOutcome(again)
	}
	return s, nil
}

// lost settles an operation of which the store has no outcome although nothing of its shard waits on
// the bus: what was accepted is gone with the bus, or its outcome is too old to be kept.
func (a *Acceptor) lost(ctx context.Context, s State) (State, error) {
	if n, err := a.Bus.Waiting(ctx, s.bucket()); err != nil || n > 0 {
		return s, nil //nolint:nilerr // as long as the bus cannot tell, it is pending
	}
	s, err := a.look(ctx, s) // it may have been carried out between the two questions
	if err != nil || s.Done {
		return s, err
	}
	s.Done, s.Err = true, fault.New(fault.Gone, "What came of this is not known any more: its outcome is too old to be kept, "+
		"or the message bus lost it before it was carried out. Look at the rows, and send it again if it is missing.")
	return s, nil
}

// await waits until an operation is settled, for as long as the caller said.
func (a *Acceptor) await(ctx context.Context, s State, w *waiter, wait time.Duration) (State, error) {
	const (
		first = 25 * time.Millisecond // another node may settle it, without a change to be heard of
		most  = time.Second
	)
	over := time.NewTimer(min(wait, MaxWait))
	defer over.Stop()
	pause := first
	if int(a.holding.Load()) == bus.Shards {
		pause = most
	}
	poll := time.NewTimer(pause)
	defer poll.Stop()
	var trouble error
	for {
		select {
		case settled := <-w.settled:
			s.Done, s.Result, s.Err = true, settled.Result, settled.Err
			return s, nil
		case <-w.changed:
		case <-poll.C:
			pause = min(2*pause, most)
			poll.Reset(pause)
		case <-over.C:
			return s, trouble
		case <-a.Stopping:
			return s, trouble
		case <-ctx.Done():
			return s, trouble
		}
		if now, err := a.look(ctx, s); err == nil && now.Done {
			return now, nil
		} else if ctx.Err() == nil {
			trouble = err
		}
	}
}

// After returns when the operations are settled, so that what the caller does next comes after them,
// or with an error of code Behind when that takes too long. Accepted writes of one partition are in
// order anyway: for such a write, ahead is set and those of its partition need no wait.
func (a *Acceptor) After(ctx context.Context, ids []string, claims *model.Claims, p store.Partition, ahead bool) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, id := range ids {
		op, err := a.operation(id, claims)
		if err != nil {
			return &fault.Error{Code: fault.BadRequest, Message: "Partita-After names an operation that is not there, or is another caller's.",
				Details: []fault.Detail{{Pointer: "Partita-After", Message: "names no operation of this caller"}}}
		}
		if ahead && op.Place == p {
			continue
		}
		s, err := a.follow(ctx, State{Operation: op, ID: id}, patience)
		if err != nil {
			return err
		}
		if !s.Done {
			return &fault.Error{Code: fault.Behind, RetryAfter: time.Second,
				Message: "The operation of Partita-After is not done yet. Try again in a moment."}
		}
	}
	return nil
}

// Changed tells of a change of a partition, from this node or another, so that those who wait for an
// operation there look at once. It is cheap.
func (a *Acceptor) Changed(c *store.Change) { a.waiters.changed(c.Partition) }

// waiter is one caller who waits for an operation.
type waiter struct {
	place   store.Partition
	hash    [32]byte
	settled chan engine.Carried
	changed chan struct{}
}

// waiters are all of this node's.
type waiters struct {
	count atomic.Int32
	mu    sync.Mutex
	at    map[store.Partition]map[*waiter]struct{}
}

func (ws *waiters) add(op *Operation) *waiter {
	w := &waiter{place: op.Place, hash: op.hash, settled: make(chan engine.Carried, 1), changed: make(chan struct{}, 1)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.at == nil {
		ws.at = map[store.Partition]map[*waiter]struct{}{}
	}
	if ws.at[w.place] == nil {
		ws.at[w.place] = map[*waiter]struct{}{}
	}
	ws.at[w.place][w] = struct{}{}
	ws.count.Add(1)
	return w
}

func (ws *waiters) remove(w *waiter) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.at[w.place], w)
	if len(ws.at[w.place]) == 0 {
		delete(ws.at, w.place)
	}
	ws.count.Add(-1)
}

// changed has the waiters of a partition look.
func (ws *waiters) changed(p store.Partition) {
	if ws.count.Load() == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.at[p] {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// settled tells the waiters of an operation what came of it. A repeat under the key of another
// request is not for them.
func (ws *waiters) settled(p store.Partition, hash [32]byte, c engine.Carried) {
	if ws.count.Load() == 0 || fault.CodeOf(c.Err) == fault.KeyReused {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.at[p] {
		if w.hash != hash {
			continue
		}
		select {
		case w.settled <- c:
		default:
		}
	}
}
