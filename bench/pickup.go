package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// pickups measure how long after its commit something is taken up. What is taken up before its writer
// has heard of the commit counts as at once. It is safe for concurrent use.
type pickups struct {
	mu          sync.Mutex
	open        map[int]time.Time // committed, and not taken up yet
	early       map[int]bool      // the other way round
	done        map[int]bool      // both: what is taken up again is a repeat, which counts once
	repeats     int
	after       int // jobs up to this one do not count
	took        []time.Duration
	first, last time.Time // of the turn: the first request, and what was taken up last
	over        []string  // why streams ended
}

// ended notes that a stream ended, and why.
func (p *pickups) ended(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = append(p.over, why)
}

// ends says how many streams ended, for an error.
func (p *pickups) ends() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.over) == 0 {
		return fmt.Sprintf("; %d are missing, and no stream has ended", len(p.open))
	}
	return fmt.Sprintf("; %d are missing, and %d streams have ended, the first with %s", len(p.open), len(p.over), p.over[0])
}

func newPickups() *pickups {
	return &pickups{open: map[int]time.Time{}, early: map[int]bool{}, done: map[int]bool{}}
}

func (p *pickups) asked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.IsZero() {
		p.first = time.Now()
	}
}

func (p *pickups) committed(n int) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.early[n] {
		delete(p.early, n)
		p.done[n] = true
		p.took = append(p.took, 0)
		return
	}
	p.open[n] = now
}

func (p *pickups) began(n int) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n <= p.after {
		return
	}
	if p.done[n] || p.early[n] {
		p.repeats++
		return
	}
	p.last = now
	at, ok := p.open[n]
	if !ok {
		p.early[n] = true
		return
	}
	delete(p.open, n)
	p.done[n] = true
	p.took = append(p.took, now.Sub(at))
}

// figures gives what came of the turn, and begins the next one when nothing is left open.
func (p *pickups) figures() workFigures {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := workFigures{Open: len(p.open) + len(p.early), Repeats: p.repeats}
	if f.Open > 0 || len(p.took) == 0 {
		return f
	}
	slices.Sort(p.took)
	n := len(p.took)
	f.P50, f.P95, f.P99 = p.took[n/2], p.took[n*95/100], p.took[n*99/100]
	f.Rate = float64(n) / p.last.Sub(p.first).Seconds()
	p.took, p.first, p.repeats = nil, time.Time{}, 0
	clear(p.done)
	return f
}
