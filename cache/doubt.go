package cache

import "hash/maphash"

// Doubt tells that a commit that takes a partition to this version was sent to the store, and that
// nobody knows yet whether it took place. Until Settled, no answer that was read below the version is
// a hit: one that lacks the commit may be wrong already, and its message comes late.
func (c *Cache) Doubt(partition string, version uint64) {
	s := c.shardOf(maphash.String(c.seed, partition))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[partition] = max(s.doubts[partition], version)
	if rec := s.records[partition]; rec != nil {
		rec.floor.Store(max(rec.floor.Load(), version))
	}
}

// Settled ends a doubt. If the commit took place, its message was applied before, and the floor is
// right. If it did not, the floor stands where no answer may ever come: it goes back to what the
// messages say.
func (c *Cache) Settled(partition string, committed bool) {
	s := c.shardOf(maphash.String(c.seed, partition))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.doubts[partition]; !ok {
		return
	}
	delete(s.doubts, partition)
	if rec := s.records[partition]; rec != nil && !committed {
		rec.floor.Store(rec.through.Load())
	}
}

// Resident tells whether anything of a partition is here or under way, so that messages of its changes
// matter. Of a change that took place before the call, none is needed where the answer is no: what is
// loaded later has it.
func (c *Cache) Resident(partition []byte) bool {
	s := c.shardOf(maphash.Bytes(c.seed, partition))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[string(partition)] != nil
}

// Partitions yields the resident partitions, in no order. Those that come or go meanwhile may be
// among them or not.
func (c *Cache) Partitions(yield func(partition string) bool) {
	var keys []string
	for i := range c.shards {
		s := &c.shards[i]
		keys = keys[:0]
		s.mu.Lock()
		for key := range s.records {
			keys = append(keys, key)
		}
		s.mu.Unlock()
		for _, key := range keys {
			if !yield(key) {
				return
			}
		}
	}
}

// Reached tells that the store has a partition at this version, and gives whether messages were lost
// on the way there: then every answer that was read below it is marked.
func (c *Cache) Reached(partition string, version uint64) (lost bool) {
	s := c.shardOf(maphash.String(c.seed, partition))
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.records[partition]
	if rec == nil || !rec.known || version <= rec.through.Load() {
		return false
	}
	rec.apply(Message{Partition: partition, Version: version, All: true})
	c.counts.floorRaises.Add(1)
	return true
}
