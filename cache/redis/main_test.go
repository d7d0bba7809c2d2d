package redis_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/internal/leaktest"
	"github.com/partita-dev/partita/internal/redistest"
)

// TestMain fails if there is no Redis, or if a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	leaktest.Exit(redistest.Main(m), "partita/cache", "redis/rueidis")
}

// patient is a Config that no slow machine makes give up.
func patient(url string) redis.Config {
	return redis.Config{URL: url, Timeout: 10 * time.Second, Lease: time.Minute, Wait: time.Minute}
}

// node is a tier with its news.
type node struct {
	*redis.Tier
	news chan redis.State
}

func open(tb testing.TB, c redis.Config) *node {
	tb.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	tier, err := redis.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	n := &node{Tier: tier, news: make(chan redis.State, 1000)}
	tier.Start(redis.Hooks{State: func(s redis.State) { n.news <- s }})
	tb.Cleanup(tier.Close)
	return n
}

// becomes waits until the tier says that it is well, or that it is not.
func (n *node) becomes(tb testing.TB, ok bool) redis.State {
	tb.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case s := <-n.news:
			if s.OK == ok {
				return s
			}
		case <-limit:
			tb.Fatalf("the tier did not become ok=%v within a minute: %+v", ok, n.State())
		}
	}
}

func connected(tb testing.TB, c redis.Config) *node {
	n := open(tb, c)
	n.becomes(tb, true)
	return n
}

// loads is a Loader made of a function, whose answers are shared under one key.
type loads func(context.Context) (*cache.Answer, error)

func (l loads) Load(ctx context.Context) (*cache.Answer, error) { return l(ctx) }

func (l loads) Share() cache.Share {
	return cache.Share{Key: "partita:test:{k}", Fresh: time.Minute, Stale: time.Hour}
}

var minute = cache.Terms{Fresh: time.Minute}

// anything is content with every answer.
var anything = cache.Want{Age: 24 * time.Hour}

func answer(version uint64, body string) *cache.Answer {
	return &cache.Answer{Version: version, Body: []byte(body), ETag: `"e"`, Found: true, Time: time.Now()}
}

// share loads an answer in a node's name: it fetches in vain and puts it.
func share(tb testing.TB, n *node, key string, a *cache.Answer, keep time.Duration) {
	tb.Helper()
	o := n.Fetch(tb.Context(), key, cache.Want{Age: -1})
	if o.Ticket.Token == "" {
		tb.Fatalf("no lease: %+v", o)
	}
	if a.Time.After(o.Ticket.At) { // as a load does that begins after the fetch
		a.Time = time.Now()
	}
	n.Done(tb.Context(), key, o.Ticket, a, keep)
}
