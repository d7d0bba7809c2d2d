// Package feed shows the changes of a partition to those who follow it: what happened before, from
// the change log, and what happens now, as it happens. A follower that falls behind or misses
// something is brought up from the log, so it sees every version once and in order.
package feed

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// room is how many changes may wait for one follower before it has to fetch them from the log.
const room = 32

// Hub passes changes to those who follow a partition. It is safe for concurrent use.
type Hub struct {
	mu     sync.Mutex
	places map[store.Partition]*place
}

// place is a partition that somebody follows.
type place struct {
	taps map[*Tap]struct{}
	told uint64 // the latest version that the followers were told of
}

// NewHub returns a Hub that nobody follows yet.
func NewHub() *Hub { return &Hub{places: map[store.Partition]*place{}} }

// Tap is one follower's end. Close it.
type Tap struct {
	hub       *Hub
	partition store.Partition
	notes     chan *Note
	missed    atomic.Bool // a change found no room, and no later one need show the gap
}

// Note is one change under way to its followers, encoded once for each feed.
type Note struct {
	Change *store.Change

	mu   sync.Mutex
	text map[*model.Feed][]byte
}

// Encode gives the change as a feed shows it; nil where it has nothing to show.
func (n *Note) Encode(f *model.Feed) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text, ok := n.text[f]; ok {
		return text
	}
	if n.text == nil {
		n.text = map[*model.Feed][]byte{}
	}
	text := Encode(f, n.Change)
	n.text[f] = text
	return text
}

// Tell passes a change on. It never waits: a follower without room looks into the log afterwards.
func (h *Hub) Tell(c *store.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := h.places[c.Partition]; at != nil {
		at.tell(c)
	}
}

// Reached has the followers of a partition look into the log, unless they were told of that version.
func (h *Hub) Reached(p store.Partition, version uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := h.places[p]; at != nil && at.told < version {
		at.tell(&store.Change{Partition: p, Version: version, Foreign: true})
	}
}

func (at *place) tell(c *store.Change) {
	at.told = max(at.told, c.Version)
	n := &Note{Change: c}
	for t := range at.taps {
		if !t.take(n) {
			t.missed.Store(true)
			t.take(n) // should it have made room just now, it would not look any more
		}
	}
}

func (t *Tap) take(n *Note) bool {
	select {
	case t.notes <- n:
		return true
	default:
		return false
	}
}

// Follow opens a tap on a partition.
func (h *Hub) Follow(p store.Partition) *Tap {
	t := &Tap{hub: h, partition: p, notes: make(chan *Note, room)}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.places[p]
	if at == nil {
		at = &place{taps: map[*Tap]struct{}{}}
		h.places[p] = at
	}
	at.taps[t] = struct{}{}
	return t
}

// Followed tells whether anybody follows a partition.
func (h *Hub) Followed(p store.Partition) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.places[p] != nil
}

// Followers gives the number of open taps.
func (h *Hub) Followers() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, at := range h.places {
		n += len(at.taps)
	}
	return n
}

// partitions gives those that are followed, in no order.
func (h *Hub) partitions() []store.Partition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.places))
}

// Close ends the tap. It may be called twice.
func (t *Tap) Close() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	at := t.hub.places[t.partition]
	if at == nil {
		return
	}
	delete(at.taps, t)
	if len(at.taps) == 0 {
		delete(t.hub.places, t.partition)
	}
}

// Encode writes a change as a feed shows it: version, time, and what became of the rows of its
// entities. It gives nil where there are none.
func Encode(f *model.Feed, c *store.Change) []byte {
	var b []byte
	for i := range c.Rows {
		r := &c.Rows[i]
		if !shows(f, r.Entity) {
			continue
		}
		if b == nil {
			b = append(make([]byte, 0, 256), `{"version":`...)
			b = strconv.AppendUint(b, c.Version, 10)
			b = append(b, `,"time":`...)
			b = model.AppendJSON(b, model.Time(c.Time))
			b = append(b, `,"changes":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendRow(b, r)
	}
	if b == nil {
		return nil
	}
	return append(b, "]}"...)
}

func shows(f *model.Feed, e *model.Entity) bool {
	return slices.Contains(f.Of, e)
}

// appendRow writes what became of one row: after an insert or update the whole row, after a delete
// its partition and key.
func appendRow(b []byte, r *model.RowChange) []byte {
	op, row, fields := "update", r.After, r.Entity.Fields
	switch {
	case r.After == nil && r.Expired:
		op, row, fields = "expire", r.Before, fields[:1+len(r.Entity.Key)]
	case r.After == nil:
		op, row, fields = "delete", r.Before, fields[:1+len(r.Entity.Key)]
	case r.Before == nil:
		op = "insert"
	}
	b = append(b, `{"entity":`...)
	b = model.AppendJSON(b, model.String(r.Entity.Name))
	b = append(append(b, `,"op":"`...), op...)
	b = append(b, `","row":`...)
	b = model.AppendRow(b, fields, row)
	return append(b, '}')
}
