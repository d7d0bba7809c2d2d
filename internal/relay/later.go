package relay

import (
	"context"
	"errors"
	"fmt"
)

// laterModel says that a change was written by a node whose model has more than this node's.
type laterModel struct {
	version  uint64
	revision string
}

func (e *laterModel) Error() string {
	return fmt.Sprintf("version %d was written by a node with another model (revision %s), which has more than this one knows: serve that model, or a later one: %v",
		e.version, e.revision, ErrStop)
}

// Unwrap gives ErrStop.
func (e *laterModel) Unwrap() error { return ErrStop }

// leaves tells whether this node leaves all shards to nodes with a later model, of which it has met a
// change that it cannot interpret. As long as such a node is there, that one gets on and this one does
// not.
func (r *Relay) leaves() bool {
	later := r.later.Load()
	return later != nil && r.config.Later != nil && r.config.Later(*later)
}

// matters leaves out an error that is over when this node has left its shards to a later model.
func (r *Relay) matters(err error) error {
	if _, ok := errors.AsType[*laterModel](err); ok && r.leaves() {
		return nil
	}
	return err
}

// leave gives up all shards.
func (r *Relay) leave(ctx context.Context) {
	r.hold(nil, r.started)
	r.giveBack(ctx, leaseNames())
}

// meets notes a change of a later model, and tells whether it is left to a node of that model.
func (r *Relay) meets(e *laterModel) (left bool) {
	before := r.later.Swap(&e.revision)
	if !r.leaves() {
		return false
	}
	if before == nil || *before != e.revision {
		r.config.Logger.Info("there are changes of a later model, which nodes that have it follow from now on; this node leaves what follows commits to them", "revision", e.revision)
	}
	return true
}
