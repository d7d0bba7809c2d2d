// Package store is the contract that every store of Partita keeps: writes as transactions in one
// partition, committed in groups, each with its own outcome; reads that give rows and version from
// one snapshot; a change log without gaps. Package storetest states it as tests.
package store

import (
	"context"
	"time"

	"github.com/partita-dev/partita/model"
)

// Store holds the rows, heads, changes and outcomes of one model. It is safe for concurrent use.
//
// Errors are *fault.Error. Unavailable: not done, and sure of it. Deadline: see Write.Unknown.
type Store interface {
	// Read answers one query, and those in Also, from one snapshot.
	Read(ctx context.Context, p Partition, q *Query) (*Result, error)

	// Commit carries out writes, together with what others have submitted, and returns when each
	// has its Result. A write whose ctx ends while it still waits in the queue is taken out and fails
	// with fault.Deadline; with one under way Commit returns early only where Write.Leave allows it.
	Commit(ctx context.Context, ws ...*Write)

	// Head gives the version of a partition; 0 for one that was never written.
	Head(ctx context.Context, p Partition) (uint64, error)

	// Outcome gives what is kept under the hash of a key in a partition, by the latest commit; nil for
	// none, as for a write that is still under way.
	Outcome(ctx context.Context, p Partition, hash [32]byte) (*Outcome, error)

	// Changes gives the changes of a partition with versions above after, in order, at most limit.
	// If the first of them was pruned already, the error has code fault.NotFound.
	Changes(ctx context.Context, p Partition, after uint64, limit int) ([]*Change, error)

	// Partitions lists partitions of a family in the order of their values, above after (null:
	// from the start), at most limit. For sweeps and exports: it may be slow, and is not isolated.
	Partitions(ctx context.Context, f *model.Family, after model.Value, limit int) ([]model.Value, error)

	// Scan lists all rows of an entity over all partitions in the order of partition and key, above
	// after (partition value, then key; nil: from the start), at most limit. For exports.
	Scan(ctx context.Context, e *model.Entity, after []model.Value, limit int) ([]*model.Row, error)

	// Prune deletes, in one partition, changes and outcomes that are older than the retention
	// allows, and says how many. The newest change always stays.
	Prune(ctx context.Context, p Partition, changesBefore, outcomesBefore time.Time) (int, error)

	// Lagging lists partitions of a followed family, in the buckets from first to last, whose changes
	// were not all relayed yet, at most limit. It is the one query across partitions.
	Lagging(ctx context.Context, f *model.Family, first, last, limit int) ([]Lag, error)

	// Relayed notes how far the consumers of the change log are. It raises Relayed of a partition,
	// never lowers it, and takes no version.
	Relayed(ctx context.Context, lags ...Lag) error

	// PartitionsIn lists partitions of a bucket in the order of their values, above after (null: from
	// the start), at most limit.
	PartitionsIn(ctx context.Context, f *model.Family, bucket int, after model.Value, limit int) ([]model.Value, error)

	// Lease takes or renews leases by name, for one holder among the nodes that share the store, and
	// gives those that it holds now. A lease that is not renewed within ttl, by the store's clock, is
	// free. An embedded store has one node, which holds whatever it asks for.
	Lease(ctx context.Context, holder string, ttl time.Duration, names ...string) ([]string, error)

	// Unlease gives leases back before their time.
	Unlease(ctx context.Context, holder string, names ...string) error

	// Info tells what this store is. It does not change while the store is open.
	Info() Info

	// Stats gives figures for people: sizes, queues, pools.
	Stats(ctx context.Context) (Stats, error)

	// Broken is closed when the store must not be used any more, as after a failed fsync; Cause
	// then says why. The node stops.
	Broken() <-chan struct{}
	Cause() error

	// Close finishes what is under way and gives everything back. It may be called twice.
	Close() error
}

// Info tells what a store is.
type Info struct {
	Kind        string // "sqlite", "postgres"
	Version     string // of the engine
	Incarnation string // new at creation, restore and promotion
	Secret      []byte // 32 random bytes made with the incarnation: signs cursors; never shown
	Place       string // for people, without secrets
	Remote      bool   // each look-up is a round trip, so that Write.Needs are worth giving
}

