package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/bus/bustest"
)

// accepting is the ledger, whose additions are accepted for later where the caller wants it.
var accepting = strings.Replace(ledger, "{insert: entry, set: {amount: = input.amount}}\n", "{insert: entry, set: {amount: = input.amount}}\n    async: offered\n", 1)

// additions are what one caller added to an account of its own, one after the other: 1, 2, 3 …
type additions struct {
	account   string
	next      int
	accepted  map[int]string // the operation, by amount; "": it is not asked for
	uncertain int            // requests without an answer: accepted or not
}

// TestAKilledNodeLosesNoAcceptedWrite kills a node with everything embedded, again and again, while
// writes are accepted. In the end each that was answered with 202 is there once, those of an account
// in their order.
func TestAKilledNodeLosesNoAcceptedWrite(t *testing.T) {
	rounds := 10
	if soak() {
		rounds = 100
	}
	const callers = 12
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var all [callers]*additions
	for i := range all {
		all[i] = &additions{account: fmt.Sprintf("a%d", i), next: 1, accepted: map[int]string{}}
	}
	for round := range rounds {
		node := &process{Source: accepting, Dir: dir}
		node.start(t)
		for _, a := range all {
			if round > 0 {
				break
			}
			if status, body := a.post(t, http.DefaultClient, node.base, "/v1/set", `{"account_id":%q,"balance":0}`); status != http.StatusCreated {
				t.Fatal(status, string(body))
			}
		}
		var killed atomic.Bool
		var taken atomic.Int64 // in this round
		var wg sync.WaitGroup
		for _, a := range all {
			wg.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for !killed.Load() {
					a.add(t, client, node.base)
					if a.accepted[a.next-1] != "" {
						taken.Add(1)
					}
				}
			})
		}
		eventually(t, "writes are accepted", func() bool { return taken.Load() >= 10 })
		wait(time.Duration(r.IntN(400)) * time.Millisecond)
		node.kill()
		killed.Store(true)
		wg.Wait()
	}
	node := &process{Source: accepting, Dir: dir}
	node.start(t)
	accepted, uncertain := 0, 0
	for _, a := range all {
		accepted, uncertain = accepted+len(a.accepted), uncertain+a.uncertain
		a.check(t, func(path string) []byte {
			resp, err := http.Get(node.base + path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%s: %s %s %v", path, resp.Status, body, err)
			}
			return body
		})
	}
	t.Logf("%d writes were accepted, %d requests had no answer, over %d kills", accepted, uncertain, rounds)
}

// post sends a write of the account; 0 where there was no answer.
func (a *additions) post(t *testing.T, client *http.Client, base, path, body string, header ...string) (status int, answer []byte) {
	req, err := http.NewRequestWithContext(t.Context(), "POST", base+path, strings.NewReader(fmt.Sprintf(body, a.account)))
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return askNode(client, req)
}

// askNode sends a request; 0 where there was no answer.
func askNode(client *http.Client, req *http.Request) (status int, answer []byte) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

// add has the next addition accepted.
func (a *additions) add(t *testing.T, client *http.Client, base string) {
	a.send(t, client, base, fmt.Sprintf(`{"account_id":%%q,"amount":%d}`, a.next))
}

// addTo is add, where entries are of a branch.
func (a *additions) addTo(t *testing.T, client *http.Client, base, branch string) {
	a.send(t, client, base, fmt.Sprintf(`{"account_id":%%q,"amount":%d,"branch":%q}`, a.next, branch))
}

func (a *additions) send(t *testing.T, client *http.Client, base, input string) {
	status, body := a.post(t, client, base, "/v1/add", input, "Prefer", "respond-async")
	for status == http.StatusServiceUnavailable && bytes.Contains(body, []byte("urn:partita:problem:overloaded")) {
		wait(10 * time.Millisecond) // more comes than a slow machine can do; nothing was changed
		status, body = a.post(t, client, base, "/v1/add", input, "Prefer", "respond-async")
	}
	switch status {
	case http.StatusAccepted:
		var o struct{ ID string }
		if err := json.Unmarshal(body, &o); err != nil {
			t.Error(err)
		}
		a.accepted[a.next] = o.ID
	case 0:
		a.uncertain++
	default:
		t.Errorf("%d %s", status, body)
	}
	a.next++
}

// note keeps in mind that the next addition was accepted. Those before it are done once it is, so only
// some of them are asked for in the end.
func (a *additions) note(id string) {
	a.accepted[a.next] = id
	if before := a.next - 1; before%50 > 0 {
		a.accepted[before] = ""
	}
	a.next++
}

