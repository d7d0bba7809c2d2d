package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestTheBusIsLost kills a node with everything embedded while it has accepted writes and events that
// were not told yet, and deletes the files of its bus. What was committed is there, and told; what was
// accepted and not carried out says so.
func TestTheBusIsLost(t *testing.T) {
	hook := startReceiver(t)
	node := &onceNode{process: process{Source: telling(hook.URL), Dir: t.TempDir()}}
	node.run(t)
	w := &onceWorld{t: t, rand: rand.New(rand.NewPCG(1, 2)), nodes: []*onceNode{node}}
	const committed = 3
	callers := max(32, 8*runtime.GOMAXPROCS(0)) // enough for a rush
	all := make([]*additions, callers)
	hook.mute(true)
	for i := range all {
		a := &additions{account: fmt.Sprintf("a%d", i), next: 1, accepted: map[int]string{}}
		all[i] = a
		if status, body := a.post(t, http.DefaultClient, node.base, "/v1/set", `{"account_id":%q,"balance":0}`); status != http.StatusCreated {
			t.Fatal(status, string(body))
		}
		for ; a.next <= committed; a.next++ {
			if status, body := a.post(t, http.DefaultClient, node.base, "/v1/add", fmt.Sprintf(`{"account_id":%%q,"amount":%d,"branch":"b0"}`, a.next)); status != http.StatusOK {
				t.Fatal(status, string(body))
			}
		}
	}
	// A rush: accepting goes before carrying out, so that much of it waits when the node is killed.
	var (
		killed   atomic.Bool
		accepted atomic.Int64
		rush     sync.WaitGroup
	)
	for _, a := range all {
		rush.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for !killed.Load() {
				a.addTo(t, client, node.base, "b0")
				accepted.Add(1)
			}
		})
	}
	w.eventually("there is a rush", func() bool { return accepted.Load() > int64(5*callers) })
	node.kill()
	killed.Store(true)
	rush.Wait()
	if err := os.RemoveAll(filepath.Join(node.Dir, "bus")); err != nil {
		t.Fatal(err)
	}
	hook.mute(false)
	node.run(t)

	done, lost, entries := 0, 0, 0
	for _, a := range all {
		there, sum := a.entries(t, w.get)
		for amount := 1; amount <= committed; amount++ {
			if !there[amount] {
				t.Errorf("%s: addition %d was committed and is not there", a.account, amount)
			}
		}
		for amount, id := range a.accepted {
			var o struct {
				Status  string
				Problem struct{ Type, Detail string }
			}
			if err := json.Unmarshal(w.get("/v1/operations/"+id), &o); err != nil {
				t.Fatal(err)
			}
			switch {
			case o.Status == "done" && there[amount]:
				done++
			case o.Status == "failed" && !there[amount]:
				lost++
				if o.Problem.Type != "urn:partita:problem:gone" || !strings.Contains(o.Problem.Detail, "the message bus lost it") {
					t.Errorf("addition %d of %s: %+v", amount, a.account, o)
				}
			default:
				t.Errorf("addition %d of %s is %s, and there: %v", amount, a.account, o.Status, there[amount])
			}
		}
		for amount := range there {
			entries++
			w.eventually(fmt.Sprintf("entry %d of %s is told", amount, a.account), func() bool { return hook.of(a.account, amount) })
		}
		var doc struct{ Balance int }
		if err := json.Unmarshal(w.get("/v1/balance/"+a.account), &doc); err != nil || doc.Balance != sum {
			t.Errorf("%s has %d, and its entries add up to %d", a.account, doc.Balance, sum)
		}
	}
	var tally struct{ Entries int }
	w.eventually("what follows is done", func() bool {
		if err := json.Unmarshal(w.get("/v1/tally/b0"), &tally); err != nil {
			t.Fatal(err)
		}
		return tally.Entries >= entries
	})
	events, _ := hook.counts()
	if tally.Entries != entries || events != entries {
		t.Errorf("%d entries are there, %d were told and %d followed", entries, events, tally.Entries)
	}
	t.Logf("%d accepted writes were carried out, %d are lost and say so; %d events", done, lost, events)
	if lost == 0 {
		t.Error("everything was carried out before the bus was lost")
	}
	// The bus is a new one, and takes writes.
	a := all[0]
	clear(a.accepted)
	a.addTo(t, http.DefaultClient, node.base, "b1")
	var o struct{ Status string }
	if err := json.Unmarshal(w.get("/v1/operations/"+a.accepted[a.next-1]+"?wait=30s"), &o); err != nil || o.Status != "done" {
		t.Errorf("a write that was accepted afterwards is %s", o.Status)
	}
}
