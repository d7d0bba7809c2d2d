// Package cache is the versioned cache of answers, a tier in the memory of one node: a copy is good while
// no later version of its partition touched what it shows. Behind it there may be a second Tier, which
// the nodes share: package redis is one.
//
// Package internal/rules is its executable model, which shows what each rule is there for; the tests
// hold the cache against the same promises. docs/decisions/0003-cache-structure.md says why it is
// built as it is.
package cache

import (
	"context"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

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
	Shared                   // from the second tier, asked by this request
)

// Answer is one finished answer. It is shared: nobody changes it.
type Answer struct {
	Body    []byte
	ETag    string
	Found   bool       // false: a get without a row; cached in a share of its own
	Version uint64     // of the partition when it was read
	Time    time.Time  // just before the snapshot was taken, with its monotonic reading
	Row     *model.Row // of an internal get (a rule's loaded row); nil otherwise
	Visit   Visit      // what came of asking the second tier when it was loaded
}

// Pack sets Body and ETag to copies of both, in one piece of memory without spare room. It is meant for
// who makes the answer.
func (a *Answer) Pack(body []byte, tag string) {
	n := len(body)
	all := make([]byte, n+len(tag))
	copy(all, body)
	copy(all[n:], tag)
	a.Body = all[:n:n]
	if len(tag) > 0 {
		a.ETag = unsafe.String(&all[n], len(tag)) // nobody writes to all any more
	}
}

// Terms say what a reader accepts.
type Terms struct {
	Fresh time.Duration // 0: never from the cache while the store answers
	Stale time.Duration // total age accepted when loading fails; 0: never
	Min   uint64        // Partita-Min-Version; 0: none
	Joins bool          // no load is begun for the reader: what is at hand, or what others load, has to do
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
	Bytes int64 // bound of the tier, default 64 MiB; estimates include the cache's own structures
	// NotFoundShare is the share of Bytes that "not found", and answers of partitions that were never
	// written, may use. Default 0.1.
	NotFoundShare float64
	// LoadTimeout bounds one load from the store. Default 10 s.
	LoadTimeout time.Duration
	// Tier is the second tier. Default: none.
	Tier Tier
	// ClockError gives by how much the wall clock is wrong, as a failure drill has it. Default: not at
	// all.
	ClockError func() time.Duration
}

// Cache is one node's first tier. Make one with New. It is safe for concurrent use.
//
// Look-ups take no lock. Everything that changes a partition happens under the lock of its shard:
// flights, messages, evictions. Partitions are spread over shards by a hash with a seed of its own.
type Cache struct {
	seed   maphash.Seed
	shards []shard
	room   room
	counts counts
	clock  clock
	tier   Tier   // nil: none
	heard  *heard // nil without a second tier

	loadTimeout time.Duration
	base        context.Context // ends at Close; every flight's context ends with it
	stop        context.CancelFunc
	flights     sync.WaitGroup
	closed      atomic.Bool
}

// The defaults of Config.
const (
	defaultBytes         = 64 << 20
	defaultNotFoundShare = 0.1
	defaultLoadTimeout   = 10 * time.Second
)

// A shard for each MiB keeps writers apart in a large cache and the eviction exact in a small one.
const (
	bytesPerShard = 1 << 20
	maxShards     = 256
)

// New makes a cache. It runs one goroutine, which watches the clock, until Close.
func New(cfg Config) *Cache {
	if cfg.Bytes <= 0 {
		cfg.Bytes = defaultBytes
	}
	if cfg.NotFoundShare <= 0 || cfg.NotFoundShare >= 1 {
		cfg.NotFoundShare = defaultNotFoundShare
	}
	if cfg.LoadTimeout <= 0 {
		cfg.LoadTimeout = defaultLoadTimeout
	}
	c := &Cache{seed: maphash.MakeSeed(), tier: cfg.Tier, loadTimeout: cfg.LoadTimeout}
	c.base, c.stop = context.WithCancel(context.Background())
	c.room.divide(cfg.Bytes, cfg.NotFoundShare)
	n := min(max(1, int(cfg.Bytes/bytesPerShard)), maxShards)
	c.shards = make([]shard, 1<<(bits.Len(uint(n))-1))
	for i := range c.shards {
		c.shards[i].init(c)
	}
	c.clock.start(cfg.ClockError)
	if c.tier != nil {
		c.heard = newHeard(c.clock.began)
	}
	c.flights.Go(c.watchClock)
	return c
}

// Lookup answers from the cache, if it holds an answer that is current, within t.Fresh and not
// below t.Min. The outcome is Hit, or Refreshed when this caller was chosen to call Refresh, since
// the answer is popular and close to its end. It allocates nothing and keeps neither key.
func (c *Cache) Lookup(partition, answer []byte, t Terms) (*Answer, Outcome, bool) {
	if t.Fresh <= 0 {
		return nil, Bypass, false
	}
	hp := maphash.Bytes(c.seed, partition)
	h := mix(hp, maphash.Bytes(c.seed, answer))
	e := find(c.shardOf(hp).table.Load(), h, partition, answer)
	if e == nil {
		return nil, Miss, false
	}
	a, left := e.meets(t)
	if a == nil {
		return nil, Miss, false
	}
	e.touch()
	c.counts.hit(left)
	if left < t.Fresh/refreshWindow && e.popular() && e.claim(c, a) {
		return a, Refreshed, true
	}
	return a, Hit, true
}

// Apply takes in the message of one commit. When it has returned, no answer that lacks the
// change is a hit. Messages may come late, twice, or in any order.
func (c *Cache) Apply(m Message) {
	c.counts.messages.Add(1)
	hp := c.hashPartition(m.Partition)
	s := c.shardOf(hp)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.heard.note(hp)
	if rec := s.records[m.Partition]; rec != nil && rec.apply(m) {
		c.counts.floorRaises.Add(1)
	}
}

// Expire clears everything: after a clock jump, or when the store is another incarnation. Flights
// that are under way still answer those who wait for them, but leave nothing behind.
func (c *Cache) Expire() {
	c.counts.expiries.Add(1)
	for i := range c.shards {
		c.shards[i].expire()
	}
}

// Close ends the loads that are under way, and waits for them. The cache answers nothing afterwards.
// It may be called twice.
func (c *Cache) Close() {
	c.closed.Store(true)
	c.stop()
	c.Expire()
	c.flights.Wait()
}

func (c *Cache) shardOf(hp uint64) *shard { return &c.shards[hp&uint64(len(c.shards)-1)] }

// mix joins the hashes of partition and answer, so that swapping the two gives another hash.
func mix(hp, ha uint64) uint64 {
	hi, lo := bits.Mul64(hp^0x9e3779b97f4a7c15, ha|1)
	return hi ^ lo
}
