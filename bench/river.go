package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/internal/pgtest"
)

// The contenders of the river group.
const (
	riverRow = "River"
	onRow    = "Partita, a write and App.On"
)

// startDatabase starts the PostgreSQL that the groups share, durable as it comes.
func (b *run) startDatabase() (err error) {
	if b.database != nil {
		return nil
	}
	if b.database, err = pgtest.Start(); err != nil {
		return err
	}
	b.report.fact("database", "", "%s", b.database.Version())
	return nil
}

// river measures background work on PostgreSQL: a request commits one job durably, and a function
// that does nothing is called for it behind the commit. First as many as go, until the last one is
// worked; then half as many a second, where what counts is the time from the commit to the call.
func (b *run) river() error {
	if err := b.startDatabase(); err != nil {
		return err
	}
	contenders := []worker{{row: riverRow, floor: "pg-river"}, {row: onRow, floor: "pg-on", target: pickTarget}, {row: onRow + ", two views", floor: "pg-on-views", target: pickTarget},
		{row: onRow + ", SQLite", floor: "on", target: pickTarget}, {row: onRow + ", SQLite, two views", floor: "on-views", target: pickTarget}}
	for i := range contenders {
		var err error
		if contenders[i].s, err = b.startFloor(contenders[i].floor); err != nil {
			return err
		}
	}
	for round := range b.options.rounds {
		for _, c := range contenders {
			if err := b.workAll(c, uint64(round)); err != nil {
				return fmt.Errorf("%s: %w", c.row, err)
			}
		}
	}
	for _, c := range contenders {
		if err := b.workHalf(c); err != nil {
			return fmt.Errorf("%s at half load: %w", c.row, err)
		}
		if err := c.s.stop(); err != nil {
			return err
		}
	}
	return nil
}

// worker is one contender.
type worker struct {
	row, floor, target string
	s                  *server
}

const pickTarget = "≤ 5 ms"

// workAll has jobs worked as fast as they go.
func (b *run) workAll(c worker, seed uint64) error {
	own, its := ownCPU(), c.s.cpu()
	answered, err := load(c.s.addr, b.conns, b.round, seed, http.StatusCreated, b.job(customers, nil))
	if err != nil {
		return err
	}
	if answered.Errors > 0 {
		return fmt.Errorf("%d answers had another status than 201", answered.Errors)
	}
	f, err := c.s.settled()
	if err != nil {
		return err
	}
	own, its = ownCPU()-own, c.s.cpu()-its
	fmt.Printf("%-44s %7.0f/s  picked up after p50 %10s  p99 %10s  repeats %d\n", c.row, f.Rate, f.P50.Round(time.Microsecond), f.P99.Round(time.Microsecond), f.Repeats)
	b.report.add("river", c.row, result{Rate: f.Rate, P50: f.P50, P99: f.P99}, float64(own)/float64(own+its))
	return nil
}

// workHalf has half as many worked.
func (b *run) workHalf(c worker) error {
	half := median(pick(b.report.row("river", c.row).rounds, func(r result) float64 { return r.Rate })) / 2
	var p95 []time.Duration
	for round := range b.options.rounds {
		if err := paced(c.s.addr, b.conns, half, b.round, uint64(round), func(int) request { return b.job(customers, nil) }, func(int) {}); err != nil {
			return err
		}
		f, err := c.s.settled()
		if err != nil {
			return err
		}
		p95 = append(p95, f.P95)
	}
	b.report.fact(c.row+": picked up after the commit, p95 at half load", c.target, "%s (%s–%s) at %.0f/s",
		millis(median(p95)), millis(slices.Min(p95)), millis(slices.Max(p95)), half)
	return nil
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 2, 64) + " ms"
}

var lastJob atomic.Int64

// job makes the request for one job, in one of the first customers; sent is told its number. nil:
// nobody is.
func (b *run) job(customers int, sent func(n int)) request {
	return func(r *rand.Rand, q []byte) []byte {
		const before, between, after = `{"customer_id":"`, `","number":`, `}`
		n := lastJob.Add(1)
		number := strconv.FormatInt(n, 10)
		q = append(append(q, "POST /v1/start_job HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nNumber: "...), number...)
		q = append(q, "\r\nContent-Length: "...)
		q = strconv.AppendInt(q, int64(len(before)+36+len(between)+len(number)+len(after)), 10)
		q = append(append(append(q, "\r\n\r\n"...), before...), b.keys.customer[r.IntN(customers)]...)
		if sent != nil {
			sent(int(n))
		}
		return append(append(append(q, between...), number...), after...)
	}
}

// settled waits until every job that was committed is worked, and gives the figures since the last
// time.
func (s *server) settled() (workFigures, error) {
	var last workFigures
	for range 300 {
		r, err := http.Get("http://" + s.addr + "/figures")
		if err != nil {
			return workFigures{}, err
		}
		var f workFigures
		err = json.NewDecoder(r.Body).Decode(&f)
		r.Body.Close()
		last = f
		if err != nil || f.Open == 0 {
			return f, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return workFigures{}, fmt.Errorf("jobs are still not worked after a quarter of a minute: %+v", last)
}
