// Package feed shows the changes of a partition to those who follow it: what happened before, from
// the change log, and what happens now, as it happens. A follower that falls behind or misses
// something is brought up from the log, so it sees every version once and in order.
package feed

import (
	"slices"
	"strconv"
	"sync"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// room is how many changes may wait for one follower before it has to fetch them from the log.
const room = 32

// Hub passes changes to those who follow a partition. It is safe for concurrent use.
type Hub struct {
	mu   sync.Mutex
	taps map[store.Partition]map[*Tap]struct{}
}

// NewHub returns a Hub that nobody follows yet.
func NewHub() *Hub { return &Hub{taps: map[store.Partition]map[*Tap]struct{}{}} }

// Tap is one follower's end. Close it.
type Tap struct {
	hub       *Hub
	partition store.Partition
	notes     chan *Note
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

// Tell passes a change on. It never waits: a follower without room finds the gap by itself.
func (h *Hub) Tell(c *store.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	taps := h.taps[c.Partition]
	if len(taps) == 0 {
		return
	}
	n := &Note{Change: c}
	for t := range taps {
		select {
		case t.notes <- n:
		default:
		}
	}
}

// Follow opens a tap on a partition.
func (h *Hub) Follow(p store.Partition) *Tap {
	t := &Tap{hub: h, partition: p, notes: make(chan *Note, room)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taps[p] == nil {
		h.taps[p] = map[*Tap]struct{}{}
	}
	h.taps[p][t] = struct{}{}
	return t
}

// Followed tells whether anybody follows a partition.
func (h *Hub) Followed(p store.Partition) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.taps[p]) > 0
}

// Followers gives the number of open taps.
func (h *Hub) Followers() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, taps := range h.taps {
		n += len(taps)
	}
	return n
}

// Close ends the tap. It may be called twice.
func (t *Tap) Close() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	taps := t.hub.taps[t.partition]
	delete(taps, t)
	if len(taps) == 0 {
		delete(t.hub.taps, t.partition)
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
