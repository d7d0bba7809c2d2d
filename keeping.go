package partita

import (
	"context"
	"fmt"
	"io"

	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/keep"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store"
)

// keeping makes what the admin address can be asked of the data as a whole. raw is the store itself,
// without what guards it; tier may be nil.
func (n *node) keeping(raw store.Store, books *work.Books, tier *redis.Tier) (k dashboard.Keeping) {
	if n.bus != nil && n.bus.Embedded() {
		k.Accepted = func(ctx context.Context, w io.Writer) error { return keep.WriteCommands(ctx, w, n.bus) }
	}
	forgets, ok := raw.(store.Eraser)
	if !ok {
		return k
	}
	e := &keep.Eraser{Store: n.store, Keeps: forgets, Books: books, Node: n.name, Logger: n.logger}
	if n.bus != nil && len(asyncWrites(n.model)) > 0 {
		e.Before = n.bus.Before
	}
	if tier != nil {
		e.Clear = func(ctx context.Context) (int, error) {
			gone, err := tier.Clear(ctx, fmt.Sprintf("partita:%s:%s:", n.model.Service, n.store.Info().Incarnation))
			if err != nil {
				err = fault.Wrap(fault.Unavailable, err, "The shared cache cannot be emptied; the rest is erased. Order it again when the shared cache answers.")
			}
			return gone, err
		}
	}
	one := make(chan struct{}, 1) // at a time
	k.Erase = func(ctx context.Context, text string, tell func(keep.Step)) (*keep.Certificate, error) {
		p, err := keep.ParsePartition(n.model, text)
		if err != nil {
			return nil, err
		}
		select {
		case one <- struct{}{}:
			defer func() { <-one }()
		default:
			return nil, fault.New(fault.Overloaded, "This node is erasing a partition already. Order it again when that is done.")
		}
		return e.Erase(ctx, p, tell)
	}
	return k
}
