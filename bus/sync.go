package bus

import "sync"

// errorOnce keeps the first error that it is given.
type errorOnce struct {
	mu  sync.Mutex
	err error
}

func (e *errorOnce) set(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}

func (e *errorOnce) get() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// hook is a function that may be set at any time.
type hook[F any] struct {
	mu sync.Mutex
	f  F
}

func (h *hook[F]) set(f F) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.f = f
}

func (h *hook[F]) get() F {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.f
}

// doors let work in until they are shut.
type doors struct {
	mu     sync.Mutex
	closed bool
}

// enter counts a piece of work, unless the doors are shut.
func (d *doors) enter(work *sync.WaitGroup) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		work.Add(1)
	}
	return !d.closed
}

func (d *doors) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}
