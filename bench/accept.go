package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"time"
)

// The contenders of the accepting group.
const (
	synchronousRow = "Partita, 201 when committed"
	acceptedRow    = "Partita, 202 when accepted"
)

// accepts measures how many writes a second are accepted durably, to be carried out later, against
// those that are answered when they are committed: the same insert, on the same disk, by the same
// server. What was accepted is carried out meanwhile; before the next turn the rest of it is waited
// for, and the fact below says how long that takes.
func (b *run) accepts() error {
	p, _, err := b.startPartita(filepath.Join(b.dir, "accept"), b.model)
	if err != nil {
		return err
	}
	now := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
	later := func(r *rand.Rand, q []byte) []byte {
		return b.post(q, "/v1/place_later", r.IntN(customers), r, "Prefer: respond-async")
	}
	var rates []float64
	for round := range b.options.rounds {
		for _, c := range []contender{{synchronousRow, p, 201, now}, {acceptedRow, p, 202, later}} {
			own, its := ownCPU(), p.cpu()
			r, err := load(p.addr, b.conns, b.round, uint64(round), c.want, c.next)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			own, its = ownCPU()-own, p.cpu()-its
			fmt.Printf("%-34s %9.0f/s  p50 %8s  p99 %8s  wrong %d\n", c.name, r.Rate, r.P50.Round(time.Microsecond), r.P99.Round(time.Microsecond), r.Errors)
			if r.Errors > 0 {
				return fmt.Errorf("%s: %d answers had another status than %d", c.name, r.Errors, c.want)
			}
			b.report.add("accept", c.name, r, float64(own)/float64(own+its))
		}
		begin := time.Now()
		settled, err := p.drained()
		if err != nil {
			return err
		}
		fmt.Printf("%-34s %s after the turn\n", "all of it carried out", time.Since(begin).Round(time.Millisecond))
		rates = append(rates, settled)
	}
	accepted := b.report.total("accept", acceptedRow, b.round)
	if last := rates[len(rates)-1]; last < accepted*0.99 {
		return fmt.Errorf("%.0f writes were accepted, and only %.0f are settled", accepted, last)
	}
	b.report.fact("p99 of accepting; of the synchronous write", "below it", "%s; %s",
		b.report.p99("accept", acceptedRow), b.report.p99("accept", synchronousRow))
	b.report.fact("accepted writes, all rounds; of them carried out", "", "%.0f; %.0f", accepted, rates[len(rates)-1])
	return p.stop()
}

// drained waits until nothing waits that was accepted, and gives how many accepted writes were
// settled since the start.
func (s *server) drained() (settled float64, err error) {
	for range 6000 {
		var status struct {
			Accepted struct {
				Accepted, Settled float64
				Waiting           float64
				Failed            float64
				Known             bool `json:"waiting_known"`
			}
		}
		r, err := http.Get("http://" + s.admin + "/status?window=start")
		if err != nil {
			return 0, err
		}
		err = json.NewDecoder(r.Body).Decode(&status)
		r.Body.Close()
		if err != nil {
			return 0, err
		}
		if a := status.Accepted; a.Known && a.Waiting == 0 && a.Settled == a.Accepted {
			if a.Failed > 0 {
				return 0, fmt.Errorf("%s accepted writes failed", strconv.FormatFloat(a.Failed, 'f', 0, 64))
			}
			return a.Settled, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, fmt.Errorf("accepted writes still wait after five minutes")
}

// p99 gives the median over a contender's rounds.
func (r *report) p99(group, name string) time.Duration {
	var all []time.Duration
	for _, res := range r.row(group, name).rounds {
		all = append(all, res.P99)
	}
	return median(all).Round(10 * time.Microsecond)
}
