package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/bus/bustest"
)

// telling is the books, whose entries are told to a web address and counted in another partition.
func telling(address string) string {
	s := strings.Replace(books, "    async: offered\n", `    async: offered
    emit: added
  count: {upsert: tally, input: {amount: int}, set: {entries: = row == null ? 1 : row.entries + 1, amounts: = row == null ? input.amount : row.amounts + input.amount}}
`, 1)
	s = strings.Replace(s, "partitions:\n", "partitions:\n  place: {by: place_id, type: string(10), expect: 10}\n", 1)
	s = strings.Replace(s, "entities:\n", "entities:\n  tally: {in: place, fields: {entries: int, amounts: int}}\n", 1)
	s = strings.Replace(s, "reads:\n", "reads:\n  tally: {get: tally}\n", 1)
	return s + fmt.Sprintf(`
events:
  added:
    data: [entry.amount, entry.branch]
    then: {write: count, with: {place_id: = event.branch, amount: = event.amount}}
    deliver: %q
`, address)
}

// TestKilledNodesTellOfEveryEvent kills nodes, again and again, while writes emit events. In the end
// every committed event came to the web address, and to a reader of the bus where there is one, and what
// follows it was done once.
func TestKilledNodesTellOfEveryEvent(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) { killedNodesTell(t, kind) })
	}
}

func killedNodesTell(t *testing.T, kind string) {
	rounds := 5
	if soak() {
		rounds = 60
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	hook := startReceiver(t)
	nodes := []*onceNode{{process: process{Source: telling(hook.URL), Dir: t.TempDir()}}}
	var servers []string
	if kind == "postgres" {
		servers = bustest.Start(t, 3).URLs()
		nodes[0].Store, nodes[0].Bus = database.Database(t), servers
		nodes = append(nodes, &onceNode{process: nodes[0].process})
		nodes[0].Node, nodes[1].Node = "n0", "n1"
	}
	for _, n := range nodes {
		n.run(t)
	}
	w := &onceWorld{t: t, rand: r, nodes: nodes}
	var working sync.WaitGroup
	for i := range 8 {
		a := &additions{account: fmt.Sprintf("a%d", i), next: 1, accepted: map[int]string{}, uncertain: 1}
		w.accounts = append(w.accounts, a)
		if status, body := a.post(t, http.DefaultClient, nodes[0].address(), "/v1/set", `{"account_id":%q,"balance":0}`); status != http.StatusCreated {
			t.Fatal(status, string(body))
		}
	}
	for i, a := range w.accounts {
		working.Go(func() { w.call(a, rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	for range rounds {
		wait(time.Duration(100+r.IntN(400)) * time.Millisecond)
		n := nodes[r.IntN(len(nodes))]
		n.kill()
		n.run(t)
	}
	w.stopped.Store(true)
	working.Wait()

	entries, sums, all := [branches]int{}, [branches]int{}, 0
	for _, a := range w.accounts {
		n := a.check(t, w.get)
		all += n
		for amount := 1; amount <= n; amount++ {
			entries[amount%branches]++
			sums[amount%branches] += amount
			w.eventually(fmt.Sprintf("entry %d of %s is told", amount, a.account), func() bool { return hook.of(a.account, amount) })
		}
	}
	for b := range branches {
		var tally struct{ Entries, Amounts int }
		w.eventually("what follows is done", func() bool {
			if err := json.Unmarshal(w.get(fmt.Sprintf("/v1/tally/b%d", b)), &tally); err != nil {
				t.Fatal(err)
			}
			return tally.Entries >= entries[b]
		})
		if tally.Entries != entries[b] || tally.Amounts != sums[b] {
			t.Errorf("%d entries of %d together were counted in branch %d, there are %d of %d", tally.Entries, tally.Amounts, b, entries[b], sums[b])
		}
	}
	events, again := hook.counts()
	t.Logf("%d events, all told and followed; %d were told again, over %d kills", events, again, rounds)
	if events != all {
		t.Errorf("%d events were told, %d writes were done", events, all)
	}
	if servers != nil {
		reader := readBus(t, servers[1])
		w.eventually("every event is on the bus", func() bool {
			reader.read(t)
			n, _ := reader.counts()
			return n >= all
		})
		events, again := reader.counts()
		t.Logf("a reader of the bus found %d events, %d again", events, again)
		if events != all {
			t.Errorf("%d events are on the bus, %d writes were done", events, all)
		}
	}
}

// busReader is a program outside that reads events from the bus, and knows nothing but NATS.
type busReader struct {
	heard
	consumer jetstream.Consumer
}

func readBus(t *testing.T, server string) *busReader {
	t.Helper()
	conn, err := nats.Connect(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.StreamNameBySubject(t.Context(), "partita.ledger.event.added")
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(t.Context(), stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"partita.ledger.event.added"}})
	if err != nil {
		t.Fatal(err)
	}
	return &busReader{consumer: consumer}
}

// read takes what is there.
func (r *busReader) read(t *testing.T) {
	t.Helper()
	for {
		batch, err := r.consumer.Fetch(500, jetstream.FetchMaxWait(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for m := range batch.Messages() {
			r.take(t, m.Data(), "bus")
			n++
		}
		if n == 0 {
			return
		}
	}
}
