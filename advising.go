package partita

import (
	"context"

	"github.com/partita-dev/partita/internal/advise"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/store"
)

// advising gives what makes advice on the model from the figures of all nodes.
func (n *node) advising(a *App) func(context.Context, observe.Snapshot) *advise.Report {
	return func(ctx context.Context, now observe.Snapshot) *advise.Report {
		f := advise.Figures{Now: now, Model: a.model, File: a.config.modelName(), Text: a.source}
		failed := false
		if s, ok := n.store.(store.Indexed); ok {
			var err error
			if f.Indexes, err = s.Indexes(ctx); err != nil {
				failed = true
				n.logger.Warn("the store does not tell how often its indexes are used: " + err.Error())
			}
		}
		r := advise.Make(f)
		if failed {
			r.Notes = append(r.Notes, "the store did not tell how often its indexes were used; the log says why")
		}
		if n.deaf() {
			r.Notes = append(r.Notes, "no bus tells this node of what others commit, so changes are those of its own commits only: answers look more stable than they are")
		}
		return r
	}
}

// deaf tells whether other nodes may change the store without this one hearing of it.
func (n *node) deaf() bool { return n.store.Info().Remote && n.bus == nil }
