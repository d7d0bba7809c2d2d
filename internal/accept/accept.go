// Package accept takes writes that are carried out later, and carries them out. An accepted write is a command on the message bus; what comes of it is an outcome in the
// store, under the key of the operation, so it takes effect once however often it is tried.
package accept

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Bus is where accepted writes stand until they are carried out.
type Bus interface {
	Append(ctx context.Context, bucket int, command []byte) error
	CommandGroups(ctx context.Context, shard int, handle func(context.Context, [][]byte) (int, error)) error
	OnPoison(f func(ctx context.Context, command []byte) error)
	Waiting(ctx context.Context, bucket int) (uint64, error)
	Backlog(ctx context.Context) (messages, bytes uint64, oldest time.Time, err error)
	Behind() []bus.Behind
	State() bus.State
}

// Recorder takes measurements. Its methods must not block, and are safe for concurrent use.
type Recorder interface {
	// Accepted is called for each accepted write.
	Accepted(w *model.Write)
	// Carried is called for each accepted write that is settled, with the time since it was accepted
	// and the code of what it failed with; "" where it was carried out.
	Carried(w *model.Write, took time.Duration, code fault.Code)
}

// Config is what an Acceptor is made of. Engine, Store, Bus and Books are required.
type Config struct {
	Engine   *engine.Engine
	Store    store.Store
	Bus      Bus
	Books    *work.Books
	Recorder Recorder        // default: none
	Logger   *slog.Logger    // default slog.Default()
	Bound    int64           // bytes that may wait on the bus, for people. Default: not told
	Timeout  time.Duration   // of accepting one write. Default: 10 s
	Patience time.Duration   // how long a write may be tried again and again before Stuck lists its shard. Default: 1 min
	Stopping <-chan struct{} // closed when the node stops: waits end. Default: never
}

// Acceptor accepts writes and carries them out. Make one with New. It is safe for concurrent use and
// holds nothing that needs closing.
type Acceptor struct {
	Config
	model   *model.Model
	signer  *signer
	waiters waiters
	recent  recent
	pace    pace
	tries   tries
	holding atomic.Int32
	aside   atomic.Uint64
	backlog backlog
}

// New makes an Acceptor and sets what its bus does with commands that crash their worker.
func New(c Config) (*Acceptor, error) {
	if c.Engine == nil || c.Store == nil || c.Bus == nil || c.Books == nil {
		return nil, errors.New("accept: Engine, Store, Bus and Books are required")
	}
	if c.Recorder == nil {
		c.Recorder = unrecorded{}
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Patience <= 0 {
		c.Patience = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	a := &Acceptor{Config: c, model: c.Engine.Model(), signer: newSigner(c.Store.Info().Secret)}
	c.Bus.OnPoison(a.putAside)
	return a, nil
}

type unrecorded struct{}

func (unrecorded) Accepted(*model.Write)                           {}
func (unrecorded) Carried(*model.Write, time.Duration, fault.Code) {}

// State is how an operation is.
type State struct {
	Operation
	ID     string
	Done   bool               // it is settled, one way or the other
	Err    error              // with Done: the *fault.Error that it came to
	Result engine.WriteResult // with Done, without Err
	// AtOnce says that the write was not accepted but carried out as a synchronous one, since the
	// bus is away. Then Done is set and Err is not.
	AtOnce bool
	Quotas []quota.State // that it counts in, of a write that was submitted just now
}

// MaxWait bounds how long a caller can wait for an operation.
const MaxWait = 30 * time.Second

// Submit accepts a write: when it returns without an error, the write is durable and will be carried
// out. With wait it then waits that long for the outcome. A repeat under the same idempotency key is
// the same operation.
//
// While the bus is away a write that does nothing but insert is carried out at once, and so is any
// other where nothing that was accepted before can still wait.
func (a *Acceptor) Submit(ctx context.Context, q *engine.WriteRequest, wait time.Duration) (State, error) {
	quotas, err := a.Engine.MayAccept(q)
	if err != nil {
		return State{}, err
	}
	var random [64]byte
	rand.Read(random[:]) // never fails
	op, key := newOperation(q, [32]byte(random[:32]))
	s := State{Operation: op, ID: op.sign(a.signer, q.Claims), Quotas: quotas}
	if q.IdempotencyKey != "" && a.recent.has(key.Hash, key.Fingerprint) {
		return a.outcome(a.follow(ctx, s, wait))
	}
	q.Accepted = &engine.Accepted{Key: key, Now: a.Engine.Now(), Seed: [32]byte(random[32:])}
	a.pace.enter(q.Accepted.Now)
	defer a.pace.leave()

	var w *waiter
	if wait > 0 {
		w = a.waiters.add(&op)
		defer a.waiters.remove(w)
	}
	if err := a.append(ctx, q, &op); err != nil {
		return a.without(ctx, q, s, err)
	}
	a.Recorder.Accepted(q.Write)
	if q.IdempotencyKey != "" {
		a.recent.add(key.Hash, key.Fingerprint)
	}
	if w == nil {
		return s, nil
	}
	return a.outcome(a.await(ctx, s, w, wait))
}

// append puts a write on the bus, for as long as a request may take.
func (a *Acceptor) append(ctx context.Context, q *engine.WriteRequest, op *Operation) error {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	return a.Bus.Append(ctx, op.bucket(), encode(q, a.model.Revision))
}

// outcome is for an accepted write whose caller waits for what comes of it: where that cannot be told
// now, it is accepted all the same.
func (a *Acceptor) outcome(s State, err error) (State, error) {
	if err != nil {
		s.Done = false
	}
	return s, nil
}

// without does what can be done with a write that the bus did not take.
func (a *Acceptor) without(ctx context.Context, q *engine.WriteRequest, s State, cause error) (State, error) {
	inDoubt := bus.Unknown(cause)
	if ctx.Err() != nil || !inDoubt && fault.CodeOf(cause) != fault.Unavailable {
		return s, cause
	}
	if !onlyInserts(q.Write) {
		if inDoubt {
			return s, cause
		}
		if n, err := a.Bus.Waiting(ctx, s.bucket()); err != nil || n > 0 {
			return s, &fault.Error{Code: fault.Unavailable, RetryAfter: time.Second, Cause: cause,
				Message: "The message bus is away, and what was accepted before this may still wait on it. Try again."}
		}
	}
	// Under the key of the operation: should it be on the bus all the same, it takes effect once.
	result, err := a.Engine.Write(ctx, q)
	if err != nil {
		return s, err
	}
	s.Done, s.AtOnce, s.Result = true, true, result
	return s, nil
}

// onlyInserts tells whether a write depends on nothing that an earlier one did to a row.
func onlyInserts(w *model.Write) bool {
	for _, s := range w.Steps {
		if s.Op != model.OpInsert {
			return false
		}
	}
	return !w.Code
}