// Stats are figures of a store for people and metrics.
type Stats struct {
	Bytes        int64 // on disk
	QueueLength  int   // writes that wait for a group
	QueueBound   int
	Groups       uint64 // groups committed since open
	GroupWrites  uint64 // writes in them
	Readers      int    // connections for reads
	ReadersInUse int
}

// Partition names one partition.
type Partition struct {
	Family *model.Family
	Value  model.Value // canonical, never null
}

// Query is one read of a partition.
type Query struct {
	Read     *model.Read
	Args     *model.Args   // by Read.Params
	From, To model.Value   // bounds of Read.Range, half-open; null: none
	Cursor   []model.Value // values of Read.Sort of the row to go on from, exclusive; nil: from the start
	Back     bool          // the page before Cursor instead of the page after it
	Now      time.Time     // rows whose Keep is over by then are not shown
	Also     []*Query      // gets in the same partition and snapshot; their own Also is ignored
}

// Result is the answer to a query.
type Result struct {
	Version uint64       // of the partition, in the same snapshot
	Rows    []*model.Row // in the order of Read.Sort, Back or not
	More    bool         // there are more rows in the direction of the query
	Also    []*model.Row // by Query.Also; nil where there is no row
}

// Lag tells how far the consumers of a partition's change log are behind.
type Lag struct {
	Partition Partition
	Version   uint64 // of the partition
	Relayed   uint64 // every change up to it was taken care of
}

// Write is one write on its way. The caller fills the first part and does not touch it until
// Commit has returned.
type Write struct {
	Partition Partition
	ID        [16]byte  // the internal id, unique
	Name      string    // of the write, for the change
	Revision  string    // of the model
	Now       time.Time // `now`, fixed once
	Key       *Key      // nil: not idempotent
	Needs     []Need    // what Check and Apply will look at: a hint, so that one round trip fetches it
	Alone     bool      // runs user code: never in a group

	// Leave lets Commit return when ctx ends, although this write is under way. Left is then set on it
	// and on all that were given to the same Commit: what came of them is not known, and the caller must
	// not look at anything else of them, nor change it. All writes of a Commit have the same Leave.
	Leave bool
	Left  bool

	// After is a write of the same partition that was given to the same Commit, or to an earlier one,
	// and whose effect this one follows: where it failed in a way that may pass, this one fails with
	// fault.Unavailable and does nothing. nil: none.
	After *Write

	// Check is run first, before a stored outcome is replayed: the rule. nil: nothing to check.
	Check func(tx Tx) error
	// Apply does the work and returns the outcome to be kept under Key. It may run more than once;
	// the last run counts, so it must not touch anything but tx and what it returns. An error
	// undoes everything it did. A write that changes no row and emits nothing takes no version.
	Apply func(tx Tx) (outcome []byte, err error)
	// Refuse turns a deterministic error of Apply into an outcome to be kept under Key, so that a
	// repeat gets the same answer. nil: refusals are not kept.
	Refuse func(err error) []byte

	Result WriteResult
}

// WriteResult is what came of a write. Exactly one of Err and a usable Outcome is given, but for
// a replayed refusal, whose Outcome tells it.
type WriteResult struct {
	Err      error
	Unknown  bool    // with Err: it may have been committed all the same
	Version  uint64  // of the partition after the write; for a replay that of the first time
	Change   *Change // nil for a replay, an error, or a write that changed nothing
	Outcome  []byte
	Replayed bool
}

// Key identifies repeats of one request within a partition.
type Key struct {
	Hash        [32]byte  // of principal and Idempotency-Key
	Fingerprint [32]byte  // of write, body and If-Match: another one means fault.KeyReused
	Made        time.Time // from when on the outcome's age counts; zero: the write's Now
}

// Need is a row that a write will look at, or a number that it will take.
type Need struct {
	Entity *model.Entity
	Key    []model.Value // without the partition
	Next   *model.Field  // set instead of Key: the field that takes the next number
}

