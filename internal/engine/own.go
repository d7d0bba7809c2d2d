package engine

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Own prepares a write of the service itself: one that follows an event. Rules do not apply to it,
// since no caller is behind it; guards, bounds and business metrics do. Under its key it takes effect
// once, however often it is committed, and a deterministic refusal is kept as its outcome too.
//
// The caller commits the write, alone or with others, and then asks finish what came of it. ctx
// bounds the Go function of a `code: true` write.
func (e *Engine) Own(ctx context.Context, w *model.Write, args *model.Args, key [32]byte, now time.Time) (*store.Write, func() (WriteResult, error)) {
	q := &WriteRequest{Write: w, Args: args}
	a := &attempt{e: e, ctx: ctx, q: q, scope: model.Scope{Now: now, Args: args}}
	a.write = store.Write{
		Partition: store.Partition{Family: w.Family, Value: args.Values[0]},
		ID:        uuid.Must(uuid.NewV7()),
		Name:      w.Name,
		Revision:  e.model.Revision,
		Now:       now,
		// The key alone decides: what the write was given may have been read from rows that
		// changed between two tries, and is a repeat all the same.
		Key:    &store.Key{Hash: key, Fingerprint: sha256.Sum256(key[:])},
		Alone:  w.Code,
		Apply:  a.apply,
		Refuse: encodeRefusal,
	}
	if e.remote {
		a.write.Needs = a.needs()
	}
	return &a.write, func() (WriteResult, error) { return e.finish(a) }
}
