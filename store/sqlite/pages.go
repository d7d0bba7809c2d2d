package sqlite

import (
	"fmt"
	"math/bits"
)

// The writer's page cache, in pages of 4 KiB. It is small while groups are, since a split of a page makes SQLite walk the
// whole cache at the commit, and what a larger one saves are reads that the system answers from memory. But a group that
// changes about as many pages as are kept drives out those that every write goes through, and they are read again and again.
const (
	leastCache  = 1024
	mostCache   = 16384
	cacheFactor = 8 // pages kept for each that a group changes

	// spillCache is how many pages a transaction may hold before SQLite writes changed ones ahead of the commit, where the cache is full.
	spillCache = 4096
)

// pages is how large the writer's cache is, and why. It belongs to the goroutine that writes.
type pages struct {
	wrote   int64 // by the last commit
	changed int64 // by the largest group of late
	kept    int64 // the size of the cache
}

// fit makes the cache as large as the groups need: the largest of late decides, which counts for half after some 180 smaller ones.
func (s *Store) fit() {
	p := &s.pages
	p.changed = max(p.wrote, p.changed-(p.changed+255)/256)
	size := max(leastCache, min(mostCache, int64(1)<<bits.Len64(uint64(cacheFactor*p.changed))))
	if p.kept/2 <= size && size <= p.kept {
		return
	}
	if err := s.writer.Exec(fmt.Sprintf("PRAGMA cache_size=%d", size)); err == nil { // else the next group asks again
		p.kept = size
	}
}
