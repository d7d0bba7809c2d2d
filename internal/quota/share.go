package quota

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Bus carries what nodes tell each other. Sending never waits; messages may be lost, doubled and
// reordered.
type Bus interface {
	SendQuota(payload []byte)
	OnQuota(f func(payload []byte)) error
}

// Sharing makes the limits of a node those of all nodes of the service.
type Sharing struct {
	limits      *Limits
	bus         Bus
	incarnation string
	boot        [8]byte // of this node

	mu    sync.Mutex
	known map[[8]byte]*node
}

// node is what another node has told.
type node struct {
	heard time.Time
	taken map[place]total
}

// total is what a node has let through of a limit for one caller, since it made the bucket.
type total struct {
	made, taken int64
	heard       time.Time
}

const (
	tellEvery  = 100 * time.Millisecond
	tellAgain  = 10 * tellEvery // a total is told once more, should the message have been lost
	forget     = time.Minute
	mostBytes  = 64 << 10 // of one message
	mostNodes  = 1000
	mostKnown  = parts * mostEach // totals of one node
	quotaFrame = 1
)

// Share begins to listen to the other nodes of the store's incarnation; Run tells them.
func Share(l *Limits, bus Bus, incarnation string) (*Sharing, error) {
	s := &Sharing{limits: l, bus: bus, incarnation: incarnation, known: map[[8]byte]*node{}}
	rand.Read(s.boot[:]) // never fails
	return s, bus.OnQuota(s.hear)
}

// Run tells the other nodes what this one lets through, until ctx ends.
func (s *Sharing) Run(ctx context.Context) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	again := map[place]total{} // what was told within the last tellAgain
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.tell(again, n%int(tellAgain/tellEvery) == 0)
		if n%int(10*time.Second/tellEvery) == 0 {
			s.forget()
		}
	}
}

type place struct {
	limit int
	key   string
}

// tell sends the totals that have changed, and now and then those that had changed shortly before.
func (s *Sharing) tell(again map[place]total, repeat bool) {
	m := s.message()
	send := func(p place, t total, more int64) {
		if len(m) > mostBytes {
			s.bus.SendQuota(m)
			m = s.message()
		}
		m = binary.AppendUvarint(m, uint64(p.limit))
		m = binary.AppendUvarint(m, uint64(len(p.key)))
		m = append(m, p.key...)
		m = binary.AppendUvarint(m, uint64(t.made))
		m = binary.AppendUvarint(m, uint64(max(0, t.taken)))
		m = binary.AppendUvarint(m, uint64(max(0, more)))
	}
	if repeat {
		for p, t := range again {
			send(p, t, 0)
		}
		clear(again)
	}
	for i, l := range s.limits.all {
		for j := range l.parts {
			p := &l.parts[j]
			p.mu.RLock()
			for key, b := range p.buckets {
				if taken := b.taken.Load(); taken != b.told {
					at, t := place{i, key}, total{made: b.made, taken: taken}
					send(at, t, taken-b.told)
					again[at], b.told = t, taken
				}
			}
			p.mu.RUnlock()
		}
	}
	if len(m) > len(s.message()) {
		s.bus.SendQuota(m)
	}
}

// message gives the beginning of one.
func (s *Sharing) message() []byte {
	m := append(make([]byte, 0, 256), quotaFrame, byte(len(s.incarnation)))
	m = append(m, s.incarnation...)
	return append(m, s.boot[:]...)
}

// hear takes in a message.
func (s *Sharing) hear(b []byte) {
	if len(b) < 2 || b[0] != quotaFrame || len(b) < 2+int(b[1])+8 || string(b[2:2+b[1]]) != s.incarnation {
		return
	}
	b = b[2+b[1]:]
	boot := [8]byte(b[:8])
	if boot == s.boot {
		return
	}
	b = b[8:]
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.known[boot]
	if from == nil {
		if len(s.known) >= mostNodes {
			return
		}
		from = &node{taken: map[place]total{}}
		s.known[boot] = from
	}
	from.heard = now
	r := reader{b: b}
	for len(r.b) > 0 {
		limit, key := r.number(), r.text()
		t, more := total{made: r.number(), taken: r.number(), heard: now}, r.number()
		if r.bad {
			return
		}
		if limit < int64(len(s.limits.all)) {
			s.took(from, place{int(limit), key}, t, more)
		}
	}
}

// took counts what another node has let through. Of a bucket that was not heard of before, only what is
// new in this message counts: the rest may be long ago.
func (s *Sharing) took(from *node, p place, t total, more int64) {
	before, known := from.taken[p]
	switch {
	case known && before.made == t.made:
		more = t.taken - before.taken
	case known && before.made > t.made || !known && len(from.taken) >= mostKnown:
		return
	}
	if more < 0 {
		return // overtaken by a later message
	}
	from.taken[p] = t
	if more > 0 {
		l := s.limits.all[p.limit]
		l.heard(l.part([]byte(p.key)).add(p.key, t.heard), more, t.heard)
	}
}

// reader takes a message apart.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() int64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<62 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return int64(v)
}

func (r *reader) text() string {
	n := r.number()
	if n > int64(len(r.b)) {
		r.b, r.bad = nil, true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// forget drops what is not needed any more.
func (s *Sharing) forget() {
	now := time.Now()
	for _, l := range s.limits.all {
		l.sweep(now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for boot, n := range s.known {
		if now.Sub(n.heard) > forget {
			delete(s.known, boot)
			continue
		}
		for p, t := range n.taken {
			if now.Sub(t.heard) > forget {
				delete(n.taken, p)
			}
		}
	}
}

// Sweep forgets now and then what is not needed any more, until ctx ends: for a node alone.
func (l *Limits) Sweep(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, one := range l.all {
			for i := range one.parts {
				p := &one.parts[i]
				p.mu.RLock()
				for _, b := range p.buckets {
					b.told = b.taken.Load() // there is nobody to tell
				}
				p.mu.RUnlock()
			}
			one.sweep(time.Now())
		}
	}
}
