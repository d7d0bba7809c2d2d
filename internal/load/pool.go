package load

import "sync"

// pool hands arrivals to connections: to the one that was used last of those that are free, to a new
// one where none is, and where there are as many as there may be, arrivals wait in their order, or are
// turned away. So there are as many connections as it takes and no more, as callers have them.
type pool struct {
	most  int
	serve func(number int, first arrival) // drives a new connection until take says that there is no more
	none  func(arrival)                   // takes those that find none free; nil: they wait

	mu      sync.Mutex
	idle    []int          // numbers of those that are free
	wake    []chan arrival // by number
	waiting []arrival
	closed  bool
	work    sync.WaitGroup
}

// open adds a connection that is there already, and is driven by serve.
func (p *pool) open(serve func(number int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := len(p.wake)
	p.wake = append(p.wake, make(chan arrival, 1))
	p.work.Go(func() { serve(number) })
}

// give hands over an arrival.
func (p *pool) give(a arrival) {
	if !p.handed(a) {
		p.none(a)
	}
}

func (p *pool) handed(a arrival) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := len(p.idle); {
	case n > 0:
		p.wake[p.idle[n-1]] <- a
		p.idle = p.idle[:n-1]
	case len(p.wake) < p.most:
		number := len(p.wake)
		p.wake = append(p.wake, make(chan arrival, 1))
		p.work.Go(func() { p.serve(number, a) })
	case p.none != nil:
		return false
	default:
		p.waiting = append(p.waiting, a)
	}
	return true
}

// take gives a connection its next arrival; false: there is none any more.
func (p *pool) take(number int) (arrival, bool) {
	p.mu.Lock()
	if len(p.waiting) > 0 {
		a := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		return a, true
	}
	if p.closed {
		p.mu.Unlock()
		return arrival{}, false
	}
	p.idle = append(p.idle, number)
	wake := p.wake[number]
	p.mu.Unlock()
	a, ok := <-wake
	return a, ok
}

// close ends the pool when all that was given has been taken care of.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, number := range p.idle {
		close(p.wake[number])
	}
	p.idle = nil
	p.mu.Unlock()
	p.work.Wait()
}
