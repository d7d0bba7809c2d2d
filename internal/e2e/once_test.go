package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus/bustest"
)

// books is a ledger with what follows from its entries: the entries of each branch, and their sum.
const books = `
service: ledger
partitions:
  account: {by: account_id, type: string(20), expect: 1k}
entities:
  account: {in: account, fields: {balance: {type: int, min: 0}}}
  entry:   {in: account, key: n, expect: 10k, fields: {n: {type: int, default: next}, amount: int, branch: string(10)}}
reads:
  balance: {get: account}
  entries: {list: entry, page: 1000}
  branch:  {list: by_branch, page: 1000, fresh: 1m}
  total:   {get: branches, fresh: 1m}
writes:
  set: {upsert: account, input: [balance]}
  add:
    steps:
      - {update: account, input: {amount: int}, set: {balance: = row.balance + input.amount}}
      - {insert: entry, input: [branch], set: {amount: = input.amount}}
    async: offered
views:
  by_branch: {from: entry, by: branch, fields: [amount]}
  branches:  {from: entry, by: branch, fold: {entries: count, amounts: {sum: amount}}}
feeds:
  all: {of: [account, entry]}
`

const branches = 5

// TestExactlyOnceThroughEverything has three nodes accept writes, each in a process of its own, while
// nodes and the database are killed, servers of the bus stop, links break, fall silent and get slow, and
// what is on the bus comes twice and late. Then every write that was accepted is there once, in order,
// in the rows, the views and the feeds. PARTITA_SEED repeats a run's plan.
func TestExactlyOnceThroughEverything(t *testing.T) {
	goal, least, servers, callers, longest := 400, 7, 1, 12, 600
	if soak() {
		goal, least, servers, callers, longest = 100_000, 60, 3, 48, 1500
	}
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("PARTITA_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("seed %d", seed)
	w := &onceWorld{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), cluster: bustest.Start(t, servers), servers: servers, longest: longest}
	w.build(3)
	double := startDoubler(t, w.cluster.URLs(), seed)

	began := time.Now()
	var working sync.WaitGroup
	for i := range callers {
		a := &additions{account: fmt.Sprintf("a%d", i), next: 1, accepted: map[int]string{}}
		w.accounts = append(w.accounts, a)
		if status, body := a.post(t, http.DefaultClient, w.nodes[0].address(), "/v1/set", `{"account_id":%q,"balance":0}`); status != http.StatusCreated {
			t.Fatal(status, string(body))
		}
	}
	for i, a := range w.accounts {
		working.Go(func() { w.call(a, rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	var feeds sync.WaitGroup
	followed := []*followed{{w: w, account: "a0", last: 1}, {w: w, account: "a1", last: 1}}
	for i, f := range followed {
		feeds.Go(func() { f.run(rand.New(rand.NewPCG(seed, uint64(1000+i)))) })
	}
	faults := map[string]int{}
	for n := 0; n < least || int(w.accepted.Load()) < goal && !t.Failed(); n++ {
		wait(time.Duration(50+w.rand.IntN(300)) * time.Millisecond)
		faults[w.fault(n)]++
	}
	double.stop()
	w.stopped.Store(true)
	working.Wait()
	over := time.Now()
	t.Logf("%d writes were accepted in %v, %d requests repeated; %v; %d messages came twice",
		w.accepted.Load(), over.Sub(began).Round(time.Second), w.again.Load(), faults, double.doubled.Load())
	w.eventually("what was accepted is carried out", func() bool { return double.backlog() == 0 })
	t.Logf("nothing waited on the bus any more %v after the last fault", time.Since(over).Round(time.Millisecond))
	w.check()
	t.Logf("views and rows were held against what was accepted until %v after the last fault", time.Since(over).Round(time.Millisecond))
	for _, f := range followed {
		w.eventually("the feed of "+f.account+" ends at the last version", func() bool { return f.at() == w.versions[f.account] })
	}
	w.over.Store(true)
	feeds.Wait()
}

// onceWorld is nodes that share a database and a bus, and what was asked of them.
type onceWorld struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand
	cluster *bustest.Cluster
	servers int
	longest int // of a fault, in milliseconds
	nodes   []*onceNode

	accounts []*additions
	versions map[string]uint64 // by account: how often it was written to, in the end
	accepted atomic.Int64
	again    atomic.Int64
	stopped  atomic.Bool // nothing more is asked for
	over     atomic.Bool
}

// onceNode is a node in a process of its own, behind links of its own.
type onceNode struct {
	process
	store *link
	lines []*link // to the servers of the bus

	mu sync.Mutex
	at string
}

func (n *onceNode) address() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at
}

func (n *onceNode) run(t *testing.T) {
	n.start(t)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = n.base
}

func (w *onceWorld) build(nodes int) {
	place, err := url.Parse(database.Database(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range nodes {
		n := &onceNode{store: newLink(w.t, place.Host)}
		own := *place
		own.Host = n.store.addr()
		n.process = process{Source: books, Dir: w.t.TempDir(), Store: own.String(), Node: fmt.Sprintf("n%d", i)}
		for _, server := range w.cluster.URLs() {
			l := newLink(w.t, strings.TrimPrefix(server, "nats://"))
			n.lines = append(n.lines, l)
			n.Bus = append(n.Bus, "nats://"+l.addr())
		}
		w.nodes = append(w.nodes, n)
		n.run(w.t)
	}
}

// call has additions to an account accepted, one after the other. What was not answered is repeated
// under its key, at any node.
func (w *onceWorld) call(a *additions, r *rand.Rand) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 6 * time.Second}
	defer client.CloseIdleConnections()
	for !w.stopped.Load() {
		body := fmt.Sprintf(`{"account_id":%%q,"amount":%d,"branch":"b%d"}`, a.next, a.next%branches)
		status, answer := a.post(w.t, client, w.nodes[r.IntN(len(w.nodes))].address(), "/v1/add", body,
			"Prefer", "respond-async", "Idempotency-Key", fmt.Sprintf(`"%s-%d"`, a.account, a.next))
		switch {
		case status == http.StatusAccepted, status == http.StatusOK: // done at once, since the bus did not take it
			var o struct{ ID string }
			if err := json.Unmarshal(answer, &o); err != nil {
				w.t.Error(err)
			}
			a.note(o.ID)
			w.accepted.Add(1)
		case status == 0 || status >= 500:
			w.again.Add(1)
			wait(time.Duration(5+r.IntN(20)) * time.Millisecond)
		default:
			w.t.Errorf("%d %s", status, answer)
			return
		}
	}
}

// fault makes one thing fail for a while, the kinds in turn, and gives its name.
func (w *onceWorld) fault(turn int) string {
	node := w.nodes[w.rand.IntN(len(w.nodes))]
	long := time.Duration(200+w.rand.IntN(w.longest)) * time.Millisecond
	how := []string{broken, silent}[w.rand.IntN(2)]
	switch turn % 7 {
	case 0:
		node.kill()
		node.run(w.t)
		return "nodes killed"
	case 1:
		database.Kill()
		wait(long / 4)
		if err := database.Run(); err != nil {
			w.t.Fatal(err)
		}
		return "databases killed"
	case 2:
		server := w.rand.IntN(w.servers)
		w.cluster.Stop(server)
		wait(long)
		w.cluster.Restart(server)
		return "bus servers stopped"
	case 3:
		w.trouble(long, how, node.store)
		return "store links cut"
	case 4:
		w.trouble(long, how, node.lines...)
		return "bus links cut"
	case 5:
		w.trouble(long, slow, node.store)
		return "store links slow"
	default:
		w.trouble(long, slow, node.lines...)
		return "bus links slow"
	}
}

func (w *onceWorld) trouble(long time.Duration, how string, links ...*link) {
	for _, l := range links {
		if err := l.sever(how); err != nil {
			w.t.Fatal(err)
		}
	}
	wait(long)
	for _, l := range links {
		if err := l.mend(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// eventually waits for what must come once nothing fails any more.
func (w *onceWorld) eventually(what string, so func() bool) {
	w.t.Helper()
	eventually(w.t, what, so)
}

// get reads from some node.
func (w *onceWorld) get(path string) (body []byte) {
	w.t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	w.eventually("an answer to "+path, func() bool {
		req, err := http.NewRequestWithContext(w.t.Context(), "GET", w.nodes[w.rand.IntN(len(w.nodes))].address()+path, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		var status int
		status, body = askNode(client, req)
		return status == http.StatusOK
	})
	return body
}

// check holds what is there against what was accepted.
func (w *onceWorld) check() {
	w.t.Helper()
	w.versions = map[string]uint64{}
	entries, sums := [branches]int{}, [branches]int{}
	for _, a := range w.accounts {
		a.uncertain = 1 // it was being repeated in the end
		n := a.check(w.t, w.get)
		if n != len(a.accepted) && n != len(a.accepted)+1 {
			w.t.Errorf("%s has %d entries, %d were accepted", a.account, n, len(a.accepted))
		}
		for amount := 1; amount <= n; amount++ { // each number once, in order: check has seen to that
			entries[amount%branches]++
			sums[amount%branches] += amount
		}
		w.versions[a.account] = uint64(1 + n)
		if got := w.changes(a.account); got != w.versions[a.account] {
			w.t.Errorf("%s is at version %d, it was written to %d times", a.account, got, w.versions[a.account])
		}
	}
	for b := range branches {
		var total struct{ Entries, Amounts int }
		w.eventually(fmt.Sprintf("the fold of branch %d has %d entries", b, entries[b]), func() bool {
			if err := json.Unmarshal(w.get(fmt.Sprintf("/v1/total/b%d", b)), &total); err != nil {
				w.t.Fatal(err)
			}
			return total.Entries >= entries[b]
		})
		if total.Entries != entries[b] || total.Amounts != sums[b] {
			w.t.Errorf("the fold of branch %d has %d entries of %d together, there are %d of %d", b, total.Entries, total.Amounts, entries[b], sums[b])
		}
		w.eventually(fmt.Sprintf("the view of branch %d has %d rows", b, entries[b]), func() bool { return w.rows(b) >= entries[b] })
	}
}

// rows gives the number of rows of a branch in the view, and sees that each stands for another entry.
func (w *onceWorld) rows(branch int) int {
	w.t.Helper()
	seen := map[string]bool{}
	for next := ""; ; {
		var page struct {
			Items []struct {
				Account string `json:"account_id"`
				N       int
				Amount  int
			}
			Next string
		}
		if err := json.Unmarshal(w.get(fmt.Sprintf("/v1/branch/b%d%s", branch, next)), &page); err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page.Items {
			name := fmt.Sprintf("%s-%d", e.Account, e.Amount)
			if seen[name] || e.Amount != e.N || e.Amount%branches != branch {
				w.t.Errorf("branch %d: entry %d of %s is of %d, or there twice", branch, e.N, e.Account, e.Amount)
			}
			seen[name] = true
		}
		if page.Next == "" {
			return len(seen)
		}
		next = "?after=" + page.Next
	}
}

// changes reads the changes of an account, and gives the version of the last.
func (w *onceWorld) changes(account string) (last uint64) {
	w.t.Helper()
	for more := true; more; {
		var page struct {
			Changes []struct{ Version uint64 }
			More    bool
		}
		if err := json.Unmarshal(w.get(fmt.Sprintf("/v1/feeds/all/%s?after=%d", account, last)), &page); err != nil {
			w.t.Fatal(err)
		}
		for _, c := range page.Changes {
			if c.Version != last+1 {
				w.t.Errorf("%s: version %d comes after %d", account, c.Version, last)
			}
			last = c.Version
		}
		more = page.More
	}
	return last
}
