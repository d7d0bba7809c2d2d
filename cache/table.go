package cache

import "sync/atomic"

// A table finds entries by their hash without a lock. Writers hold the shard's lock. A reader that
// runs beside a writer may miss an entry that is there, never see one that is not: a miss is looked
// up again under the lock before anything is loaded.
type table struct {
	slots []atomic.Pointer[entry] // a power of two of chains through entry.next
}

const minSlots = 16

func newTable(slots int) *table { return &table{make([]atomic.Pointer[entry], slots)} }

func (t *table) slot(hash uint64) *atomic.Pointer[entry] {
	// The low bits chose the shard.
	return &t.slots[(hash>>32)&uint64(len(t.slots)-1)]
}

// find returns the entry of that partition and answer, nil if there is none.
func find[K string | []byte](t *table, hash uint64, partition, answer K) *entry {
	for e := t.slot(hash).Load(); e != nil; e = e.next.Load() {
		if e.hash == hash && is(&e.name, e.long, answer) && is(&e.rec.name, e.rec.key, partition) {
			return e
		}
	}
	return nil
}

func (t *table) add(e *entry) {
	slot := t.slot(e.hash)
	e.next.Store(slot.Load())
	slot.Store(e)
}

func (t *table) remove(e *entry) {
	at := t.slot(e.hash)
	for {
		switch next := at.Load(); next {
		case e:
			at.Store(e.next.Load())
			return
		case nil:
			return
		default:
			at = &next.next
		}
	}
}

// grown returns a table of twice the size with the same entries. The old one must not be changed
// any more; those who still read it may miss entries.
func (t *table) grown() *table {
	n := newTable(2 * len(t.slots))
	for i := range t.slots {
		for e := t.slots[i].Load(); e != nil; {
			next := e.next.Load()
			n.add(e)
			e = next
		}
	}
	return n
}