// Tx is what a write sees and does inside its partition's transaction. It sees its own effects. It
// is not safe for concurrent use and not valid after Apply returns.
type Tx interface {
	// Version is the version that this write will take.
	Version() uint64
	// Get returns the row of that key, nil if there is none. Rows whose Keep is over at the write's Now
	// are not seen, here and in List; a row that is added takes the place of one, which then expires.
	Get(e *model.Entity, key []model.Value) (*model.Row, error)
	// List returns rows in key order that equal all conditions (one value each), at most limit.
	List(e *model.Entity, equal []model.Cond, limit int) ([]*model.Row, error)
	// Expired returns rows of an entity whose Keep was over at now, at most limit.
	Expired(e *model.Entity, now time.Time, limit int) ([]*model.Row, error)
	// Insert adds a row; values are by Field.Pos, complete and checked. fault.Exists where the key
	// is taken, fault.NotUnique where a unique value is.
	Insert(e *model.Entity, values []model.Value) (*model.Row, error)
	// InsertNew is Insert for a key that the store cannot have yet, since a part of it was made anew
	// in this very write. It spares the look for it.
	InsertNew(e *model.Entity, values []model.Value) (*model.Row, error)
	// Update replaces the values of a row that Get or List returned; partition and key stay.
	Update(e *model.Entity, before *model.Row, values []model.Value) (*model.Row, error)
	// Delete removes a row that Get or List returned.
	Delete(e *model.Entity, row *model.Row, expired bool) error
	// Next takes the next number of a field with `default: next`. Numbers have no gaps and are
	// never used twice, even when the row is deleted.
	Next(e *model.Entity, f *model.Field) (int64, error)
	// Reserve makes sure that Next gives only numbers above n: for rows that bring theirs along.
	Reserve(e *model.Entity, f *model.Field, n int64) error
	// Emit adds an event to the change.
	Emit(ev Event)
}

// Change is what one commit did.
type Change struct {
	Partition Partition
	Version   uint64
	ID        [16]byte
	Write     string
	Revision  string // of the model that wrote it
	Time      time.Time
	Rows      []model.RowChange
	Events    []Event
	// Foreign is set on a change that was read back and cannot be interpreted with this model:
	// Rows is then incomplete, and whoever follows changes must assume that anything changed.
	Foreign bool
	// Lacks names, by place in Rows, the fields of this model that the change says nothing of, since a
	// node with another model wrote it: in Before and After they have their defaults. Complete fills
	// them in. nil: there are none. Of an insert the defaults are right.
	Lacks map[int][]*model.Field
}

// Event is one emitted event.
type Event struct {
	Name string
	Data []byte // a JSON object
}

// Options are what every adapter takes. The zero value of each field is usable.
type Options struct {
	// OnChange is called for every change of this node's own commits, after they are durable and
	// before Commit returns, in the order of versions within a partition. It must be quick.
	OnChange func(*Change)
	// OnDoubt is called, before anything else of the partition is committed by this node, for a commit
	// that was sent and not answered: it may take the partition to this version, now or a little later.
	// OnSettled tells what came of it, after OnChange where it took place. Both must be quick. A store
	// that always knows calls neither.
	OnDoubt   func(p Partition, version uint64)
	OnSettled func(p Partition, version uint64, committed bool)
	// Follow tells whether the changes of a family are relayed to consumers. Families that are not
	// never lag. Default: none is.
	Follow func(*model.Family) bool
	// Queue bounds the writes that wait; more are refused with fault.Overloaded. Default 4096.
	Queue int
	// Group bounds the writes of one group. Default 256.
	Group int
	// Disk is asked before each operation on a file of an embedded store, "read", "write" or "sync", and
	// its error is what comes of the operation: for failure drills. nil: nobody is asked.
	Disk func(operation string) error
	// Readers is the number of connections for reads. Default: twice the CPUs, at least 4.
	Readers int
}

// Unfollowed stands as relayed in the heads of families that nobody follows: no version is above it.
const Unfollowed = 1<<63 - 1

// Start gives what a new head of the family has as relayed.
func (o *Options) Start(f *model.Family) int64 {
	if o.Follows(f) {
		return 0
	}
	return Unfollowed
}

// Follows tells whether the family is followed.
func (o *Options) Follows(f *model.Family) bool { return o.Follow != nil && o.Follow(f) }
