package partita

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
)

// accepting makes what takes writes to be carried out later; nil where the model has none, or where
// there is no bus to put them on.
func (n *node) accepting(c *Config, m *model.Model, paths *engine.Engine, books *work.Books) (*accept.Acceptor, error) {
	names := asyncWrites(m)
	switch {
	case len(names) == 0:
		return nil, nil
	case n.bus == nil:
		n.logger.Warn("the store is shared and there is no message bus, so no write is accepted for later; " +
			"these are carried out at once: " + strings.Join(names, ", ") + "; give the bus with --bus (Config.Bus)")
		return nil, nil
	}
	a, err := accept.New(accept.Config{Engine: paths, Store: n.store, Bus: n.bus, Books: books, Recorder: n.recorder,
		Logger: n.logger, Bound: c.BacklogBytes, Timeout: c.RequestTimeout, Stopping: n.stopping})
	if err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	n.listen(a.Changed)
	n.recorder.Accepts(a.Stats)
	return a, nil
}

func asyncWrites(m *model.Model) (names []string) {
	for _, w := range m.Writes {
		if w.Async != model.Sync {
			names = append(names, w.Name)
		}
	}
	return names
}

// viewing makes what keeps the model's views; nil where it has none.
func (n *node) viewing(ctx context.Context, books *work.Books) (*relay.Views, error) {
	v := relay.NewViews(relay.ViewsConfig{Books: books, Store: n.store, Logger: n.logger})
	if err := v.Prepare(ctx); err != nil { // without views too: it forgets those that are gone
		return nil, fmt.Errorf("partita: the views cannot be prepared: %w", err)
	}
	if len(books.Store.Views) == 0 {
		return nil, nil
	}
	return v, nil
}

// asOf tells up to when the changes of its sources are in a view.
func (n *node) asOf(ctx context.Context, view *model.View) (time.Time, error) {
	return n.views.AsOf(ctx, n.relay, view)
}

// sources names what a view took in last, as version tokens.
func (n *node) sources(ctx context.Context, view *model.View, partition model.Value, version uint64, asks bool) string {
	list, err := n.views.Sources(ctx, view, partition, version, asks)
	if err != nil {
		return "" // the answer is good without
	}
	tokens := make([]string, len(list))
	for i, s := range list {
		tokens[i] = n.paths.VersionToken(s.Partition.Family, s.Partition.Value, s.Version)
	}
	return strings.Join(tokens, ", ")
}

// awaitViews waits for a moment until it is known how old the views are, where other nodes can answer
// meanwhile: before that, reads of views are refused here.
func (n *node) awaitViews(ctx context.Context) {
	const patience = 3 * time.Second
	if n.views == nil || n.relay == nil || !n.store.Info().Remote {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n.relay.Known(ctx)
}

// viewFigures tells how the views are.
func (n *node) viewFigures(ctx context.Context) []observe.ViewFigures {
	var out []observe.ViewFigures
	for _, s := range n.views.Status(ctx, n.relay) {
		out = append(out, observe.ViewFigures{Name: s.View, From: s.From, State: s.State, Built: s.Built, Lag: s.Lag})
	}
	return out
}

// relaying begins to work on what follows commits, and on accepted writes, for the shards whose lease
// this node has. accepts may be nil.
func (n *node) relaying(ctx context.Context, books *work.Books, consumers []relay.Consumer, accepts *accept.Acceptor) {
	if len(consumers) == 0 && accepts == nil && n.views == nil {
		return
	}
	c := relay.Config{Books: books, Store: n.store, Node: n.name, Consumers: consumers, Logger: n.logger, Excess: n.excess, Later: n.later}
	if accepts != nil {
		c.Hold = func(ctx context.Context, s relay.Shard) { accepts.Carry(ctx, s.Index) }
	}
	if n.views != nil {
		c.Consumers = append([]relay.Consumer{n.views}, c.Consumers...)
		c.Yield = n.views.Superseded
	}
	n.relay = relay.New(c)
	n.remembers.Store(n.relay)
	n.listen(n.relay.Changed)
	n.work.Go(func() { n.relay.Run(ctx) })
	n.work.Go(func() { n.watchRelay(ctx) })
	if accepts != nil {
		n.work.Go(func() { n.watchAccepts(ctx, accepts) })
	}
	if n.views != nil {
		n.recorder.Views(n.viewFigures)
	}
}
