package relay

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/partita-dev/partita/store"
)

// marks are how far partitions were relayed, as far as the store does not know it yet. It is told of
// many at once: for each batch by itself that would cost more than the relaying. A mark that is lost
// with the node makes something be relayed twice, which consumers bear.
type marks struct {
	mu      sync.Mutex
	waiting map[store.Partition]uint64
	going   map[store.Partition]uint64 // the store is being told
	kick    chan struct{}
}

const (
	markPause = 250 * time.Millisecond // between two times that the store is told
	mostMarks = 1024                   // that it is told at once
)

func newMarks() *marks {
	return &marks{waiting: map[store.Partition]uint64{}, kick: make(chan struct{}, 1)}
}

func (m *marks) add(lags []store.Lag) {
	if len(lags) == 0 {
		return
	}
	m.mu.Lock()
	for _, l := range lags {
		m.waiting[l.Partition] = max(m.waiting[l.Partition], l.Relayed)
	}
	m.mu.Unlock()
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// snapshot gives the marks that the store may not know.
func (m *marks) snapshot() map[store.Partition]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting)+len(m.going) == 0 {
		return nil
	}
	all := make(map[store.Partition]uint64, len(m.waiting)+len(m.going))
	maps.Copy(all, m.going)
	for p, n := range m.waiting {
		all[p] = max(all[p], n)
	}
	return all
}

// overlay takes out of a listing what was relayed all the same. known must have been taken before the
// listing was made.
func overlay(lags []store.Lag, known map[store.Partition]uint64) []store.Lag {
	out := lags[:0]
	for _, l := range lags {
		if l.Relayed = max(l.Relayed, known[l.Partition]); l.Relayed < l.Version {
			out = append(out, l)
		}
	}
	return out
}

// take gives marks to be told, at most so many.
func (m *marks) take() []store.Lag {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.going = map[store.Partition]uint64{}
	var lags []store.Lag
	for p, n := range m.waiting {
		if len(lags) == mostMarks {
			break
		}
		m.going[p] = n
		lags = append(lags, store.Lag{Partition: p, Relayed: n})
		delete(m.waiting, p)
	}
	return lags
}

func (m *marks) settle(told bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !told {
		for p, n := range m.going {
			m.waiting[p] = max(m.waiting[p], n)
		}
	}
	m.going = nil
}

// tell tells the store of all marks.
func (r *Relay) tell(ctx context.Context) error {
	for {
		lags := r.marks.take()
		if len(lags) == 0 {
			r.marks.settle(true)
			return nil
		}
		err := r.config.Store.Relayed(ctx, lags...)
		r.marks.settle(err == nil)
		if err != nil {
			return err
		}
	}
}

// keepMarks tells the store of marks until ctx ends.
func (r *Relay) keepMarks(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.marks.kick:
		}
		pause.Reset(markPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if r.tell(ctx) != nil { // the workers find out too, and say so
			select {
			case r.marks.kick <- struct{}{}:
			default:
			}
		}
	}
}
