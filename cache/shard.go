package cache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// A shard holds the partitions of one part of the hash. Its methods want its lock held; only table
// is read without it.
type shard struct {
	c       *Cache
	mu      sync.Mutex
	table   atomic.Pointer[table]
	entries int
	records map[string]*record
	flights map[flightKey]*flight // the running one of each answer
	doubts  map[string]uint64     // by partition: a version of which nobody knows whether it is there
	order   uint64                // numbers arrivals of readers and starts of flights, as they happen
	found   foundQueue
	missing queue
}

func (s *shard) init(c *Cache) {
	s.c = c
	s.flights = map[flightKey]*flight{}
	s.doubts = map[string]uint64{}
	s.clear()
}

func (s *shard) clear() {
	s.table.Store(newTable(minSlots))
	s.records = map[string]*record{}
	s.entries = 0
	s.found.clear()
	s.missing = queue{kind: inMissing}
}

// entry returns the answer's entry, nil if there is none.
func (s *shard) entry(k flightKey) *entry {
	return find(s.table.Load(), s.c.hash(k), k.partition, k.answer)
}

func (c *Cache) hash(k flightKey) uint64 {
	return mix(maphash.String(c.seed, k.partition), maphash.String(c.seed, k.answer))
}

// pin returns the record of a partition and keeps it resident until unpin.
func (s *shard) pin(partition string) *record {
	rec := s.records[partition]
	if rec == nil {
		rec = &record{key: partition}
		rec.name, _ = nameOf(partition)
		rec.floor.Store(s.doubts[partition])
		s.records[partition] = rec
		s.c.room.missing.Add(rec.overhead())
		s.c.counts.partitions.Add(1)
	}
	rec.pins++
	return rec
}

func (s *shard) unpin(rec *record) {
	rec.pins--
	s.forgetIfIdle(rec)
}

// forgetIfIdle lets a record go that has no answers and no flights.
func (s *shard) forgetIfIdle(rec *record) {
	if rec.dead || rec.pins > 0 || rec.answers > 0 {
		return
	}
	rec.dead = true
	delete(s.records, rec.key)
	s.c.counts.partitions.Add(-1)
	s.c.room.missing.Add(-rec.overhead())
}

func (r *record) overhead() int64 { return recordBytes + int64(len(r.key)) }

// keep puts a flight's answer into the record that it pinned, unless a newer one is there.
func (s *shard) keep(f *flight) {
	rec, a := f.rec, f.answer
	h := s.c.hash(f.key)
	e := find(s.table.Load(), h, f.key.partition, f.key.answer)
	size := sizeOf(f.key.answer, a)
	if size > s.c.room.perPartition {
		s.c.counts.oversized.Add(1)
		if e != nil {
			s.drop(e)
		}
		return
	}
	if e == nil {
		e = &entry{hash: h, rec: rec, cell: rec.track(f.tag), keep: f.useful, size: size}
		e.name, e.long = nameOf(f.key.answer)
		e.value.Store(a)
		s.link(e)
		s.house(e)
	} else {
		old := e.value.Load()
		if old.Version > a.Version || old.Version == a.Version && old.Time.After(a.Time) {
			return
		}
		e.value.Store(a)
		e.claimed.Store(0)
		e.keep = max(e.keep, f.useful)
		if old.empty() == a.empty() {
			s.resize(e, size)
		} else {
			s.unhouse(e)
			e.size = size
			s.house(e)
		}
	}
	for rec.bytes > s.c.room.perPartition {
		s.c.counts.evictions.Add(1)
		s.drop(s.found.victimOf(rec))
	}
}

// link makes a new entry findable and its record stay.
func (s *shard) link(e *entry) {
	t := s.table.Load()
	if s.entries >= len(t.slots) {
		t = t.grown()
		t.add(e)
		s.table.Store(t)
	} else {
		t.add(e)
	}
	s.entries++
	s.c.counts.entries.Add(1)
	e.rec.answers++
}

// drop lets one answer go, and its record if it was the last.
func (s *shard) drop(e *entry) {
	s.table.Load().remove(e)
	s.unhouse(e)
	s.entries--
	s.c.counts.entries.Add(-1)
	e.rec.answers--
	e.rec.release(e.cell)
	s.forgetIfIdle(e.rec)
}

// expire drops every answer and record, and tells the flights that are under way.
func (s *shard) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.flights {
		f.expired = true
	}
	for _, q := range []*queue{&s.found.small, &s.found.main, &s.missing} {
		for e := q.oldest(); e != nil; e = q.oldest() {
			s.unhouse(e)
		}
	}
	for _, rec := range s.records {
		rec.dead = true
		s.c.room.missing.Add(-rec.overhead())
	}
	s.c.counts.entries.Add(-int64(s.entries))
	s.c.counts.partitions.Add(-int64(len(s.records)))
	s.clear()
}
