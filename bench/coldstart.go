package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// What a cold start is made of. Requests arrive at random at the greatest rate, of these shares of what a
// closed loop gets from the warm cache, that the warm service carries: nearly all answers are in time.
// Then the service is stopped and started again, empty, while the requests go on. Callers share the
// connections of the other groups, and give up when none is free for a while.
var coldShares = []float64{0.8, 0.7, 0.6, 0.5, 0.4}

const (
	carried    = 0.99            // of what is asked must be in time where a load is carried
	coldTrial  = 2 * time.Second // to see whether a load is carried
	coldWarm   = time.Second     // before the restart
	coldPeriod = 3               // seconds after the restart that count as cold
	coldAll    = 8               // seconds after the restart that are watched
	coldHold   = 250 * time.Millisecond
	coldTarget = "≥ 0.95"
)

// coldResult is what one restart came to.
type coldResult struct {
	asked, store float64 // per second
	away         time.Duration
	good         []int // answers in time, by second since the restart
	refused      []int
	other        []int // late or given up
}

// ratio gives the goodput while cold, of what the store alone serves.
func (r coldResult) ratio() float64 {
	sum := 0
	for _, n := range r.good[:coldPeriod] {
		sum += n
	}
	return float64(sum) / coldPeriod / r.store
}

// coldStart measures what a service that has lost its caches still does under the load of before.
func (b *run) coldStart() error {
	if err := b.startDatabase(); err != nil {
		return err
	}
	data := filepath.Join(b.dir, "coldpg")
	url, err := b.importPG(data)
	if err != nil {
		return err
	}
	return errors.Join(b.coldStarts("SQLite", b.data()), b.coldStarts("PostgreSQL", data, "--store", url))
}

// coldStarts restarts a service on one store a few times, and reports the median.
func (b *run) coldStarts(name, data string, args ...string) error {
	var all []coldResult
	for range min(3, b.options.rounds) {
		r, err := b.coldOne(data, append(args, cacheFlag, "512MiB")...)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s: %.2f; the store alone %.0f/s, asked %.0f/s, away for %s; by second %v in time, %v refused, %v late or given up\n",
			name, r.ratio(), r.store, r.asked, r.away.Round(time.Millisecond), r.good, r.refused, r.other)
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b coldResult) int {
		if a.ratio() < b.ratio() {
			return -1
		}
		return 1
	})
	r := all[len(all)/2]
	b.report.fact(fmt.Sprintf("cold start, %s: goodput in the first %d s under the load that the warm service carried, of what the store alone serves", name, coldPeriod), coldTarget,
		"%.2f (%.2f–%.2f): asked %.0f/s, the store alone %.0f/s, by second %v/s", r.ratio(), all[0].ratio(), all[len(all)-1].ratio(), r.asked, r.store, r.good)
	return nil
}

func (b *run) coldOne(data string, args ...string) (r coldResult, err error) {
	p, _, err := b.startPartita(data, b.model, args...)
	if err != nil {
		return r, err
	}
	if err := b.warm(p, "order", nil); err != nil {
		return r, err
	}
	alone := func(p *server, seed uint64) float64 {
		s, failed := load(p.addr, b.conns, b.round, seed, 200, b.get("/v1/order_now/", nil))
		err = errors.Join(err, failed)
		return s.Rate
	}
	before := alone(p, 1)
	hit, failed := load(p.addr, b.conns, b.round, 2, 200, b.get("/v1/order/", nil))
	if err = errors.Join(err, failed); err != nil {
		return r, err
	}
	c := contender{"Partita", p, 200, b.get("/v1/order/", nil)}
	for i, share := range coldShares {
		trial := b.callers(c, uint64(10+i))
		trial.arrive(share*hit.Rate, coldTrial)
		if float64(trial.good) >= carried*float64(trial.offered) {
			r.asked = share * hit.Rate
			break
		}
	}
	if r.asked == 0 {
		return r, errors.New("the warm service carries none of the loads")
	}
	again, err := b.restartUnder(b.callers(c, 20), &r, data, args...)
	if err != nil {
		return r, err
	}
	r.store = (before + alone(again, 3)) / 2
	return r, errors.Join(err, again.stop())
}

// callers are those of a cold start.
func (b *run) callers(c contender, seed uint64) *flooding {
	f := &flooding{c: c, seed: seed, crowd: b.conns, hold: coldHold}
	f.seat(b.conns)
	return f
}

// restartUnder stops and starts a service under the load of callers.
func (b *run) restartUnder(f *flooding, r *coldResult, data string, args ...string) (again *server, err error) {
	r.good, r.refused, r.other = make([]int, coldAll), make([]int, coldAll), make([]int, coldAll)
	var ready time.Duration // since the start of the load; 0: not yet
	var mu sync.Mutex
	f.told = func(at time.Duration, status int, good bool) {
		mu.Lock()
		defer mu.Unlock()
		second := int((at - ready) / time.Second)
		switch {
		case ready == 0 || at < ready || second >= coldAll:
		case good:
			r.good[second]++
		case status == 503:
			r.refused[second]++
		default:
			r.other[second]++
		}
	}
	start := time.Now()
	var restart sync.WaitGroup
	restart.Go(func() {
		time.Sleep(coldWarm)
		begin := time.Now()
		if err = f.c.s.stop(); err != nil {
			return
		}
		if again, _, err = b.startPartitaAt(f.c.s.addr, data, b.model, args...); err != nil {
			return
		}
		mu.Lock()
		r.away, ready = time.Since(begin), time.Since(start)
		mu.Unlock()
	})
	f.arrive(r.asked, coldWarm+(coldAll+2)*time.Second)
	restart.Wait()
	return again, err
}
