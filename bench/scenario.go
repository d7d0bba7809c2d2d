package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita/internal/pgtest"
)

// cacheFlag is the flag that bounds the first tier.
const cacheFlag = "--cache-size"

// run is one whole run of the bench.
type run struct {
	options
	dir     string
	keys    *keys
	report  *report
	servers []*server
	apart   bool // servers are started on a core of their own, and the load has another

	database *pgtest.Server // nil until it is needed
}

func (b *run) data() string { return filepath.Join(b.dir, "data") }

// firstStart measures start, idle memory and the binary with the example shop and nothing in it.
func (b *run) firstStart() error {
	info, err := os.Stat(b.partita)
	if err != nil {
		return err
	}
	b.report.fact("binary", "≤ 70 MiB", "%.1f MiB", float64(info.Size())/(1<<20))
	var best time.Duration
	for i := range 3 {
		s, took, err := b.startPartita(filepath.Join(b.dir, "empty"+strconv.Itoa(i)), filepath.Join("..", "examples", "shop", "shop.yaml"))
		if err != nil {
			return err
		}
		if best == 0 || took < best {
			best = took
		}
		if i == 2 {
			time.Sleep(3 * time.Second) // idle
			b.report.fact("idle memory (resident)", "≤ 60 MiB", "%.1f MiB", float64(s.memory())/(1<<20))
		}
		if err := s.stop(); err != nil {
			return err
		}
	}
	b.report.fact("start to ready, empty store (best of 3)", "≤ 300 ms", "%d ms", best.Milliseconds())
	return nil
}

// importOrders fills the measured store through the command that users have.
func (b *run) importOrders() error {
	file := filepath.Join(b.dir, "orders.ndjson")
	if err := writeOrders(file); err != nil {
		return err
	}
	start := time.Now()
	cmd := exec.Command(b.partita, "import", "order", file, "--model", b.model, "--data", b.data())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	b.report.fact("import of 200,000 orders", "", "%.0f orders/s", orders/time.Since(start).Seconds())
	b.report.fact("store, per imported order (all tables, indexes, heads)", "", "%.0f bytes", float64(folderSize(b.data()))/orders)
	return nil
}

// contender is one server in one scenario.
type contender struct {
	name string
	s    *server
	want int
	next request
}

// turns lets each contender take its turn, several times over.
func (b *run) turns(group string, cs []contender) error {
	for round := range b.options.rounds {
		for _, c := range cs {
			own, its := ownCPU(), c.s.cpu()
			r, err := load(c.s.addr, b.conns, b.round, uint64(round), c.want, c.next)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			own, its = ownCPU()-own, c.s.cpu()-its
			share := float64(own) / float64(own+its)
			fmt.Printf("%-34s %9.0f/s  p50 %8s  p99 %8s  wrong %d\n", c.name, r.Rate, r.P50.Round(time.Microsecond), r.P99.Round(time.Microsecond), r.Errors)
			if r.Errors > 0 {
				return fmt.Errorf("%s: %d answers had another status than %d", c.name, r.Errors, c.want)
			}
			b.report.add(group, c.name, r, share)
		}
	}
	return nil
}

// cached measures reads from the first tier, without and with a token. Each server holds the 200,000
// answers that it is asked for and no others.
func (b *run) cached() error {
	tokens, err := b.tokens()
	if err != nil {
		return err
	}
	return errors.Join(
		b.cachedBy("cached", "order", "Partita, cached", nil),
		b.cachedBy("token", "order_owned", "Partita, cached, token and rule", tokens))
}

func (b *run) cachedBy(group, read, name string, tokens []string) error {
	p, _, err := b.startPartita(b.data(), b.model, cacheFlag, "512MiB")
	if err != nil {
		return err
	}
	if err := b.warm(p, read, tokens); err != nil {
		return err
	}
	if err := b.takeSample(p, read, tokens); err != nil {
		return err
	}
	bareFloor, err := b.startFloor("bare")
	if err != nil {
		return err
	}
	hand, err := b.startFloor("cache")
	if err != nil {
		return err
	}
	err = b.turns(group, []contender{
		{"bare net/http", bareFloor, 200, b.get("/v1/"+read+"/", tokens)},
		{"hand-written cache", hand, 200, b.get("/v1/"+read+"/", tokens)},
		{name, p, 200, b.get("/v1/"+read+"/", tokens)},
	})
	b.report.fact("memory with 200,000 cached answers, "+read+" (resident)", "", "%.0f MiB", float64(p.memory())/(1<<20))
	return errors.Join(err, bareFloor.stop(), hand.stop(), p.stop())
}

