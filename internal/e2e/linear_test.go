package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// ledger is the model that the history is made with: a register with a guard, and a log.
const ledger = `
service: ledger
partitions:
  account: {by: account_id, type: string(20), expect: 1k}
entities:
  account: {in: account, fields: {balance: {type: int, min: 0}}}
  entry:   {in: account, key: n, expect: 1k, fields: {n: {type: int, default: next}, amount: int}}
reads:
  balance: {get: account}
  cached:  {get: account, fresh: 1m, stale: 10m}
  entries: {list: entry, page: 1000}
writes:
  set: {upsert: account, input: [balance]}
  add:
    steps:
      - {update: account, input: {amount: int}, set: {balance: = row.balance + input.amount}}
      - {insert: entry, set: {amount: = input.amount}}
  spend: {update: account, input: {amount: {type: int, min: 0}}, when: row.balance >= input.amount, set: {balance: = row.balance - input.amount}}
`

// op is one operation of the history.
type op struct {
	account int
	kind    string // balance, set, add, spend
	amount  int
}

// seen is what its caller saw. An unknown outcome may or may not have taken effect.
type seen struct {
	unknown bool
	code    string // "" or the problem's code
	balance int
}

// register says how one account behaves, without concurrency.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[int][]porcupine.Operation{}
		for _, o := range history {
			by[o.Input.(op).account] = append(by[o.Input.(op).account], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range by {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return -1 }, // no such account
	Step: func(state, input, output any) (bool, any) {
		balance, in, out := state.(int), input.(op), output.(seen)
		after, want := balance, seen{balance: balance}
		switch {
		case in.kind == "set":
			after, want.balance = in.amount, in.amount
		case balance < 0 && in.kind == "balance":
			want = seen{code: "not_found"}
		case balance < 0:
			want = seen{code: "missing_row"}
		case in.kind == "add":
			after, want.balance = balance+in.amount, balance+in.amount
		case in.kind == "spend" && balance < in.amount:
			want = seen{code: "guard_failed"}
		case in.kind == "spend":
			after, want.balance = balance-in.amount, balance-in.amount
		}
		return out.unknown || out == want, after
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// TestLinearizable makes a history of strong reads and writes from many callers, some of whom hang
// up in the middle or repeat themselves under an idempotency key, and asks whether one order of
// effects explains all that was seen.
func TestLinearizable(t *testing.T) {
	rounds, perCaller := 6, 120
	if soak() {
		rounds, perCaller = 200, 400
	}
	for round := range rounds {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("%d", round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			storeURL := ""
			if round%2 == 1 {
				storeURL = database.Database(t)
			}
			linearizable(t, seed, makeHistory(t, []string{serve(t, ledger, storeURL)}, seed, perCaller))
		})
	}
}

// TestLinearizableOnThreeNodes does the same with three nodes on one PostgreSQL, to each of which any
// request may go, while their lines to the database and to each other are cut and they are started
// again. All reads are strong.
func TestLinearizableOnThreeNodes(t *testing.T) {
	rounds, perCaller := 1, 60
	if soak() {
		rounds, perCaller = 30, 300
	}
	for round := range rounds {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("%d", round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			f := startFleet(t, 3, ledger, seed, nil)
			f.bridge.faulty.Store(true)
			var bases []string
			for _, n := range f.nodes {
				bases = append(bases, n.listen(t))
			}
			var enough atomic.Bool
			var trouble sync.WaitGroup
			trouble.Go(func() { f.trouble(t, rand.New(rand.NewPCG(seed, 3)), enough.Load) })
			history := makeHistory(t, bases, seed, perCaller)
			enough.Store(true)
			trouble.Wait()
			linearizable(t, seed, history)
		})
	}
}

// linearizable asks whether one order of effects explains a history.
func linearizable(t *testing.T, seed uint64, history []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(register, history, time.Minute)
	if result == porcupine.Ok {
		t.Logf("%d operations", len(history))
		return
	}
	path := fmt.Sprintf("%s/history.html", t.ArtifactDir())
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(porcupine.Visualize(register, info, f), f.Close())
	}
	t.Fatalf("seed %d: the history of %d operations is %s; see %s (%v)", seed, len(history), result, path, err)
}

