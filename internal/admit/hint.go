package admit

import (
	"bytes"
	"slices"
	"time"

	"github.com/partita-dev/partita/model"
)

// heavyHint is a partition that takes more than its share, as requests name it. Such partitions are found by what was
// let through to the store, and by what was answered, to those who are allowed it: nobody else can make a
// partition heavy, but a request that names a heavy one waits behind others.
type heavyHint struct {
	family *model.Family
	text   []byte
	field  []byte // its name in a body, as JSON
}

const (
	heavyShare = 0.25 // of all that was done lately; a partition of which there are many never has it
	heavyStill = 0.05 // while those who ask for it have to wait
	heavyTurn  = 8
	lookEvery  = 100 * time.Millisecond
)

// isHeavy tells whether a request names a partition that takes more than its share. The lock is held.
func (d *Door) isHeavy(p *pattern, head []byte, now time.Time) bool {
	if now.Sub(d.looked) >= lookEvery {
		d.looked = now
		d.lookForHeavy(now)
	}
	hints := d.heavy.Load()
	return hints != nil && names(*hints, p, head)
}

// names tells whether a request names one of the partitions.
func names(hints []heavyHint, p *pattern, head []byte) bool {
	if p.read == nil && p.write == nil {
		return false
	}
	for i := range hints {
		if hints[i].named(p, head) {
			return true
		}
	}
	return false
}

// lookForHeavy finds who takes more than its share of the store, or of what is answered. One that was found is so for as long as
// those who ask for it have to wait: what it gets then is less than what it asks for.
func (d *Door) lookForHeavy(now time.Time) {
	if d.config.Heavy == nil {
		return
	}
	var hints, before []heavyHint
	if list := d.heavy.Load(); list != nil && d.standingFrom(int(kinds), now) {
		before = *list
	}
	for _, top := range [][]HeavyPartition{d.config.Heavy.costs.top(4, 0), d.config.Heavy.answers.top(4, fewAnswers)} {
		for _, one := range top {
			f := one.partition.Family
			h := heavyHint{f, []byte(one.Partition), []byte(`"` + f.By.Name + `"`)}
			enough := heavyShare
			if slices.ContainsFunc(before, h.same) {
				enough = heavyStill
			}
			if one.Share >= enough && !slices.ContainsFunc(hints, h.same) {
				hints = append(hints, h)
			}
		}
	}
	if hints == nil {
		d.heavy.Store(nil)
		return
	}
	found := hints
	if old := d.heavy.Swap(&hints); old != nil {
		found = slices.DeleteFunc(slices.Clone(hints), func(h heavyHint) bool { return slices.ContainsFunc(*old, h.same) })
	}
	d.sortOut(found)
}

// same tells whether another hint is for the same partition.
func (h *heavyHint) same(o heavyHint) bool {
	return h.family == o.family && bytes.Equal(h.text, o.text)
}

// sortOut puts those in the lines of heavy partitions who were held with all others before theirs was found: it is found
// after a tenth of a second, in which as many of it come as of all others, or more.
func (d *Door) sortOut(hints []heavyHint) {
	if len(hints) == 0 {
		return
	}
	for line := range int(kinds) {
		for p := range d.all[line] {
			for h := d.all[line][p].oldest; h != nil; {
				next := h.younger
				if names(hints, h.pattern, h.head) {
					d.move(h, line+int(kinds))
				}
				h = next
			}
		}
	}
}

// move puts one who is held in another line, as its newest.
func (d *Door) move(h *held, line int) {
	address := h.lane.key
	if !h.stale {
		d.lines[h.line].remove(&h.waiter)
	}
	d.all[h.line][h.priority].remove(h)
	h.line = line
	d.lines[line].put(&h.waiter, h.priority, address)
	d.all[line][h.priority].add(h)
}

// named tells whether a request names the partition: a read in its path, a write in its body.
func (h *heavyHint) named(p *pattern, head []byte) bool {
	if p.read != nil {
		if p.read.Of.Family != h.family {
			return false
		}
		line, _, _ := bytes.Cut(head, []byte(" HTTP/"))
		_, rest, _ := bytes.Cut(line, []byte("/v1/"))
		_, rest, _ = bytes.Cut(rest, []byte("/"))
		if end := bytes.IndexAny(rest, "/?"); end >= 0 {
			rest = rest[:end]
		}
		return bytes.Equal(unescaped(rest), h.text)
	}
	if p.write.Family != h.family {
		return false
	}
	_, value, ok := bytes.Cut(head, h.field)
	if !ok {
		return false
	}
	value = bytes.TrimLeft(value, " \t\r\n:\"")
	rest, ok := bytes.CutPrefix(value, h.text)
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte("\", }\r\n\t"), rest[0]) >= 0)
}
