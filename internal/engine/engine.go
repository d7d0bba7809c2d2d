// Package engine is the path of a read and the path of a write: rules, cache, store, and what comes
// back, without any HTTP. internal/httpapi, the importer and the library stand on it.
package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Config is what an Engine is made of. Model, Store and Cache are required.
type Config struct {
	Model    *model.Model
	Store    store.Store
	Cache    *cache.Cache
	Recorder Recorder           // default: none
	Logger   *slog.Logger       // default: slog.Default()
	Handlers map[string]Handler // by name of a `code: true` write; each such write needs one
	Now      func() time.Time   // default time.Now
	Timeout  time.Duration      // of a write in all, its time in the queue included; default 10 s
	// AsOf gives a point in time before which every change of its sources is in a view. It is asked
	// for each load of a view's answer; its error is the answer's. Default: views are as of now.
	AsOf func(ctx context.Context, view *model.View) (time.Time, error)
	// Sources gives, as version tokens, what a view's partition took in last as of a version; "" for
	// nothing that is known. With asks, the store may be asked. Default: nothing is known.
	Sources func(ctx context.Context, view *model.View, partition model.Value, version uint64, asks bool) string
	// Reads and Writes stand before the store: what needs it waits there, or is refused. Default: none.
	Reads, Writes *admit.Gate
	// Limits are the model's quotas. Default: none is kept.
	Limits *quota.Limits
	// Study watches what would help. Default: nothing does.
	Study *study.Study
}

// Handler is the Go function of a `code: true` write. It runs inside the partition's transaction,
// possibly more than once, under the request's deadline. What it returns is the answer's JSON
// object, nil for none.
type Handler func(ctx context.Context, tx store.Tx, in *Input) ([]byte, error)

// Input is what a handler is given.
type Input struct {
	Partition model.Value
	Args      *model.Args // by Write.Inputs
	Claims    *model.Claims
	Now       time.Time

	seed *[32]byte // of an accepted write
	made uint32    // values that Default has made
}

// Recorder takes measurements. Its methods are called on the hot path: they must not block.
// It is safe for concurrent use.
type Recorder interface {
	Read(r *model.Read, s ReadSample)
	Write(w *model.Write, s WriteSample)
	// Metric is called once for each commit that a business metric counts.
	Metric(m *model.Metric, labels []model.Value, value float64)
}

// ReadSample is one finished read.
type ReadSample struct {
	Code    fault.Code // "" for an answer; NotFound is an answer too, but counted by its code
	Outcome cache.Outcome
	Total   time.Duration // from the request's arrival to the answer
	Store   time.Duration // waiting for the store; 0 for a hit
	Age     time.Duration // of the answer; 0 where it was just loaded
}

// WriteSample is one finished write.
type WriteSample struct {
	Code     fault.Code
	Replayed bool
	Total    time.Duration
	Store    time.Duration // from handing it to the store to its outcome: queue, group and fsync
}

// ReadRequest is one read. It is not changed by the engine, and must not be changed or reused by
// the caller afterwards, unless the result is Spare.
type ReadRequest struct {
	Read          *model.Read
	Args          *model.Args // by Read.Params; the partition is Args.Values[0]
	From, To      model.Value // of Read.Range
	After, Before string      // cursors as the caller gave them; at most one
	Claims        *model.Claims
	Min           string // Partita-Min-Version as given; "" for none
}

// ReadResult is the answer to a read.
type ReadResult struct {
	*cache.Answer // Found false: the row is not there (a get only)
	Outcome       cache.Outcome
	Age           time.Duration
	Store         time.Duration
	Sources       string // of a view: what it took in last, as version tokens; "" where it is not known
	Spare         bool   // nobody kept the request or its arguments: the caller may use them again

	// Quotas are those that the read counts in; nil for an answer from the cache.
	Quotas []quota.State
}

// WriteRequest is one write.
type WriteRequest struct {
	Write          *model.Write
	Args           *model.Args // by Write.Inputs; the partition is Args.Values[0]
	Body           []byte      // as received: part of the fingerprint of an idempotency key
	Claims         *model.Claims
	IdempotencyKey string
	IfMatch        string
	Accepted       *Accepted // nil: the write is carried out as it comes
	// Operator: it comes from somebody who runs the service and stands above the rules of the model,
	// so these are not asked. Everything else holds. Claims are what `auth` is all the same.
	Operator bool
}

// WriteKind tells what a committed write was, for the answer's status.
type WriteKind uint8

// The kinds of committed writes.
const (
	Changed WriteKind = iota // 200
	Created                  // 201, with Location
	Deleted                  // 204, no body
)

// WriteResult is the outcome of a write that was carried out.
type WriteResult struct {
	Kind     WriteKind
	Body     []byte // nil for Deleted
	Location string // path of the get that shows the new row, such as /v1/order/…; "" where there is none
	ETag     string // of the first step's row; "" where there is none
	Version  uint64 // also of one that what the rows say does not allow; 0 where that was not asked
	Replayed bool
	Store    time.Duration
	Quotas   []quota.State // of the limits that the write counts in
}
