package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/auth"
)

// example is an example that runs, on nodes that share a store.
type example struct {
	t      *testing.T
	config partita.Config
	mu     sync.Mutex
	nodes  []*partita.App
}

// eachStore runs a test on SQLite with one node, and on PostgreSQL with two.
func eachStore(t *testing.T, name string, test func(x *example)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			x := &example{t: t, config: partita.Config{
				Model: "../../examples/" + name + "/" + name + ".yaml", DataDir: t.TempDir(), Auth: partita.Auth{Secret: []byte(chatSecret)},
				Listen: "127.0.0.1:0", Admin: partita.None,
			}}
			x.nodes = make([]*partita.App, 1)
			if kind == "postgres" {
				x.config.Store, x.nodes = database.Database(t), make([]*partita.App, 2)
			}
			for i := range x.nodes {
				x.start(i)
			}
			t.Cleanup(func() {
				for i := range x.nodes {
					x.stop(i)
				}
			})
			test(x)
		})
	}
}

func (x *example) start(i int) {
	x.t.Helper()
	app, err := partita.Open(x.config)
	if err != nil {
		x.t.Fatal(err)
	}
	if err := app.Start(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.nodes[i] = app
}

func (x *example) stop(i int) {
	x.t.Helper()
	if err := x.nodes[i].Stop(context.Background()); err != nil {
		x.t.Error(err)
	}
}

func (x *example) base(i int) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return "http://" + x.nodes[i%len(x.nodes)].Addr()
}

// rows reads all pages of a list, or the one row of a get.
func (x *example) rows(token, path string) (rows []map[string]any) {
	x.t.Helper()
	for next := ""; ; {
		address := x.base(0) + "/v1/" + path
		if next != "" {
			address += "?after=" + next
		}
		r, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, address, nil)
		if err != nil {
			x.t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			x.t.Fatal(err)
		}
		text, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil || a.StatusCode != http.StatusOK {
			x.t.Fatalf("%s: %s %s %v", path, a.Status, text, err)
		}
		var page struct {
			Items []map[string]any `json:"items"`
			Next  string           `json:"next"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			x.t.Fatal(err)
		}
		if page.Items == nil {
			var row map[string]any
			if err := json.Unmarshal(text, &row); err != nil {
				x.t.Fatal(err)
			}
			if row["items"] == nil {
				return []map[string]any{row}
			}
		}
		rows = append(rows, page.Items...)
		if next = page.Next; next == "" {
			return rows
		}
	}
}

func (x *example) wait(what string, holds func() bool) {
	x.t.Helper()
	eventually(x.t, what, holds)
}

// Transfers between accounts settle or are undone, each once, while a node goes and comes: no money
// is made or lost.
func TestTransfersOfTheLedger(t *testing.T) {
	eachStore(t, "ledger", func(x *example) {
		const accounts, senders, each, start = 6, 4, 25, 5000
		text, err := auth.Mint([]byte(chatSecret), map[string]any{"sub": "ann", "roles": []string{"teller"}}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		token := "Bearer " + text
		for i := range accounts {
			post(x.t, x.base(i), token, "open_account", fmt.Sprintf(`{"account_id":"a%d"}`, i))
			post(x.t, x.base(i), token, "pay_in", fmt.Sprintf(`{"account_id":"a%d","amount":%d}`, i, start))
		}
		post(x.t, x.base(0), token, "shut_account", `{"account_id":"a0"}`)
		sent := 0
		send := func(from int) {
			var mu sync.Mutex
			var wg sync.WaitGroup
			for n := range senders {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(uint64(n), uint64(from)))
					for i := range each {
						body := fmt.Sprintf(`{"account_id":"a%d","to_account":"a%d","amount":%d}`, 1+random.IntN(accounts-1), random.IntN(accounts), 1+random.IntN(300))
						status, text := try(x.t, x.base(from+i), token, "send", body)
						switch status {
						case http.StatusOK, http.StatusCreated:
							mu.Lock()
							sent++
							mu.Unlock()
						case http.StatusConflict: // not enough money
						default:
							x.t.Errorf("send: %d %s", status, text)
						}
					}
				})
			}
			wg.Wait()
		}
		send(0)
		x.stop(0) // with transfers on their way
		x.start(0)
		send(1)
		states := map[any]int{}
		x.wait("every transfer is settled or undone", func() bool {
			clear(states)
			for i := range accounts {
				for _, row := range x.rows(token, fmt.Sprintf("transfers/a%d", i)) {
					states[row["status"]]++
				}
			}
			return states["pending"] == 0 && states["done"]+states["undone"] == sent
		})
		money, receipts := 0.0, 0
		for i := range accounts {
			money += x.rows(token, fmt.Sprintf("account/a%d", i))[0]["balance"].(float64)
			receipts += len(x.rows(token, fmt.Sprintf("receipts/a%d", i)))
		}
		if money != accounts*start || receipts != states["done"] || states["undone"] == 0 {
			x.t.Errorf("%v of %d, %d receipts, %v", money, accounts*start, receipts, states)
		}
	})
}

// Every member of a room finds the last message in the inbox.
func TestInboxesOfTheChat(t *testing.T) {
	eachStore(t, "chat", func(x *example) {
		const room, members, messages = "018f5a00-0000-7000-8000-000000000009", 30, 10
		admin := bearer(x.t, "admin", time.Hour)
		post(x.t, x.base(0), admin, "open_room", `{"room_id":"`+room+`","title":"all"}`)
		for i := range members {
			post(x.t, x.base(i), admin, "add_member", fmt.Sprintf(`{"room_id":%q,"user_id":"u%02d","role":"member"}`, room, i))
		}
		for i := range messages {
			post(x.t, x.base(i), bearer(x.t, fmt.Sprintf("u%02d", i), time.Hour), "post", fmt.Sprintf(`{"room_id":%q,"text":"%d"}`, room, i))
		}
		for i := range members {
			user := fmt.Sprintf("u%02d", i)
			token := bearer(x.t, user, time.Hour)
			x.wait(user+" finds the last message", func() bool {
				inbox := x.rows(token, "inbox/"+user)
				return len(inbox) == 1 && inbox[0]["last_seq"] == float64(messages) && inbox[0]["room_id"] == room
			})
		}
	})
}
