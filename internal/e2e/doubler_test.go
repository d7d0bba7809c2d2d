package e2e

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// doubler listens to what nodes put on the bus, accepted writes and word of changes, and puts some of it
// there again, a while later.
type doubler struct {
	t       *testing.T
	conn    *nats.Conn
	js      jetstream.JetStream
	quiet   atomic.Bool
	doubled atomic.Int64
	late    sync.WaitGroup

	mu   sync.Mutex
	rand *rand.Rand
}

func startDoubler(t *testing.T, servers []string, seed uint64) *doubler {
	t.Helper()
	conn, err := nats.Connect(strings.Join(servers, ","), nats.NoEcho(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	d := &doubler{t: t, conn: conn, rand: rand.New(rand.NewPCG(seed, 2))}
	t.Cleanup(func() { d.stop(); conn.Close() })
	if d.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"partita.ledger.command.*", "partita.ledger.change.*"} {
		if _, err := conn.Subscribe(subject, d.hear); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *doubler) hear(m *nats.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quiet.Load() || d.rand.IntN(5) > 0 {
		return
	}
	d.late.Add(1)
	time.AfterFunc(time.Duration(d.rand.IntN(400))*time.Millisecond, func() {
		defer d.late.Done()
		if d.conn.Publish(m.Subject, m.Data) == nil { // under no id: to the bus it is another message
			d.doubled.Add(1)
		}
	})
}

func (d *doubler) stop() {
	d.mu.Lock()
	d.quiet.Store(true)
	d.mu.Unlock()
	d.late.Wait()
	_ = d.conn.Flush() // where that fails, the bus is away and has nothing to take
}

// backlog gives how many groups of accepted writes wait on the bus; -1 where it cannot tell.
func (d *doubler) backlog() int {
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Second)
	defer cancel()
	n := 0
	list := d.js.ListStreams(ctx, jetstream.WithStreamListSubject("partita.ledger.command.*"))
	for info := range list.Info() {
		n += int(info.State.Msgs)
	}
	if list.Err() != nil {
		return -1
	}
	return n
}
