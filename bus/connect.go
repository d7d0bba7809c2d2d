package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	dialTimeout   = 2 * time.Second
	pingEvery     = 2 * time.Second // two without an answer, and the connection is given up
	longestRetry  = 2 * time.Second
	firstRetry    = 50 * time.Millisecond
	connectsFirst = 100 * time.Millisecond // how long Open waits for a cluster that is there
)

func newBoot() string {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 80))
	if err != nil { // never: crypto/rand does not fail
		panic(err)
	}
	return n.Text(36)
}

func (b *Bus) connect(ctx context.Context) error {
	options := []nats.Option{
		nats.Name("partita " + b.config.Service + " " + b.config.Node),
		nats.NoEcho(),
		nats.NoCallbacksAfterClientClose(),
		nats.ReconnectBufSize(-1), // while away a publish fails at once: then it surely did not happen
		nats.MaxReconnects(-1),
		nats.ErrorHandler(b.asyncError),
	}
	var d *dialer
	url := ""
	if len(b.config.URLs) == 0 {
		s, err := startServer(ctx, b.config.Dir, b.config.BacklogBytes+b.config.EventBytes, b.log)
		if err != nil {
			return err
		}
		b.server = s
		options = append(options, nats.InProcessServer(s))
	} else {
		url = strings.Join(b.config.URLs, ",")
		d = &dialer{}
		options = append(options,
			nats.RetryOnFailedConnect(true),
			nats.CustomReconnectDelay(retryDelay),
			nats.Timeout(dialTimeout),
			nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2),
			nats.IgnoreAuthErrorAbort(),
			nats.SetCustomDialer(d), nats.SkipHostLookup(),
			nats.ConnectHandler(func(*nats.Conn) { b.link.up() }),
			nats.ReconnectHandler(func(*nats.Conn) { b.link.up() }),
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { b.lostLink(err) }),
			nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.link.down(err) }),
		)
	}
	var err error
	if b.conn, err = nats.Connect(url, options...); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if b.js, err = jetstream.New(b.conn); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if d == nil {
		b.link.up()
		return nil
	}
	d.open.Store(true)
	wait, cancel := context.WithTimeout(ctx, connectsFirst)
	defer cancel()
	if b.link.wait(wait) != nil {
		b.log.Warn("the bus cannot be reached yet; the service starts without it and goes on trying")
	}
	return ctx.Err()
}

func (b *Bus) lostLink(err error) {
	if b.ctx.Err() == nil {
		b.link.down(err)
		b.log.Debug("lost the connection to the bus", "cause", causeText(err))
	}
}

// asyncError takes what the client has to say outside of any call: above all, that a reader of
// hints is too slow and some were dropped.
func (b *Bus) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		b.hints.lost.Add(1)
	}
	b.log.Debug("bus client", "error", err)
}

// retryDelay doubles from firstRetry to longestRetry, with full jitter. It is asked after each round
// over all servers, and before the first where there is only one.
func retryDelay(round int) time.Duration {
	most := min(firstRetry<<min(round-1, 10), longestRetry)
	return time.Duration(mrand.Int64N(int64(most))) + time.Millisecond
}

// dialer refuses until it is opened, so that the first round of the client, which would make Open
// wait for servers that do not answer, goes by at once and everything else happens in the background.
type dialer struct{ open atomic.Bool }

var errBackground = errors.New("connecting in the background")

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	if !d.open.Load() {
		return nil, errBackground
	}
	return net.DialTimeout(network, address, dialTimeout)
}

// link is whether there is a connection, and a way to wait for it.
type link struct {
	mu      sync.Mutex
	on      bool
	since   time.Time
	cause   string
	changed chan struct{} // closed and replaced at each change of on
	returns []func()      // called each time that the connection comes back
	ever    bool
}

func (l *link) init() {
	l.since, l.cause, l.changed = time.Now(), "not connected yet", make(chan struct{})
}

func (l *link) up() {
	l.mu.Lock()
	var calls []func()
	if !l.on {
		if l.ever {
			calls = l.returns
		}
		l.on, l.ever, l.since, l.cause = true, true, time.Now(), ""
		close(l.changed)
		l.changed = make(chan struct{})
	}
	l.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

func (l *link) down(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on {
		l.on, l.since = false, time.Now()
		close(l.changed)
		l.changed = make(chan struct{})
		l.cause = causeText(err)
		return
	}
	if !errors.Is(err, errBackground) {
		l.cause = causeText(err)
	}
}

func (l *link) state() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return State{Connected: l.on, Since: l.since, Cause: l.cause}
}

// now gives whether there is a connection, and a channel that is closed when that changes.
func (l *link) now() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on, l.changed
}

// wait returns when there is a connection, or with the error of ctx.
func (l *link) wait(ctx context.Context) error {
	for {
		on, changed := l.now()
		if on {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// causeText says why the connection is gone, without addresses or secrets that a user might see.
func causeText(err error) string {
	switch {
	case err == nil:
		return "the server closed the connection"
	case errors.Is(err, nats.ErrStaleConnection):
		return "the server does not answer any more"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return "the server refuses the user name, password or token"
	case errors.Is(err, nats.ErrNoServers):
		return "no server can be reached"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "a server's name cannot be resolved"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "a server does not answer"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "no server accepts connections"
	}
	return "the connection broke"
}
