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
func (n *node) accepting(m *model.Model, paths *engine.Engine, books *work.Books) (*accept.Acceptor, error) {
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
		Logger: n.logger, Stopping: n.stopping})
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

// relaying begins to work on what follows commits, and on accepted writes, for the shards whose lease
// this node has. accepts may be nil.
func (n *node) relaying(ctx context.Context, books *work.Books, consumers []relay.Consumer, accepts *accept.Acceptor) {
	if len(consumers) == 0 && accepts == nil {
		return
	}
	c := relay.Config{Books: books, Store: n.store, Node: n.name, Consumers: consumers, Logger: n.logger}
	if accepts != nil {
		c.Hold = func(ctx context.Context, s relay.Shard) { accepts.Carry(ctx, s.Index) }
	}
	r := relay.New(c)
	n.listen(r.Changed)
	n.work.Go(func() { r.Run(ctx) })
}

// watchBus says how the bus is, until ctx ends.
func (n *node) watchBus(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		s := n.bus.State()
		switch {
		case !s.Connected:
			n.recorder.Health().Set("bus", observe.Degraded, "it cannot be reached: "+s.Cause)
		case !s.Taking:
			n.recorder.Health().Set("bus", observe.Degraded, "it takes nothing: "+s.Cause)
		default:
			n.recorder.Health().Set("bus", observe.OK, "")
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}
