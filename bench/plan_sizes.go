package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/internal/observe"
)

// The shop whose size is foretold: what its model expects of a customer, for some customers. Texts are as
// long as the plan takes them to be.
const (
	shopCustomers = 500
	shopOrders    = 40 // of each
	shopLines     = 3  // of an order
	shopName      = 54
	shopNote      = 146 // of every second order
	shopSku       = 31
)

var shopFile = filepath.Join("..", "examples", "shop", "shop.yaml")

// sizes foretells the bytes of a shop from its model alone, makes it through its API, and compares.
func (b *run) sizes(postgres bool) error {
	var args []string
	var err error
	data, url, name, store := filepath.Join(b.dir, "shop"), "", "SQLite", "sqlite"
	if postgres {
		if err := b.startDatabase(); err != nil {
			return err
		}
		if url, err = b.database.Make(); err != nil {
			return err
		}
		data, args, name, store = data+"-pg", []string{"--store", url}, "PostgreSQL", "postgres"
	}
	f, err := b.foretell(shopFile, "--store", store, "--growth", fmt.Sprintf("%gx", shopCustomers/10e6)) // the shop's model expects 10M
	if err != nil {
		return err
	}
	p, _, err := b.startPartita(data, shopFile, args...)
	if err != nil {
		return err
	}
	if err := b.fillShop(p); err != nil {
		return err
	}
	if err := p.stop(); err != nil {
		return err
	}
	foretold := bytesOf(f, map[string]float64{"put_customer": shopCustomers, "place_order": shopCustomers * shopOrders})
	found := float64(folderSize(data))
	if postgres {
		if found, err = relations(url); err != nil {
			return err
		}
	}
	off := foretold/found - 1
	b.report.fact("plan: bytes of a shop of 20,000 orders on "+name+", of the model alone", "within 15 %", "%.1f MiB foretold, %.1f MiB found: %+.0f %%",
		foretold/(1<<20), found/(1<<20), 100*off)
	return nil
}

// bytesOf adds up what a forecast says of tables with their indexes, of heads, and of the changes that so
// many writes make. Nobody paid, so that the day's sales are empty.
func bytesOf(f *forecast, writes map[string]float64) (sum float64) {
	for _, e := range f.Entities {
		if e.Name != "sales" {
			sum += e.Bytes.Value
		}
	}
	changes := map[string]float64{}
	for _, w := range f.Writes {
		changes[w.Name] = w.Bytes.Value
	}
	for name, n := range writes {
		sum += n * changes[name]
	}
	return sum + f.Log.Heads.Value
}

// fillShop has customers place their orders, and waits for the views.
func (b *run) fillShop(p *server) error {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "bench", "roles": []string{"staff"}, "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(secret))
	if err != nil {
		return err
	}
	const callers = 32
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for w := range callers {
		wg.Go(func() {
			for c := w; c < shopCustomers && errs[w] == nil; c += callers {
				errs[w] = b.fillCustomer(p, token, c)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	filled := time.Now()
	for range 600 {
		// What is missing is from before, so a view that lacks less than that has all.
		since := time.Since(filled).Seconds()
		var s observe.Snapshot
		r, err := http.Get("http://" + p.admin + "/status")
		if err != nil {
			return err
		}
		err = json.NewDecoder(r.Body).Decode(&s)
		r.Body.Close()
		if err != nil {
			return err
		}
		done := len(s.Views) > 0
		for _, v := range s.Views {
			done = done && v.State == "ready" && v.Lag < since
		}
		if done {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the views of the shop are not done after a minute")
}

func (b *run) fillCustomer(p *server, token string, c int) error {
	id := b.keys.customer[c]
	send := func(write string, body any) error {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		q, err := http.NewRequest("POST", "http://"+p.addr+"/v1/"+write, bytes.NewReader(text))
		if err != nil {
			return err
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Authorization", "Bearer "+token)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		answer, err := io.ReadAll(r.Body)
		if err == nil && r.StatusCode >= 300 {
			err = fmt.Errorf("%s: %s %s", write, r.Status, answer)
		}
		return err
	}
	err := send("put_customer", map[string]any{"customer_id": id, "name": strings.Repeat("n", shopName), "email": fmt.Sprintf("customer%04d@example.com", c)})
	for o := 0; o < shopOrders && err == nil; o++ {
		order := map[string]any{"customer_id": id, "total": 100 * (o + 1)}
		if o%2 == 0 {
			order["note"] = strings.Repeat("t", shopNote)
		}
		var lines []map[string]any
		for l := range shopLines {
			lines = append(lines, map[string]any{"sku": fmt.Sprintf("%0*d", shopSku, l), "quantity": 1 + l, "price": 990})
		}
		order["lines"] = lines
		err = send("place_order", order)
	}
	return err
}

// relations gives the bytes of all tables and indexes of a database's schema.
func relations(url string) (float64, error) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	var n int64
	err = c.QueryRow(ctx, `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`).Scan(&n)
	return float64(n), err
}
