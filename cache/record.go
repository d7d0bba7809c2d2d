package cache

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/partita-dev/partita/model"
)

// A record is what this node knows of one partition. It is changed under its shard's
// lock; the atomic fields are read without it.
type record struct {
	through atomic.Uint64 // messages were taken in up to this version; 0 while unknown
	floor   atomic.Uint64 // answers read below it are not current
	name    name          // of key, for look-ups

	key   string
	known bool   // through is known
	sure  bool   // from is known
	from  uint64 // answers read from here on have every change that this node was told of before the record came
	dead  bool   // no longer resident: a flight that pinned it must not leave its answer here
	pins  int    // flights that pinned it before their snapshot
	rest  uint64 // the newest version of any tag that is not among cells
	cells []*cell

	answers int
	found   int // answers that are not empty: these count against the partition's share
	bytes   int64
}

// A cell holds the last version that changed one tag. It is there as long as an answer or a flight
// has the tag, so an answer never outlives its tag.
type cell struct {
	version atomic.Uint64
	tag     model.Tag
	uses    int32
}

// track returns the cell of a tag and counts one more use of it. A new cell starts with the
// versions of the tags that were not kept.
func (r *record) track(tag model.Tag) *cell {
	i, ok := slices.BinarySearchFunc(r.cells, tag, byTag)
	if !ok {
		t := &cell{tag: tag}
		t.version.Store(r.rest)
		r.cells = slices.Insert(r.cells, i, t)
	}
	r.cells[i].uses++
	return r.cells[i]
}

func (r *record) release(t *cell) {
	if t.uses--; t.uses > 0 {
		return
	}
	r.rest = max(r.rest, t.version.Load())
	if i, ok := slices.BinarySearchFunc(r.cells, t.tag, byTag); ok {
		r.cells = slices.Delete(r.cells, i, i+1)
	}
}

func byTag(t *cell, tag model.Tag) int { return cmp.Compare(t.tag, tag) }

// apply takes in a message and tells whether the floor was raised. Readers without the lock look at
// through first, so it is set last.
func (r *record) apply(m Message) (raised bool) {
	through := r.through.Load()
	if r.known && m.Version <= through {
		return false
	}
	if m.All || !r.known || m.Version > through+1 {
		raised = m.Version > r.floor.Load()
		r.floor.Store(max(r.floor.Load(), m.Version))
	}
	for _, tag := range m.Tags {
		if i, ok := slices.BinarySearchFunc(r.cells, tag, byTag); ok {
			r.cells[i].version.Store(m.Version)
		} else {
			r.rest = max(r.rest, m.Version)
		}
	}
	r.known = true
	r.through.Store(m.Version)
	return raised
}

// filled notes that a flight which had pinned the record brought an answer of version s, which has every
// change that this node was told of before the record came.
func (r *record) filled(s uint64) {
	if !r.sure || s < r.from {
		r.sure, r.from = true, s
	}
	if r.known {
		return
	}
	r.known = true
	r.floor.Store(max(r.floor.Load(), s))
	r.through.Store(s)
}

// needs gives the version from which an answer with the tag has every change that is known here.
func (r *record) needs(tag model.Tag) uint64 {
	if i, ok := slices.BinarySearchFunc(r.cells, tag, byTag); ok {
		return max(r.floor.Load(), r.cells[i].version.Load())
	}
	return max(r.floor.Load(), r.rest)
}

// upTo gives the newest version at which an answer read at version a is known to be right still:
// it meets every minimum version up to that.
func (r *record) upTo(a uint64, t *cell) uint64 {
	through := r.through.Load()
	if a >= r.floor.Load() && a >= t.version.Load() {
		return max(a, through)
	}
	return a
}