// check holds what is there against what was accepted, and gives the number of additions.
func (a *additions) check(t *testing.T, get func(path string) []byte) int {
	t.Helper()
	for amount, id := range a.accepted {
		if id == "" {
			continue
		}
		var o struct {
			Status  string
			Problem struct{ Detail string }
		}
		for until := time.Now().Add(time.Minute); o.Status != "done"; {
			if err := json.Unmarshal(get("/v1/operations/"+id+"?wait=10s"), &o); err != nil {
				t.Fatal(err)
			}
			if o.Status == "failed" || time.Now().After(until) {
				t.Fatalf("addition %d of %s is %s: %s", amount, a.account, o.Status, o.Problem.Detail)
			}
		}
	}
	seen, sum := a.entries(t, get)
	for amount := range a.accepted {
		if !seen[amount] {
			t.Errorf("%s: addition %d was accepted and is not there", a.account, amount)
		}
	}
	if len(seen) > len(a.accepted)+a.uncertain {
		t.Errorf("%s: %d additions are there, %d were accepted and %d may have been", a.account, len(seen), len(a.accepted), a.uncertain)
	}
	var doc struct{ Balance int }
	if err := json.Unmarshal(get("/v1/balance/"+a.account), &doc); err != nil || doc.Balance != sum {
		t.Errorf("%s has %d, and its entries add up to %d", a.account, doc.Balance, sum)
	}
	return len(seen)
}

// entries gives the additions that are there, and their sum. They must be in order.
func (a *additions) entries(t *testing.T, get func(path string) []byte) (seen map[int]bool, sum int) {
	t.Helper()
	seen = map[int]bool{}
	last := 0
	path := "/v1/entries/" + a.account
	for path != "" {
		var page struct {
			Items []struct{ Amount int }
			Next  string
		}
		if err := json.Unmarshal(get(path), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			if e.Amount <= last {
				t.Errorf("%s: addition %d comes after %d", a.account, e.Amount, last)
			}
			last, sum, seen[e.Amount] = e.Amount, sum+e.Amount, true
		}
		if path = ""; page.Next != "" {
			path = "/v1/entries/" + a.account + "?after=" + page.Next
		}
	}
	return seen, sum
}

// TestNodesShareAcceptedWrites has three nodes accept writes for the same accounts, while the database
// is killed and the nodes stop and start. Callers repeat what was not answered, at any node.
func TestNodesShareAcceptedWrites(t *testing.T) {
	troubles := 4
	if soak() {
		troubles = 40
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	shared := bustest.Start(t, 1).URLs()
	f := startFleet(t, 3, accepting, seed, func(_ int, c *partita.Config) { c.Bus = shared })
	const callers = 8
	var (
		all     [callers]*additions
		stopped atomic.Bool
		taken   atomic.Int64
		again   atomic.Int64
		wg      sync.WaitGroup
	)
	for i := range all {
		a := &additions{account: fmt.Sprintf("a%d", i), next: 1, accepted: map[int]string{}}
		all[i] = a
		if s := f.nodes[0].ask(t.Context(), "POST", "/v1/set", fmt.Sprintf(`{"account_id":%q,"balance":0}`, a.account)); s.status >= 300 {
			t.Fatal(s.status, s.body.String())
		}
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for !stopped.Load() {
				body := fmt.Sprintf(`{"account_id":%q,"amount":%d}`, a.account, a.next)
				s := f.nodes[r.IntN(3)].ask(t.Context(), "POST", "/v1/add", body, "Prefer", "respond-async", "Idempotency-Key", fmt.Sprintf(`"%s-%d"`, a.account, a.next))
				switch {
				case s.status == http.StatusAccepted:
					var o struct{ ID string }
					if err := json.Unmarshal(s.body.Bytes(), &o); err != nil {
						t.Error(err)
					}
					a.note(o.ID)
					taken.Add(1)
				case s.status < 500:
					t.Errorf("%d %s", s.status, s.body.String())
					return
				default:
					again.Add(1)
					wait(time.Duration(5+r.IntN(20)) * time.Millisecond)
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(seed, 99))
	for i := range troubles {
		wait(time.Duration(200+r.IntN(400)) * time.Millisecond)
		if i%2 == 0 {
			database.Kill()
			wait(time.Duration(r.IntN(500)) * time.Millisecond)
			if err := database.Run(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		n := f.nodes[r.IntN(3)]
		if err := n.Stop(context.Background()); err != nil {
			t.Log(err) // what was under way took too long
		}
		n.start(t)
	}
	wait(300 * time.Millisecond)
	eventually(t, "enough is accepted to say something", func() bool { return taken.Load() >= int64(20*troubles) || t.Failed() })
	stopped.Store(true)
	wg.Wait()
	accepted := 0
	for _, a := range all {
		accepted += len(a.accepted)
		a.check(t, func(path string) []byte {
			for until := time.Now().Add(time.Minute); ; wait(10 * time.Millisecond) {
				s := f.nodes[r.IntN(3)].ask(t.Context(), "GET", path, "")
				if s.status == 200 {
					return s.body.Bytes()
				}
				if time.Now().After(until) {
					t.Fatalf("%s: %d %s", path, s.status, s.body.String())
				}
			}
		})
	}
	t.Logf("%d writes were accepted, %d requests repeated", accepted, again.Load())
}
