package e2e

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// bridge passes the messages between nodes on from one NATS server to the others, and loses, doubles
// and delays some, so that they arrive in another order.
type bridge struct {
	conns  []*nats.Conn
	faulty atomic.Bool

	mu   sync.Mutex
	rand *rand.Rand

	passed, lost, doubled, delayed atomic.Int64
	late                           sync.WaitGroup
}

func startBridge(t *testing.T, servers []string, seed uint64) *bridge {
	t.Helper()
	b := &bridge{rand: rand.New(rand.NewPCG(seed, 1))}
	for _, s := range servers {
		c, err := nats.Connect(s, nats.NoEcho())
		if err != nil {
			t.Fatal(err)
		}
		b.conns = append(b.conns, c)
	}
	t.Cleanup(func() {
		for _, c := range b.conns {
			c.Close()
		}
		b.late.Wait()
	})
	for from, c := range b.conns {
		for _, subject := range []string{"partita.*.change.*", "partita.*.gossip.*"} {
			if _, err := c.Subscribe(subject, func(m *nats.Msg) { b.pass(from, m) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bridge) pass(from int, m *nats.Msg) {
	for to, c := range b.conns {
		if to == from {
			continue
		}
		send := func() { _ = c.Publish(m.Subject, m.Data) } // one that cannot be sent is lost
		if !b.faulty.Load() {
			b.passed.Add(1)
			send()
			continue
		}
		b.mu.Lock()
		fate, delay := b.rand.IntN(100), time.Duration(b.rand.IntN(300))*time.Millisecond
		b.mu.Unlock()
		switch {
		case fate < 20:
			b.lost.Add(1)
		case fate < 35:
			b.doubled.Add(1)
			send()
			b.later(delay, send)
		case fate < 60:
			b.delayed.Add(1)
			b.later(delay, send)
		default:
			b.passed.Add(1)
			send()
		}
	}
}

func (b *bridge) later(delay time.Duration, send func()) {
	b.late.Add(1)
	time.AfterFunc(delay, func() { defer b.late.Done(); send() })
}
