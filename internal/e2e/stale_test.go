package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// places is the model that the checker watches. Every place counts: its value is 1, 2, 3 … Each value
// is written to the place's mark and to one of its three cells, so that most answers are touched by
// some of the writes only.
const places = `
service: places
partitions:
  place: {by: place_id, type: string(20), expect: 1k}
entities:
  mark: {in: place, fields: {n: int}}
  cell: {in: place, key: k, expect: 3, fields: {k: int, n: int}}
reads:
  latest:   {get: mark}
  recent:   {get: mark, fresh: 1s}
  tolerant: {get: mark, fresh: 300ms, stale: 20s}
  cell:     {get: cell, fresh: 1h}
  cells:    {list: cell, page: 10, fresh: 700ms, stale: 5s}
writes:
  count:
    input: {n: int}
    steps:
      - {upsert: mark, set: {n: = input.n}}
      - {upsert: cell, key: {k: = input.n % 3}, set: {n: = input.n}}
`

// watch knows of one place which value was there when.
type watch struct {
	mu     sync.Mutex
	acked  []time.Time // by value: when it was surely there
	tokens []string    // by value: the Partita-Version that its writer was given
	node   []int       // by value: the node that surely did it; -1: not sure which
	last   int         // the value that was sent last, answered or not
}

// at gives the newest value that was surely there at a time.
func (w *watch) at(t time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := len(w.acked) - 1; n > 0; n-- {
		if w.acked[n].Before(t) {
			return n
		}
	}
	return 0
}

// checker asks nodes and judges what they answer.
type checker struct {
	t       *testing.T
	fleet   *fleet
	watches []*watch
	stopped atomic.Bool

	reads, failed, staleAnswers, demanded atomic.Int64
	old                                   atomic.Int64
	writes, unsure                        atomic.Int64
}

// TestNoAnswerIsOlderThanItsBound watches three nodes under writes, faults of the messages between them,
// cuts and restarts, and counts answers that are older than what the read promises, than the version
// that the caller demanded, or than their own Age says. The clock that it measures with is its own.
func TestNoAnswerIsOlderThanItsBound(t *testing.T) {
	const few = 5000
	wanted, least, most, readers := int64(100_000), 12*time.Second, 22*time.Second, 12
	if soak() {
		wanted, least, most, readers = 1_200_000, 10*time.Minute, time.Hour, 96
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := startFleet(t, 3, places, seed, nil)
	f.bridge.faulty.Store(true)
	began := time.Now()
	c := newChecker(t, f, 24)
	told := began
	c.run(seed, 6, readers, func() {
		f.trouble(t, rand.New(rand.NewPCG(seed, 3)), func() bool {
			took := time.Since(began)
			if time.Since(told) > time.Minute {
				told = time.Now()
				t.Logf("after %v: %d answers, %d of them stale; %d older than their bound", took.Round(time.Second), c.reads.Load(), c.staleAnswers.Load(), c.old.Load())
			}
			n := c.reads.Load() // on a slow machine it takes longer until it says something
			return n >= wanted && took > least || n >= few && took > most || took > 5*most || c.old.Load() > 20
		})
	})
	f.bridge.faulty.Store(false)
	c.settle()

	n := c.reads.Load()
	b := f.bridge
	t.Logf("%d answers in %v, %d of them stale, %d with a version demanded, %d requests without an answer; %d writes, %d of them repeated",
		n, time.Since(began).Round(time.Second), c.staleAnswers.Load(), c.demanded.Load(), c.failed.Load(), c.writes.Load(), c.unsure.Load())
	t.Logf("messages: %d in order, %d lost, %d doubled, %d late", b.passed.Load(), b.lost.Load(), b.doubled.Load(), b.delayed.Load())
	t.Logf("%d answers older than their bound; were it more than one in %d, so many right ones would be seen with less than 5 %% chance", c.old.Load(), n/3)
	if n < few || b.lost.Load() == 0 || b.doubled.Load() == 0 || c.demanded.Load() == 0 {
		t.Error("too little happened to say anything")
	}
	if soak() && (n < 1_000_000 || c.staleAnswers.Load() == 0) {
		t.Error("fewer than a million answers, or no stale one among them")
	}
}

func newChecker(t *testing.T, f *fleet, places int) *checker {
	c := &checker{t: t, fleet: f}
	for range places {
		c.watches = append(c.watches, &watch{acked: make([]time.Time, 1), tokens: make([]string, 1), node: []int{-1}})
	}
	return c
}

// run lets callers write and read while something else happens.
func (c *checker) run(seed uint64, writers, readers int, meanwhile func()) {
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { c.write(i, writers, rand.New(rand.NewPCG(seed, uint64(100+i)))) })
	}
	for i := range readers {
		wg.Go(func() { c.read(rand.New(rand.NewPCG(seed, uint64(200+i)))) })
	}
	meanwhile()
	c.stopped.Store(true)
	wg.Wait()
}

