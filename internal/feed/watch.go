package feed

import (
	"context"
	"time"

	"github.com/partita-dev/partita/store"
)

// Watch finds changes in followed partitions that nobody told of: messages between nodes get lost, and
// a node may die between its commit and its word of it. It asks the store for the heads of the
// partitions that are followed, each once in a second while there are few of them.
type Watch struct {
	Hub  *Hub
	Head func(ctx context.Context, p store.Partition) (uint64, error)
	// Deaf tells whether messages of other nodes do not come in now.
	Deaf func() bool
	// Pace is how many heads are asked for in a second; default 50. While Deaf, and for a while
	// afterwards, Hurry; default 500.
	Pace, Hurry int
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	pace, hurry := w.Pace, w.Hurry
	if pace <= 0 {
		pace = 50
	}
	if hurry <= 0 {
		hurry = 500
	}
	var left []store.Partition // of a walk over all
	var quick int              // walks that are still quick
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if w.Deaf() {
			quick = 2 // the one under way has passed some by
		}
		if len(left) == 0 {
			left = w.Hub.partitions()
			quick = max(quick-1, 0)
		}
		most := pace
		if quick > 0 {
			most = hurry
		}
		for range min(most, len(left)) {
			if w.ask(ctx, left[0]) != nil {
				break // the store has other worries
			}
			left = left[1:]
		}
	}
}

func (w *Watch) ask(ctx context.Context, p store.Partition) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	version, err := w.Head(ctx, p)
	if err == nil {
		w.Hub.Reached(p, version)
	}
	return err
}
