// Package bus carries what nodes tell each other and what must outlive a node before the store has
// it: hints of changes and gossip, accepted commands, events for the outside. It is NATS, embedded
// in this process or a cluster of servers, and the only package that knows so.
//
// Hints and gossip may be lost, doubled and reordered. Commands and events are durable when the call
// returns without an error, as far as JetStream keeps its word; docs/bus.md says how far.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/fault"
)

// Buckets and Shards: partitions are spread over buckets, buckets over shards. A shard is a run of
// buckets whose accepted commands have one order and one reader.
const (
	Buckets = 256
	Shards  = 16
)

// ShardOf gives the shard of a bucket from 0 to Buckets-1.
func ShardOf(bucket int) int { return bucket / (Buckets / Shards) }

// Shards share logs. In a cluster each has one of its own, so that its reader may delete what is done
// without asking other nodes. In one process a log for all makes larger groups, and so fewer syncs:
// docs/bus.md has the figures.
const embeddedLogs = 1

func (b *Bus) logOf(shard int) int { return shard / (Shards / b.logs) }

// shardsOf gives the shards of a log: those from first to below end.
func (b *Bus) shardsOf(log int) (first, end int) {
	each := Shards / b.logs
	return log * each, (log + 1) * each
}

// Config says where the bus is. Service and Node are required, and Dir or URLs.
type Config struct {
	// URLs are servers of a NATS cluster, such as "nats://user:password@10.0.0.1:4222"; tls:// too.
	// None: the bus is embedded in this process, and no other can reach it.
	URLs []string
	// Dir is where the embedded bus keeps its files. Only one process may use it at a time.
	Dir string
	// Service is the name under which nodes find each other: letters, digits, '_' and '-'.
	Service string
	// Node names this node to people who look at the cluster's connections.
	Node string
	// Replicas is how many servers of a cluster keep each command and event. Default: 3; where the
	// cluster has fewer servers than that, 1, with a warning. Ignored by the embedded bus.
	Replicas int
	// BacklogBytes bounds accepted commands that wait, over all shards; more are refused with
	// fault.Overloaded. Default: 512 MiB, at least 32 MiB.
	BacklogBytes int64
	// EventBytes bounds the events that are kept for readers; the oldest go first. Default: 256 MiB.
	EventBytes int64
	// Logger takes what the bus has to say. Default: slog.Default().
	Logger *slog.Logger
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c *Config) validate() error {
	switch {
	case !nameRule.MatchString(c.Service):
		return fmt.Errorf("bus: the service name %q must be 1 to 64 letters, digits, '_' or '-'", c.Service)
	case len(c.URLs) == 0 && c.Dir == "":
		return fmt.Errorf("bus: an embedded bus needs a folder (Dir); a cluster needs URLs")
	case len(c.URLs) > 0 && c.Dir != "":
		return fmt.Errorf("bus: give either URLs of a cluster or a folder (Dir) of an embedded bus")
	case c.Replicas < 0 || c.Replicas > 5:
		return fmt.Errorf("bus: %d replicas: it must be 1 to 5, or 0 for the default", c.Replicas)
	}
	if c.Replicas == 0 {
		c.Replicas = 3
	}
	if len(c.URLs) == 0 {
		c.Replicas = 1
	}
	if c.BacklogBytes == 0 {
		c.BacklogBytes = 512 << 20
	}
	c.BacklogBytes = max(c.BacklogBytes, 32<<20)
	if c.EventBytes == 0 {
		c.EventBytes = 256 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

// Bus is a node's end of the bus. It is safe for concurrent use.
type Bus struct {
	config Config
	log    *slog.Logger
	server *server.Server // nil: external
	conn   *nats.Conn
	js     jetstream.JetStream
	link   link
	boot   string // tells this opening of the bus from every other: the start of message ids

	streams streams
	logs    int                   // how many logs the shards have; it does not change once the bus is open
	lanes   [Shards]lane          // by log
	done    [Shards]atomic.Uint64 // by shard: the last group that was done, as far as this process knows
	apart   [Shards]apart         // by shard
	turns   [Shards]chan struct{} // by shard: has its reader, where the bus is embedded
	moving  sync.RWMutex          // held while the logs are read; shared by those who move commands apart
	poison  hook[func(context.Context, []byte) error]
	alone   sync.RWMutex // held by a command under suspicion; shared by all others at work
	hints   hintCount
	refusal atomic.Pointer[refusal] // nil: the last message was stored

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	work  sync.WaitGroup // lanes and readers
	doors doors
	close sync.Once
}

// Open starts the embedded bus, or begins to connect to the cluster and does not wait for it: State
// says whether it is there, and everything but hints fails with fault.Unavailable until it is.
func Open(ctx context.Context, c Config) (*Bus, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	b := &Bus{config: c, log: c.Logger, boot: newBoot()}
	b.ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	b.link.init()
	b.logs = Shards
	if len(c.URLs) == 0 {
		b.logs = embeddedLogs
	}
	for log := range b.lanes {
		b.lanes[log].bus, b.lanes[log].log = b, log
	}
	for shard := range b.turns {
		b.turns[shard] = make(chan struct{}, 1)
	}
	err := b.connect(ctx)
	if err == nil && b.Embedded() {
		err = errors.Join(b.joinLogs(ctx), b.findApart(ctx))
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// Embedded tells whether the bus lives in this process, so that no other node can reach it.
func (b *Bus) Embedded() bool { return b.server != nil }

// Close ends readers, lets appends under way come to an end, and stops the embedded server. It may
// be called twice.
func (b *Bus) Close() error {
	b.close.Do(func() {
		b.doors.shut()
		b.shutLanes()
		b.stop()
		b.work.Wait()
		if b.conn != nil {
			b.conn.Close()
		}
		if b.server != nil {
			b.server.Shutdown()
			b.server.WaitForShutdown()
		}
	})
	return nil
}

// State tells how the bus is, for people.
type State struct {
	Embedded  bool
	Connected bool
	Taking    bool      // commands and events: the last that was given to it was stored
	Since     time.Time // when Connected, or while connected Taking, became what it is
	Cause     string    // why it is away, or takes nothing; "" while all is well
	Server    string    // the server that this node talks to, without secrets; "" while away or embedded
	HintsLost uint64    // hints and gossip dropped by this node: bus away, too large, reader too slow
}

// State tells how the bus is now.
func (b *Bus) State() State {
	s := b.link.state()
	s.Taking = s.Connected
	if r := b.refusal.Load(); r != nil && s.Connected {
		s.Taking, s.Since, s.Cause = false, r.since, r.cause
	}
	s.Embedded = b.Embedded()
	s.HintsLost = b.hints.lost.Load()
	if !s.Embedded && s.Connected {
		s.Server = b.conn.ConnectedUrlRedacted()
	}
	return s
}

// away is the answer while there is no connection.
func (b *Bus) away() error {
	s := b.link.state()
	return &fault.Error{
		Code:       fault.Unavailable,
		Message:    "The message bus cannot be reached now. Try again.",
		RetryAfter: time.Second,
		Cause:      fmt.Errorf("bus away since %s: %s", s.Since.UTC().Format(time.RFC3339), s.Cause),
	}
}

var errClosed = fault.New(fault.Unavailable, "The service is shutting down. Try again.")

func (b *Bus) subject(kind, name string) string {
	return strings.Join([]string{"partita", b.config.Service, kind, name}, ".")
}
