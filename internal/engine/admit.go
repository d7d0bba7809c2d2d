package engine

import (
	"context"

	"github.com/partita-dev/partita/internal/admit"
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
