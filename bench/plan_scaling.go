package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// concurrencies at which throughput is measured; the forecast is for 1.5 times the last.
var concurrencies = []int{1, 2, 4, 8, 16, 32}

const ahead = 48

// scaling measures throughput at some concurrencies, has `partita plan` foretell it at 1.5 times the
// highest, and measures that too.
func (b *run) scaling() error {
	if err := b.startDatabase(); err != nil {
		return err
	}
	url, err := b.database.Make()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "orders.ndjson")
	if err := writeOrders(file); err != nil {
		return err
	}
	for _, s := range []struct {
		name, store, data string
		args              []string
	}{
		{"SQLite", "sqlite", filepath.Join(b.dir, "scale"), nil},
		{"PostgreSQL", "postgres", filepath.Join(b.dir, "scale-pg"), []string{"--store", url}},
	} {
		cmd := exec.Command(b.partita, append([]string{"import", "order", file, "--model", b.model, "--data", s.data}, s.args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		p, _, err := b.startPartita(s.data, b.model, s.args...)
		if err != nil {
			return err
		}
		place := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
		err = errors.Join(
			b.scale("reads with fresh 0, "+s.name, s.store, contender{s: p, want: 200, next: b.get("/v1/order_now/", nil)}),
			b.scale("writes, "+s.name, s.store, contender{s: p, want: 201, next: place}))
		if err := errors.Join(err, p.stop()); err != nil {
			return err
		}
	}
	return nil
}

// measured is a report of `partita bench`, as far as `partita plan` fits throughput to it.
type measured struct {
	Format  int            `json:"format"`
	Service string         `json:"service"`
	Store   string         `json:"store"`
	Machine map[string]int `json:"machine"`
	Steps   []step         `json:"steps"`
}

type step struct {
	InFlight float64 `json:"in_flight"`
	Goodput  float64 `json:"goodput"`
	Followed bool    `json:"followed"`
}

func (b *run) scale(name, store string, c contender) error {
	rates := map[int][]float64{}
	for round := range b.rounds {
		for _, n := range append(concurrencies[:len(concurrencies):len(concurrencies)], ahead) {
			r, err := load(c.s.addr, n, b.round, uint64(round), c.want, c.next)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if r.Errors > 0 {
				return fmt.Errorf("%s: %d answers had another status than %d", name, r.Errors, c.want)
			}
			rates[n] = append(rates[n], r.Rate)
		}
	}
	m := measured{Format: 1, Service: "bench", Store: store, Machine: map[string]int{"cores": runtime.NumCPU()}}
	for _, n := range concurrencies {
		m.Steps = append(m.Steps, step{float64(n), median(rates[n]), true})
		fmt.Printf("%-34s %3d at a time %9.0f/s\n", name, n, median(rates[n]))
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "measured.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	f, err := b.foretell(b.model, "--measured", file)
	if err != nil {
		return err
	}
	if f.Scaling == nil || f.Scaling.Upto*1.5 != ahead {
		return fmt.Errorf("%s: partita plan foretells no throughput", name)
	}
	found := median(rates[ahead])
	b.report.fact(fmt.Sprintf("plan: %s, %d at a time, from up to %d", name, ahead, concurrencies[len(concurrencies)-1]), "within 15 %",
		"%.0f/s foretold, %.0f/s found: %+.0f %%", f.Scaling.Ahead.Value, found, 100*(f.Scaling.Ahead.Value/found-1))
	return nil
}
