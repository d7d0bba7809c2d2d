package engine

import (
	"context"

	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/model"
)

// admit takes writes through the gate before the store, those of one priority together, and gives
// those that may go on. The errors of the others are set.
func (e *Engine) admit(ctx context.Context, pending []*attempt, errs []error) ([]*attempt, []admit.Pass) {
	if e.writes == nil {
		return pending, nil
	}
	if len(pending) == 1 {
		a := pending[0]
		pass, err := e.writes.Enter(ctx, admit.Ask{Priority: a.q.Write.Priority, Partition: a.write.Partition})
		if err != nil {
			errs[a.index] = err
			e.release(a)
			return nil, nil
		}
		return pending, []admit.Pass{pass}
	}
	var passes []admit.Pass
	in := pending[:0:0]
	var refusals [model.Critical + 1]error
	for p := model.Critical; ; p-- {
		ask := admit.Ask{Priority: p}
		for _, a := range pending {
			if a.q.Write.Priority == p {
				ask.Partition = a.write.Partition // of a batch over many, any of them stands for all
				ask.Weight++
			}
		}
		if ask.Weight > 0 {
			pass, err := e.writes.Enter(ctx, ask)
			if refusals[p] = err; err == nil {
				passes = append(passes, pass)
			}
		}
		if p == model.Bulk {
			break
		}
	}
	for _, a := range pending {
		if err := refusals[a.q.Write.Priority]; err != nil {
			errs[a.index] = err
			e.release(a)
			continue
		}
		in = append(in, a)
	}
	return in, passes
}

func leave(passes []admit.Pass) {
	for i := range passes {
		passes[i].Leave()
	}
}

// countRead counts a read that the cache did not answer in the quotas of its pattern.
func (e *Engine) countRead(q *ReadRequest) ([]quota.State, error) {
	if !e.limits.Counts(q.Read, nil) {
		return nil, nil
	}
	return e.limits.Read(q.Read, &model.Scope{Now: e.now(), Auth: q.Claims, Args: q.Args})
}

// countWrite counts a write in the quotas of its pattern. One that was accepted has been counted then.
func (e *Engine) countWrite(q *WriteRequest) ([]quota.State, error) {
	if q.Accepted != nil || !e.limits.Counts(nil, q.Write) {
		return nil, nil
	}
	return e.limits.Write(q.Write, &model.Scope{Now: e.clock(), Auth: q.Claims, Args: q.Args})
}
