package engine

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Accepted is what is fixed when a write is accepted to be carried out later, so that it comes to the
// same however late and however often it is tried.
type Accepted struct {
	Key  store.Key // what its outcome is kept under
	Now  time.Time
	Seed [32]byte // what the values of `new` and `random` are made from
}

// Now gives the time that a write which is accepted now has for good.
func (e *Engine) Now() time.Time { return e.clock() }

// KeyOf gives what the outcome of a write with an idempotency key is kept under, however it is
// carried out.
func KeyOf(q *WriteRequest) store.Key {
	return store.Key{Hash: keyHash(q), Fingerprint: fingerprint(q)}
}

// MayAccept refuses what can be refused without asking the store: what no rule allows, whatever the
// rows say, and what is beyond a quota. A write that passes counts in its quotas, which it gives.
func (e *Engine) MayAccept(q *WriteRequest) ([]quota.State, error) {
	scope := model.Scope{Now: e.clock(), Auth: q.Claims, Args: q.Args}
	if judge(&q.Write.Allow, q.Claims, &scope) == refused {
		return nil, refusal(q.Claims)
	}
	return e.countWrite(q)
}

// Carried is what came of an accepted write.
type Carried struct {
	Result WriteResult
	Err    error // *fault.Error; nil: it was carried out
	// Settled says that the outcome is kept in the store, be it an error. Otherwise nothing was
	// changed, or it is not known whether it was: the write is to be tried again.
	Settled bool
	// Defect says, of one that is not settled, that the write itself is to blame: it panicked, what it
	// did cannot be stored, or its Go function does not come to an end in time. To try it again and
	// again would hold up all that come behind it.
	Defect bool
}

// Carry carries out accepted writes. Those of one partition take effect in their order, and none of
// them while an earlier one is not settled. Every failure that would not pass is kept as the outcome,
// but defects, which are for the caller to judge.
func (e *Engine) Carry(ctx context.Context, qs []*WriteRequest) []Carried {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	carried := make([]Carried, len(qs))
	attempts := make([]*attempt, 0, len(qs))
	writes := make([]*store.Write, 0, len(qs))
	last := map[store.Partition]*store.Write{}
	for i, q := range qs {
		a, err := e.prepare(q)
		if err != nil { // a rule, which may have become narrower since
			carried[i].Err = err
			continue
		}
		a.index, a.ctx = i, ctx
		a.rule, a.write.Check = a.write.Check, nil
		a.write.ID = uuid.UUID(q.Accepted.Seed[:16])
		a.write.After = last[a.write.Partition]
		last[a.write.Partition] = &a.write
		attempts, writes = append(attempts, a), append(writes, &a.write)
	}
	start := time.Now()
	if len(writes) > 0 {
		e.store.Commit(ctx, writes...)
	}
	took := time.Since(start)
	for _, a := range attempts {
		c := &carried[a.index]
		c.Result, c.Err = e.finish(a)
		c.Result.Store = took
		err := a.write.Result.Err
		c.Settled = err == nil || fault.Deterministic(err) || fault.CodeOf(err) == fault.KeyReused
		c.Defect = !c.Settled && (a.late || fault.CodeOf(err) == fault.Internal)
	}
	e.keepRefusals(ctx, qs, carried)
	return carried
}

// keepRefusals keeps failures that would not pass and that the store does not keep by itself.
func (e *Engine) keepRefusals(ctx context.Context, qs []*WriteRequest, carried []Carried) {
	for i := range carried {
		c := &carried[i]
		if c.Settled || c.Err == nil || c.Defect || fault.Transient(c.Err) {
			continue
		}
		q := qs[i]
		place := store.Partition{Family: q.Write.Family, Value: q.Args.Values[0]}
		err := e.Refuse(ctx, place, q.Write.Name, q.Accepted.Key, c.Err)
		c.Settled = err == nil
	}
}

// Refuse keeps an error as the outcome of an accepted write that is not carried out. Where an outcome
// is kept already, that one stays.
func (e *Engine) Refuse(ctx context.Context, p store.Partition, write string, key store.Key, cause error) error {
	w := &store.Write{
		Partition: p, ID: uuid.Must(uuid.NewV7()), Name: write, Revision: e.model.Revision, Now: e.clock(), Key: &key,
		Apply: func(store.Tx) ([]byte, error) { return encodeRefusal(cause), nil },
	}
	e.store.Commit(ctx, w)
	if fault.CodeOf(w.Result.Err) == fault.KeyReused {
		return nil
	}
	return w.Result.Err
}

// ReadOutcome gives what an outcome tells: a result, or the error that the write came to.
func ReadOutcome(o *store.Outcome) (WriteResult, error) {
	result, err := decodeOutcome(o.Body)
	result.Version = o.Version
	return result, err
}