// write makes some of the places count, each one value after the other, until an acknowledgement.
func (c *checker) write(first, step int, r *rand.Rand) {
	for round := 0; !c.stopped.Load(); round++ {
		at := first + step*r.IntN(len(c.watches)/step)
		w := c.watches[at]
		w.mu.Lock()
		n := len(w.acked)
		w.last = n
		w.mu.Unlock()
		body := fmt.Sprintf(`{"place_id":"p%d","n":%d}`, at, n)
		key := fmt.Sprintf(`"%d-%d"`, at, n)
		for try := 0; ; try++ {
			node, done := c.fleet.one(r)
			ctx, cancel := context.WithTimeout(c.t.Context(), 4*time.Second)
			a := c.fleet.nodes[node].ask(ctx, "POST", "/v1/count", body, "Idempotency-Key", key)
			cancel()
			done()
			if a.status < 300 {
				if try > 0 {
					c.unsure.Add(1)
					node = -1
				}
				w.mu.Lock()
				w.acked = append(w.acked, time.Now())
				w.tokens = append(w.tokens, a.header.Get("Partita-Version"))
				w.node = append(w.node, node)
				w.mu.Unlock()
				c.writes.Add(1)
				break
			}
			c.failed.Add(1)
			if a.status < 500 && a.status != 409 {
				c.t.Errorf("a write is answered %d %s", a.status, a.body.String())
				return
			}
			if c.t.Context().Err() != nil {
				return
			}
			wait(time.Duration(5+r.IntN(30)) * time.Millisecond)
		}
		wait(time.Duration(r.IntN(30)) * time.Millisecond)
	}
}

// wait lets a caller think: it is not what anything is synchronized by.
func wait(d time.Duration) { <-time.After(d) }

var bounds = map[string]time.Duration{"latest": 0, "recent": time.Second, "tolerant": 300 * time.Millisecond, "cell": time.Hour, "cells": 700 * time.Millisecond}

var stales = map[string]time.Duration{"tolerant": 20 * time.Second, "cells": 5 * time.Second}

func (c *checker) read(r *rand.Rand) {
	kinds := []string{"latest", "recent", "recent", "recent", "tolerant", "tolerant", "tolerant", "cell", "cell", "cell", "cells", "cells", "cells"}
	for !c.stopped.Load() {
		at := r.IntN(len(c.watches))
		// Many reads go to few places, as they do in life.
		if r.IntN(3) > 0 {
			at %= 4
		}
		kind := kinds[r.IntN(len(kinds))]
		least := 0
		var header []string
		w := c.watches[at]
		if r.IntN(5) == 0 {
			w.mu.Lock()
			least = len(w.acked) - 1
			if least > 0 {
				header = []string{"Partita-Min-Version", w.tokens[least]}
			}
			w.mu.Unlock()
		}
		node, done := c.fleet.one(r)
		c.one(kind, at, r.IntN(3), node, least, header)
		done()
	}
}