// uncached measures reads that always go to the store.
func (b *run) uncached() error {
	p, _, err := b.startPartita(b.data(), b.model)
	if err != nil {
		return err
	}
	hand, err := b.startFloor("sqlite")
	if err != nil {
		return err
	}
	pocket, err := b.startFloor("pocketbase")
	if err != nil {
		return err
	}
	quiet, err := b.startFloor("pocketbase-nolog")
	if err != nil {
		return err
	}
	record := func(r *rand.Rand, q []byte) []byte {
		q = append(q, "GET /api/collections/orders/records/"...)
		q = append(q, pocketID(r.IntN(orders))...)
		return append(q, " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
	}
	err = b.turns("uncached", []contender{
		{"hand-written net/http + SQLite", hand, 200, b.get("/v1/order/", nil)},
		{"Partita, fresh 0", p, 200, b.get("/v1/order_now/", nil)},
		{"PocketBase", pocket, 200, record},
		{"PocketBase, no request log", quiet, 200, record},
	})
	for _, s := range []*server{hand, p, pocket, quiet} {
		s.stop()
	}
	return err
}

// writes measures durable writes of one row.
func (b *run) writes() error {
	before := folderSize(b.data())
	p, _, err := b.startPartita(b.data(), b.model)
	if err != nil {
		return err
	}
	floors := map[string]*server{}
	for _, name := range []string{"sqlite-write", "sqlite-group", "pocketbase", "pocketbase-nolog"} {
		if name == "pocketbase" || name == "pocketbase-nolog" {
			os.RemoveAll(filepath.Join(b.dir, name))
		}
		if floors[name], err = b.startFloor(name); err != nil {
			return err
		}
	}
	place := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
	one := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", 0, r) }
	record := func(r *rand.Rand, q []byte) []byte {
		return b.post(q, "/api/collections/orders/records", r.IntN(customers), r)
	}
	err = b.turns("write", []contender{
		{"hand-written, a transaction each", floors["sqlite-write"], 201, place},
		{"hand-written, group commit", floors["sqlite-group"], 201, place},
		{"Partita", p, 201, place},
		{"Partita, one partition", p, 201, one},
		{"PocketBase (synchronous=NORMAL)", floors["pocketbase"], 200, record},
		{"PocketBase, no request log", floors["pocketbase-nolog"], 200, record},
	})
	if err != nil {
		return err
	}
	for _, s := range floors {
		s.stop()
	}
	if err := p.stop(); err != nil {
		return err
	}
	written := b.report.total("write", "Partita", b.round) + b.report.total("write", "Partita, one partition", b.round)
	b.report.fact("store, per written order (row, change, head)", "", "%.0f bytes", float64(folderSize(b.data())-before)/written)
	return nil
}

func (b *run) get(path string, tokens []string) request {
	return func(r *rand.Rand, q []byte) []byte {
		n := r.IntN(orders)
		q = append(append(q, "GET "...), path...)
		q = append(append(q, b.keys.customer[n/each]...), '/')
		q = append(append(q, b.keys.order[n]...), " HTTP/1.1\r\nHost: bench\r\n"...)
		if tokens != nil {
			q = append(append(append(q, "Authorization: Bearer "...), tokens[n/each]...), "\r\n"...)
		}
		return append(q, "\r\n"...)
	}
}

func (b *run) post(q []byte, path string, customer int, r *rand.Rand, headers ...string) []byte {
	const before, between, after = `{"customer_id":"`, `","total":`, `}`
	total := strconv.Itoa(r.IntN(100_000))
	q = append(append(append(q, "POST "...), path...), " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "...)
	q = strconv.AppendInt(q, int64(len(before)+36+len(between)+len(total)+len(after)), 10)
	for _, header := range headers {
		q = append(append(q, "\r\n"...), header...)
	}
	q = append(q, "\r\n\r\n"...)
	q = append(append(q, before...), b.keys.customer[customer]...)
	return append(append(append(q, between...), total...), after...)
}

// tokens signs one token for each customer.
func (b *run) tokens() ([]string, error) {
	tokens := make([]string, customers)
	for i := range tokens {
		t, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": b.keys.customer[i], "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(secret))
		if err != nil {
			return nil, err
		}
		tokens[i] = t
	}
	return tokens, nil
}

// warm reads every order once.
func (b *run) warm(p *server, read string, tokens []string) error {
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for w := range errs {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			for n := w; n < orders; n += len(errs) {
				r, err := b.order(p, read, n, tokens)
				if err != nil {
					errs[w] = err
					return
				}
				a, err := client.Do(r)
				if err != nil {
					errs[w] = err
					return
				}
				io.Copy(io.Discard, a.Body)
				a.Body.Close()
				if a.StatusCode != 200 {
					errs[w] = fmt.Errorf("warming: %s of order %d: %s", read, n, a.Status)
					return
				}
			}
			client.CloseIdleConnections()
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// order makes the request for one order.
func (b *run) order(p *server, read string, n int, tokens []string) (*http.Request, error) {
	r, err := http.NewRequest("GET", "http://"+p.addr+"/v1/"+read+"/"+b.keys.customer[n/each]+"/"+b.keys.order[n], nil)
	if err == nil && tokens != nil {
		r.Header.Set("Authorization", "Bearer "+tokens[n/each])
	}
	return r, err
}

// takeSample keeps one cached answer for the floors to imitate.
func (b *run) takeSample(p *server, read string, tokens []string) error {
	q, err := b.order(p, read, 0, tokens)
	if err != nil {
		return err
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	s := sample{Header: http.Header{}}
	for k, v := range r.Header {
		if k != "Date" && k != "Content-Length" { // net/http writes these itself
			s.Header[k] = v
		}
	}
	if s.Body, err = io.ReadAll(r.Body); err != nil {
		return err
	}
	b.report.sample = s
	j, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "sample.json"), j, 0o644)
}
