package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Write carries out one write and returns when it is durable.
func (e *Engine) Write(ctx context.Context, q *WriteRequest) (WriteResult, error) {
	results, errs := e.Batch(ctx, []*WriteRequest{q})
	return results[0], errs[0]
}

// Batch carries out writes, each admitted, decided and keyed on its own. Those of one partition
// take effect in their order, but nothing else binds them together. The slices have one entry for
// each request.
func (e *Engine) Batch(ctx context.Context, qs []*WriteRequest) ([]WriteResult, []error) {
	results, errs := make([]WriteResult, len(qs)), make([]error, len(qs))
	pending := make([]*attempt, 0, len(qs))
	for i, q := range qs {
		a, err := e.prepare(q)
		if err == nil {
			results[i].Quotas, err = e.countWrite(q)
		}
		if err == nil {
			err = e.enter(a)
		}
		if err != nil {
			errs[i] = err
			continue
		}
		a.index = i
		pending = append(pending, a)
	}
	if len(pending) == 0 {
		return results, errs
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	pending, passes := e.admit(ctx, pending, errs)
	defer leave(passes)
	if len(pending) == 0 {
		return results, errs
	}
	writes := make([]*store.Write, len(pending))
	for i, a := range pending {
		a.ctx = ctx
		a.write.Leave = true // nobody waits beyond the deadline, whatever has become of the store
		writes[i] = &a.write
	}
	start := time.Now()
	e.store.Commit(ctx, writes...)
	took := time.Since(start)
	for _, a := range pending {
		e.release(a)
		e.studied(a, start, took)
		quotas := results[a.index].Quotas
		results[a.index], errs[a.index] = e.finish(a)
		results[a.index].Store, results[a.index].Quotas = took, quotas
	}
	return results, errs
}

// attempt is one write on its way through the store.
type attempt struct {
	e     *Engine
	ctx   context.Context
	q     *WriteRequest
	index int
	scope model.Scope // of rules: request and caller
	write store.Write

	// What the last run of apply came to.
	done    WriteResult
	steps   []*model.Row
	refused error     // by rule
	runs    int       // of apply
	began   time.Time // the first of them
	late    bool      // the Go function was not done in time

	// rule is the check of the rules that look at loaded rows, where a refusal is an outcome to be
	// kept: of an accepted write. Others have it as write.Check.
	rule func(tx store.Tx) error
}

// seed gives what `new` and `random` are made of; nil: new ones each time.
func (a *attempt) seed() *[32]byte {
	if a.q.Accepted == nil {
		return nil
	}
	return &a.q.Accepted.Seed
}

// prepare decides what can be decided without the store.
func (e *Engine) prepare(q *WriteRequest) (*attempt, error) {
	now := e.clock()
	if q.Accepted != nil {
		now = q.Accepted.Now
	}
	a := &attempt{e: e, q: q, scope: model.Scope{Now: now, Auth: q.Claims, Args: q.Args}}
	a.write = store.Write{
		Partition: store.Partition{Family: q.Write.Family, Value: q.Args.Values[0]},
		ID:        uuid.Must(uuid.NewV7()),
		Name:      q.Write.Name,
		Revision:  e.model.Revision,
		Now:       now,
		Alone:     q.Write.Code,
		Apply:     a.apply,
	}
	verdict := allowed
	if !q.Operator {
		verdict = judge(&q.Write.Allow, q.Claims, &a.scope)
	}
	switch verdict {
	case refused:
		return nil, refusal(q.Claims)
	case depends:
		a.write.Check = func(tx store.Tx) error { return mayWrite(tx, q, a.scope) }
	}
	if e.remote {
		a.write.Needs = a.needs()
	}
	switch {
	case q.Accepted != nil:
		a.write.Key = &q.Accepted.Key
	case q.IdempotencyKey != "":
		a.write.Key = &store.Key{Hash: keyHash(q), Fingerprint: fingerprint(q)}
	}
	if a.write.Key != nil {
		a.write.Refuse = encodeRefusal
	}
	return a, nil
}

// enter takes the key of a write for this node, where it has one.
func (e *Engine) enter(a *attempt) error {
	if a.write.Key != nil && !e.claim(a) {
		return &fault.Error{Code: fault.InFlight, RetryAfter: time.Second,
			Message: "A request with this Idempotency-Key is being worked on right now; ask again in a moment."}
	}
	return nil
}

// clock gives the time as writes have it.
func (e *Engine) clock() time.Time { return e.now().UTC().Truncate(time.Microsecond) }

// finish turns the store's result into the caller's.
func (e *Engine) finish(a *attempt) (WriteResult, error) {
	if a.write.Left {
		return WriteResult{}, fault.New(fault.Deadline,
			"The store did not answer in time; whether this was stored is not known yet. Ask again with the same Idempotency-Key.")
	}
	r := &a.write.Result
	switch {
	case r.Err != nil:
		return WriteResult{Version: r.Version}, r.Err // of a refusal by what the rows say
	case a.refused != nil && !r.Replayed:
		return WriteResult{}, a.refused
	case r.Replayed:
		result, err := decodeOutcome(r.Outcome)
		result.Version, result.Replayed = r.Version, true
		return result, err
	}
	result := a.done
	result.Version = r.Version
	if r.Change != nil {
		e.count(a)
	}
	return result, nil
}

// studied tells the study what the write waited for.
func (e *Engine) studied(a *attempt, start time.Time, took time.Duration) {
	if e.study == nil || a.write.Left || a.runs == 0 {
		return
	}
	e.study.Wrote(a.q.Write, a.write.Partition, a.q.Claims, a.runs, a.began.Sub(start), took)
}

// count feeds the business metrics that look at this write.
func (e *Engine) count(a *attempt) {
	for _, m := range e.metrics[a.q.Write] {
		scope := a.scope
		scope.Steps = a.steps
		value := 1.0
		if m.Sum != nil {
			v, err := m.Sum.Eval(&scope)
			if err != nil || v.IsNull() {
				continue
			}
			value = v.Float()
		}
		labels := make([]model.Value, len(m.By))
		for i, by := range m.By {
			labels[i] = by.Literal
			if by.Expr != nil {
				labels[i], _ = by.Expr.Eval(&scope) // no value: the label is empty
			}
		}
		e.recorder.Metric(m, labels, value)
	}
}

// keyHash identifies an idempotency key within its partition: who sent it, and the key.
func keyHash(q *WriteRequest) [32]byte {
	b := make([]byte, 0, 128)
	if q.Claims != nil {
		b = append(b, q.Claims.Key...)
	}
	b = append(b, 0)
	b = append(b, q.IdempotencyKey...)
	return sha256.Sum256(b)
}

// fingerprint tells one payload from another: write, If-Match and body.
func fingerprint(q *WriteRequest) [32]byte {
	b := make([]byte, 0, 64+len(q.Body))
	for _, part := range []string{q.Write.Name, q.IfMatch} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	b = append(b, q.Body...)
	return sha256.Sum256(b)
}

// flightKey names an idempotent write that is under way on this node.
type flightKey struct {
	family    *model.Family
	partition model.Value
	hash      [32]byte
}

func (a *attempt) flight() flightKey {
	return flightKey{a.write.Partition.Family, a.write.Partition.Value, a.write.Key.Hash}
}

// claim takes the idempotency key for this node; false while another request holds it.
func (e *Engine) claim(a *attempt) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.inFlight[a.flight()]; taken {
		return false
	}
	e.inFlight[a.flight()] = struct{}{}
	return true
}

func (e *Engine) release(a *attempt) {
	if a.write.Key == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.inFlight, a.flight())
}
