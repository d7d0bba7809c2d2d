// Package redis is the second tier of the cache on Redis, Valkey, or what speaks like them, and the only
// package that knows so.
//
// Nothing that is right depends on it. A call costs its deadline at most, and after a few that failed
// the tier is left alone until a probe in the background succeeds. Ages are counted by the server's own
// clock. docs/decisions/0020-shared-cache.md says why it is built as it is.
package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/partita-dev/partita/cache"
)

// Config says where the tier is. Only URL is required; the zero value of every other field takes the
// default written beside it.
type Config struct {
	// URL is such as "redis://USER:PASSWORD@HOST:PORT/0", or rediss:// for TLS. Further members of a
	// cluster are given as ?addr=HOST:PORT&addr=…
	URL string
	// Timeout bounds each call. Default: 25 ms.
	Timeout time.Duration
	// Lease is how long other nodes leave a load to the one that began it. Default: 500 ms.
	Lease time.Duration
	// Wait is how long a node waits for another's load before it loads by itself. It is longer than
	// Lease, so that one successor can take over from a node that died. Default: 750 ms.
	Wait time.Duration
	// MaxCalls bounds the calls that wait for the server at the same time; what is more goes without.
	// Default: 256, at most 512.
	MaxCalls int
	// MaxValue bounds a shared answer, in bytes. Larger ones are loaded by each node. Default: 1 MiB.
	MaxValue int
	// Logger takes what the tier has to say. Default: slog.Default().
	Logger *slog.Logger
}

// Hooks are told how the tier does; nil ones are not. They must be quick.
type Hooks struct {
	State func(State)         // each change, one after the other
	Call  func(time.Duration) // how long a call took, failed ones included
}

// State tells how the tier is, for people.
type State struct {
	OK    bool
	Since time.Time
	Cause string // why it is left alone, without secrets; "" while OK
}

// Tier is a node's end of the second tier. Make one with New; it has nothing until Start. It is safe
// for concurrent use.
type Tier struct {
	config  Config
	options rueidis.ClientOption
	client  atomic.Pointer[rueidis.Client] // nil until it was connected once
	slots   chan struct{}                  // one for each call that may wait
	breaker breaker
	clock   clock
	counts  counts

	call   func(time.Duration)
	nonce  string
	number atomic.Uint64 // of tokens

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup
}

var _ cache.Tier = (*Tier)(nil)

// The defaults of Config.
const (
	defaultTimeout  = 25 * time.Millisecond
	defaultLease    = 500 * time.Millisecond
	defaultWait     = 750 * time.Millisecond
	defaultMaxCalls = 256
	mostCalls       = 512 // half of what a connection takes before it makes callers wait
	defaultMaxValue = 1 << 20
)

// New checks the Config.
func New(c Config) (*Tier, error) {
	if err := Check(c.URL); err != nil {
		return nil, err
	}
	options, err := rueidis.ParseURL(c.URL)
	if err != nil {
		return nil, errURL
	}
	for _, d := range []struct {
		field     *time.Duration
		otherwise time.Duration
	}{{&c.Timeout, defaultTimeout}, {&c.Lease, defaultLease}, {&c.Wait, defaultWait}} {
		if *d.field <= 0 {
			*d.field = d.otherwise
		}
	}
	if c.MaxCalls <= 0 {
		c.MaxCalls = defaultMaxCalls
	}
	c.MaxCalls = min(c.MaxCalls, mostCalls)
	if c.MaxValue <= 0 {
		c.MaxValue = defaultMaxValue
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	t := &Tier{config: c, options: options, slots: make(chan struct{}, c.MaxCalls), nonce: rand.Text()}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.clock.began = time.Now()
	t.setOptions()
	t.breaker.init()
	return t, nil
}

// Start begins to connect; it does not wait for the server. It is called once.
func (t *Tier) Start(h Hooks) {
	t.call = h.Call
	t.breaker.watch = h.State
	t.work.Go(t.tend)
}

// setOptions makes the client give up soon, and repeat nothing.
func (t *Tier) setOptions() {
	o := &t.options
	o.DisableCache = true
	o.DisableRetry = true
	o.AlwaysPipelining = true // else a call that is given up takes its connection with it
	o.PipelineMultiplex = -1  // one connection to a server: probes make it, so that calls find it made
	o.ReadBufferEachConn, o.WriteBufferEachConn = 64<<10, 64<<10
	o.Dialer.Timeout = connectTimeout
	o.Dialer.KeepAlive = time.Second
	o.ConnWriteTimeout = time.Second
	if o.ClientName == "" {
		o.ClientName = "partita"
	}
}

// connectTimeout bounds one attempt to connect. Probes have this long; a call that finds its connection
// lost has its own deadline only.
const connectTimeout = time.Second

// Close gives the connections back. The tier has nothing afterwards. It may be called twice, and
// without Start.
func (t *Tier) Close() {
	t.stop()
	t.work.Wait()
	t.breaker.shut.Store(false)
	if c := t.client.Swap(nil); c != nil {
		(*c).Close()
	}
}

// State tells how the tier is now.
func (t *Tier) State() State { return t.breaker.now() }

// Place names the server, without secrets.
func (t *Tier) Place() string { return Place(t.config.URL) }

var errURL = fmt.Errorf("give the URL of a Redis or Valkey server, such as redis://HOST:6379/0, or rediss://USER:PASSWORD@HOST:PORT for one with TLS")

// Check tells what is wrong with a URL. The error does not quote it: it may have a password.
func Check(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errURL
	}
	switch u.Scheme {
	case "redis", "rediss", "valkey", "valkeys":
		if u.Hostname() == "" {
			return errURL
		}
	case "unix":
	default:
		return errURL
	}
	if _, err := rueidis.ParseURL(raw); err != nil {
		return errURL
	}
	return nil
}

// Place gives a URL without secrets.
func Place(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "redis"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
