// Package cache is the versioned cache of answers (PROTOCOL rules 4–9 and 11): a copy is good while
// no later version of its partition touched what it shows.
package cache

import (
	"context"
	"time"

	"github.com/partita-dev/partita/model"
)

// Outcome tells how an answer came about.
type Outcome uint8

// The outcomes, counted apart.
const (
	Bypass    Outcome = iota // the read has fresh 0: loaded, the cache was not asked
	Hit                      // from the cache, current and within fresh
	Miss                     // loaded by this request
	Joined                   // loaded by another request that this one waited for
	Refreshed                // a hit that also started an early refresh in the background
	Stale                    // beyond fresh or marked, within stale, because loading failed
)

// Answer is one finished answer. It is shared: nobody changes it.
type Answer struct {
	Body    []byte
	ETag    string
	Found   bool       // false: a get without a row; cached in a share of its own
	Version uint64     // of the partition when it was read
	Time    time.Time  // just before the snapshot was taken, with its monotonic reading
	Row     *model.Row // of an internal get (a rule's loaded row); nil otherwise
}

// Terms say what a reader accepts.
type Terms struct {
	Fresh time.Duration // 0: never from the cache while the store answers
	Stale time.Duration // total age accepted when loading fails; 0: never
	Min   uint64        // Partita-Min-Version; 0: none
}

// Loader loads an answer from the store. Load may run in another goroutine and after the request
// that started it has ended; it gets a context with a deadline.
type Loader interface {
	Load(ctx context.Context) (*Answer, error)
}

// Message tells that a commit changed a partition.
type Message struct {
	Partition string
	Version   uint64
	Tags      []model.Tag
	All       bool // the change cannot be interpreted: it may have touched anything
}

// Config says how large the cache may be. The zero value of each field takes its default.
type Config struct {
	Bytes         int64   // bound of the tier, default 64 MiB; estimates include the cache's own structures
	NotFoundShare float64 // share of Bytes that "not found" may use, default 0.1
	// LoadTimeout bounds one load from the store. Default 10 s.
	LoadTimeout time.Duration
}

/*
The face that internal/engine uses, to be kept as it is:

	func New(Config) *Cache
	func (c *Cache) Lookup(partition, answer []byte, t Terms) (a *Answer, o Outcome, ok bool)
	    the hot path: no allocation; o is Hit, or Refreshed when this caller was chosen to refresh early
	    (it then starts Refresh in a goroutine). Never true for Fresh 0.
	func (c *Cache) Load(ctx context.Context, partition, answer string, tag model.Tag, t Terms, l Loader) (*Answer, Outcome, error)
	    joins or starts a flight; on a transient failure serves stale by t. Fresh 0 too.
	func (c *Cache) Refresh(partition, answer string, tag model.Tag, l Loader)
	    loads in the background, at most one at a time per answer.
	func (c *Cache) Apply(m Message)
	func (c *Cache) Expire()          clears everything: a clock jump, another incarnation
	func (c *Cache) Stats() Stats
	func (c *Cache) Close()
*/

// Cache is one node's first tier. Make one with New. It is safe for concurrent use.
type Cache struct{}
