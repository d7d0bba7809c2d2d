package bus_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/bus/bustest"
	"github.com/partita-dev/partita/fault"
)

// join opens a node's end on a cluster and waits until it is connected.
func join(t *testing.T, c *bustest.Cluster, node string) *bus.Bus {
	t.Helper()
	b := open(t, bus.Config{URLs: c.URLs(), Node: node})
	eventually(t, "the node is connected", func() bool { return b.State().Connected })
	return b
}

func TestHintsGoToTheOtherNodesOnly(t *testing.T) {
	c := bustest.Start(t, 3)
	nodes := []*bus.Bus{join(t, c, "a"), join(t, c, "b"), join(t, c, "c")}
	var changes, gossip [3]atomic.Int64
	var own atomic.Int64
	for i, b := range nodes {
		count := func(n *atomic.Int64) func([]byte) {
			return func(payload []byte) {
				if payload[0] == byte(i) {
					own.Add(1)
				}
				n.Add(1)
			}
		}
		if err := b.OnChanges(count(&changes[i])); err != nil {
			t.Fatal(err)
		}
		if err := b.OnGossip(count(&gossip[i])); err != nil {
			t.Fatal(err)
		}
	}
	// A hint may be lost while the servers still tell each other who listens: go on until each node
	// has heard of both others.
	eventually(t, "every node hears of the others", func() bool {
		heard := true
		for i, b := range nodes {
			b.SendChange(i*100, []byte{byte(i)})
			b.SendGossip([]byte{byte(i)})
			heard = heard && changes[i].Load() >= 2 && gossip[i].Load() >= 2
		}
		return heard
	})
	if own.Load() != 0 {
		t.Fatal("a node was told its own hints")
	}
	nodes[0].SendChange(0, make([]byte, bus.MaxHint+1))
	if lost := nodes[0].State().HintsLost; lost != 1 {
		t.Fatalf("%d hints lost", lost)
	}
}

func TestStartsWithoutTheBusAndFindsIt(t *testing.T) {
	c := bustest.Start(t, 1)
	c.Stop(0)
	start := time.Now()
	b := open(t, bus.Config{URLs: c.URLs(), Node: "a"})
	t.Logf("opened without a server in %v", time.Since(start))
	if s := b.State(); s.Connected || s.Cause == "" {
		t.Fatalf("%+v", s)
	}
	if err := b.Append(t.Context(), 0, []byte("x")); fault.CodeOf(err) != fault.Unavailable || bus.Unknown(err) {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), "paid", "1", []byte("x")); fault.CodeOf(err) != fault.Unavailable || bus.Unknown(err) {
		t.Fatal(err)
	}
	returned := make(chan struct{}, 10)
	b.OnReturn(func() { returned <- struct{}{} })
	heard := make(chan struct{}, 1)
	if err := b.OnChanges(func([]byte) {
		select {
		case heard <- struct{}{}:
		default:
		}
	}); err != nil {
		t.Fatal(err)
	}

	c.Restart(0)
	eventually(t, "it connects", func() bool { return b.State().Connected })
	if err := b.Append(limit(t), 0, []byte("x")); err != nil {
		t.Fatal(err)
	}

	other := join(t, c, "b")
	eventually(t, "hints arrive", func() bool { other.SendChange(0, nil); return len(heard) > 0 })
	c.Stop(0)
	eventually(t, "it notices", func() bool { return !b.State().Connected && !other.State().Connected })
	before := other.State().HintsLost
	other.SendChange(0, nil)
	if lost := other.State().HintsLost; lost != before+1 {
		t.Fatalf("%d hints lost, want %d", lost, before+1)
	}
	c.Restart(0)
	<-returned
	<-heard
	eventually(t, "hints arrive again", func() bool { other.SendChange(0, nil); return len(heard) > 0 })
}

func TestEventsAreStoredOnce(t *testing.T) {
	c := bustest.Start(t, 3)
	b := join(t, c, "a")
	ctx := limit(t)
	for range 3 {
		for i := range 5 {
			if err := b.Publish(ctx, "order_paid", fmt.Sprint("event ", i), fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	conn, err := nats.Connect(c.URLs()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	name, err := js.StreamNameBySubject(ctx, "partita.shop.event.order_paid")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if info := stream.CachedInfo(); info.State.Msgs != 5 || info.Config.Replicas != 3 {
		t.Fatalf("%d events on %d servers", info.State.Msgs, info.Config.Replicas)
	}
}

// Writers go on and a reader's work is handed from node to node while each server of the cluster is
// lost for a while. What was accepted comes once in effect, in order, from every writer.
func TestCommandsThroughTheLossOfServers(t *testing.T) {
	rounds := 1
	if soak() {
		rounds = 30
	}
	c := bustest.Start(t, 3)
	nodes := []*bus.Bus{join(t, c, "a"), join(t, c, "b"), join(t, c, "c")}
	const writers = 12
	writing, stopWriting := context.WithCancel(t.Context())
	defer stopWriting()
	var sent [writers]int
	var accepted, doubts, refusals atomic.Int64
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			again := time.NewTicker(5 * time.Millisecond)
			defer again.Stop()
			for n := 0; writing.Err() == nil; {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				err := nodes[w%3].Append(ctx, w%4*16, fmt.Appendf(nil, "writer-%d %d", w, n))
				cancel()
				switch {
				case err == nil:
					accepted.Add(1)
					n++
					sent[w] = n
				case bus.Unknown(err): // the same once more: done once in effect
					doubts.Add(1)
				case fault.Transient(err):
					refusals.Add(1)
					<-again.C
				default:
					t.Error(err)
					return
				}
			}
		})
	}

	h := &history{t: t, done: map[string]bool{}, last: map[string]int{}}
	var mu sync.Mutex
	handle := func(_ context.Context, command []byte) error {
		mu.Lock()
		defer mu.Unlock()
		h.doneWith(string(command))
		return nil
	}
	var readers sync.WaitGroup
	read := func(node *bus.Bus) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		for shard := range 4 {
			readers.Go(func() {
				if err := node.Commands(ctx, shard, handle); err != nil {
					t.Error(err)
				}
			})
		}
		return cancel
	}
	doneNow := func() int { mu.Lock(); defer mu.Unlock(); return len(h.done) }
	goOn := func() {
		t.Helper()
		from, taken := doneNow(), accepted.Load()
		eventually(t, "commands are accepted and done", func() bool { return doneNow() > from+100 && accepted.Load() > taken+100 })
	}

	stop := read(nodes[0])
	goOn()
	for round := range rounds * 3 {
		c.Stop(round % 3)
		next := read(nodes[(round+1)%3]) // before the old one stops: for a while there are two
		goOn()
		stop()
		stop = next
		c.Restart(round % 3)
		c.Settled()
		goOn()
	}
	stopWriting()
	all.Wait()
	eventually(t, "the backlog is empty", func() bool {
		messages, _, _, err := nodes[0].Backlog(t.Context())
		return err == nil && messages == 0
	})
	stop()
	readers.Wait()
	for w, n := range sent {
		if got := h.last[fmt.Sprintf("writer-%d", w)] + 1; got < n || got > n+1 { // one more: in doubt at the end
			t.Errorf("writer %d: %d accepted, %d done", w, n, got)
		}
	}
	t.Logf("%d accepted, %d in doubt, %d refused", accepted.Load(), doubts.Load(), refusals.Load())
}