// one asks once and judges the answer.
func (c *checker) one(kind string, at, k, node, least int, header []string) {
	w := c.watches[at]
	path, shows := fmt.Sprintf("/v1/%s/p%d", kind, at), func(n int) int { return n }
	if kind == "cell" {
		path += fmt.Sprintf("/%d", k)
		shows = func(n int) int { return max(0, n-(n-k+3)%3) } // the last value up to n that went there
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(c.t.Context(), 4*time.Second)
	defer cancel()
	a := c.fleet.nodes[node].ask(ctx, "GET", path, "", header...)
	if a.status >= 500 {
		c.failed.Add(1)
		wait(2 * time.Millisecond)
		return
	}
	n, err := valueOf(a)
	if err != nil {
		c.t.Errorf("%s is answered %d %s: %v", kind, a.status, a.body.String(), err)
		c.stopped.Store(true)
		return
	}
	c.reads.Add(1)
	if least > 0 {
		c.demanded.Add(1)
	}
	bound := bounds[kind]
	isStale := strings.Contains(a.header.Get("Cache-Status"), "fwd=stale")
	if isStale {
		c.staleAnswers.Add(1)
		bound = stales[kind]
	}
	if n < shows(least) {
		c.tell(a, "node %d, %s: %d, but %d was demanded", node, path, n, least)
	}
	if want := w.at(start.Add(-bound)); n < shows(want) {
		c.tell(a, "node %d, %s: %d, but %d was there %v before the request", node, path, n, want, bound)
	}
	if text := a.header.Get("Age"); text != "" {
		age, _ := strconv.Atoi(text)
		if want := w.at(start.Add(-time.Duration(age+1) * time.Second)); n < shows(want) {
			c.tell(a, "node %d, %s: %d, with Age %d, but %d was there more than a second earlier", node, path, n, age, want)
		}
	}
	w.mu.Lock()
	newest, own := w.last, 0
	for i := len(w.acked) - 1; i > n && !isStale; i-- {
		if w.node[i] == node && w.acked[i].Before(start) {
			own = i
			break
		}
	}
	w.mu.Unlock()
	if shows(own) > n {
		c.tell(a, "node %d, %s: %d, but the node itself had committed %d", node, path, n, own)
	}
	if n > newest {
		c.tell(a, "node %d, %s: %d, which nobody wrote", node, path, n)
	}
}

func (c *checker) tell(a *reply, format string, args ...any) {
	c.old.Add(1)
	c.t.Errorf(format+"; %s; %s", append(args, a.header.Get("Cache-Status"), a.header.Get("Partita-Version"))...)
}

func valueOf(a *reply) (int, error) {
	var doc struct {
		N     int
		Items []struct{ N int }
	}
	switch {
	case a.status == 404:
		return 0, nil
	case a.status != 200:
		return 0, fmt.Errorf("an answer that must not be")
	}
	err := json.Unmarshal(a.body.Bytes(), &doc)
	for _, item := range doc.Items {
		doc.N = max(doc.N, item.N)
	}
	return doc.N, err
}

// settle asks, when all is mended, each node for each place: nothing may be lost or still be hidden.
func (c *checker) settle() {
	for _, n := range c.fleet.nodes {
		for at, w := range c.watches {
			want := len(w.acked) - 1
			for again := 0; ; again++ {
				a := n.ask(c.t.Context(), "GET", fmt.Sprintf("/v1/latest/p%d", at), "")
				got, err := valueOf(a)
				if a.status >= 500 && again < 500 {
					wait(20 * time.Millisecond)
					continue
				}
				if err != nil || got < want {
					c.t.Errorf("p%d is %d (%d, %v) in the end, but %d was acknowledged", at, got, a.status, err, want)
				}
				break
			}
		}
	}
}

// trouble cuts lines, freezes the database and starts nodes again until it is enough; everything is then
// mended.
func (f *fleet) trouble(t *testing.T, r *rand.Rand, enough func() bool) {
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	counts := map[string]int{}
	for !enough() && t.Context().Err() == nil {
		n := f.nodes[r.IntN(len(f.nodes))]
		length := time.Duration(100+r.IntN(1100)) * time.Millisecond
		how := []string{broken, silent}[r.IntN(2)]
		what := r.IntN(10)
		switch { // one freeze and one cut that old answers help over, at least, however short the whole is
		case counts["freeze"] == 0:
			what = 6
		case counts["store "+broken] == 0:
			what, how, length = 3, broken, 1200*time.Millisecond
		}
		switch {
		case what < 3:
			counts["bus "+how]++
			must(n.bus.sever(how))
			wait(length)
			must(n.bus.mend())
		case what < 6:
			counts["store "+how]++
			must(n.store.sever(how))
			wait(length)
			must(n.store.mend())
		case what < 7:
			counts["freeze"]++
			database.Freeze()
			wait(2 * length) // up to longer than a breaker takes to open
			database.Thaw()
		case what < 8:
			counts["restart"]++
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			must(n.Stop(ctx))
			cancel()
			n.start(t)
		default:
			wait(length)
		}
	}
	t.Logf("cuts and restarts: %v", counts)
}