// makeHistory lets callers do what they want at any of some addresses of the service.
func makeHistory(t *testing.T, bases []string, seed uint64, perCaller int) []porcupine.Operation {
	const callers, accounts = 8, 3
	var (
		mu      sync.Mutex
		history []porcupine.Operation
		wg      sync.WaitGroup
	)
	start := time.Now()
	for caller := range callers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for n := range perCaller {
				o := op{r.IntN(accounts), []string{"balance", "balance", "set", "add", "spend"}[r.IntN(5)], r.IntN(50)}
				call := time.Since(start).Nanoseconds()
				out := act(t, client, bases, o, r, fmt.Sprintf("%d-%d", caller, n))
				ret := time.Since(start).Nanoseconds()
				if out.unknown {
					if o.kind == "balance" {
						continue // a read that nobody saw says nothing
					}
					ret = int64(time.Hour) // it may take effect at any later time
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: caller, Input: o, Call: call, Output: out, Return: ret})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// A caller whose operation never returned is, from then on, another caller.
	next := callers
	for i := range history {
		if history[i].Output.(seen).unknown {
			history[i].ClientId = next
			next++
		}
	}
	return history
}

// act carries out one operation: now and then the caller hangs up early, and then either leaves it
// at that or repeats itself, under the same key, until it gets an answer.
func act(t *testing.T, client *http.Client, bases []string, o op, r *rand.Rand, key string) seen {
	keyed := r.IntN(2) == 0 || len(bases) > 1 && r.IntN(4) > 0
	for try := 0; ; try++ {
		ctx, cancel := context.WithCancel(t.Context())
		often := 60 // each loose end makes the check of the history dearer
		if keyed {
			often = 6
		}
		if r.IntN(often) == 0 && try < 5 {
			time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, cancel)
		}
		out, err := send(ctx, client, bases[r.IntN(len(bases))], o, keyed, key)
		cancel()
		switch {
		case err == nil && out.code != "in_flight" && out.code != "unavailable" && out.code != "overloaded" && out.code != "deadline":
			return out
		case o.kind == "balance":
			return seen{unknown: true}
		case !keyed && (err != nil || out.code == "deadline"):
			return seen{unknown: true}
		case err == nil:
			wait(time.Duration(r.IntN(20)) * time.Millisecond)
		}
	}
}

func send(ctx context.Context, client *http.Client, base string, o op, keyed bool, key string) (seen, error) {
	account := fmt.Sprintf("a%d", o.account)
	var req *http.Request
	var err error
	if o.kind == "balance" {
		req, err = http.NewRequestWithContext(ctx, "GET", base+"/v1/balance/"+account, nil)
	} else {
		field := map[string]string{"set": "balance"}[o.kind]
		if field == "" {
			field = "amount"
		}
		body := fmt.Sprintf(`{"account_id":%q,%q:%d}`, account, field, o.amount)
		req, err = http.NewRequestWithContext(ctx, "POST", base+"/v1/"+o.kind, strings.NewReader(body))
	}
	if err != nil {
		return seen{}, err
	}
	if o.kind != "balance" {
		req.Header.Set("Content-Type", "application/json")
		if keyed {
			req.Header.Set("Idempotency-Key", `"`+key+`"`)
		}
	}
	res, err := client.Do(req)
	if err != nil {
		return seen{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return seen{}, err
	}
	var doc struct {
		Type    string
		Balance int
		Account struct{ Balance int }
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return seen{}, fmt.Errorf("%s: %w: %s", res.Status, err, body)
	}
	if res.StatusCode >= 300 {
		return seen{code: strings.TrimPrefix(doc.Type, "urn:partita:problem:")}, nil
	}
	if o.kind == "add" {
		return seen{balance: doc.Account.Balance}, nil
	}
	return seen{balance: doc.Balance}, nil
}
