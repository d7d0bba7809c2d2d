package admit

import (
	"bytes"
	"time"

	"github.com/partita-dev/partita/model"
)

// heavyHint is a partition that takes more than its share, as requests name it. Only the gates, which
// know who is allowed what, find such partitions: whoever is not let through to the store cannot make a
// partition heavy, but a request that names a heavy one waits behind others.
type heavyHint struct {
	family *model.Family
	text   []byte
	field  []byte // its name in a body, as JSON
}

const (
	heavyShare = 0.25 // of all that was done lately; a partition of which there are many never has it
	heavyTurn  = 8
	lookEvery  = 100 * time.Millisecond
)

// isHeavy tells whether a request names a partition that takes more than its share. The lock is held.
func (d *Door) isHeavy(p *pattern, head []byte, now time.Time) bool {
	if now.Sub(d.looked) >= lookEvery {
		d.looked = now
		d.lookForHeavy()
	}
	hints := d.heavy.Load()
	if hints == nil || p.read == nil && p.write == nil {
		return false
	}
	for i := range *hints {
		if (*hints)[i].named(p, head) {
			return true
		}
	}
	return false
}

func (d *Door) lookForHeavy() {
	if d.config.Heavy == nil {
		return
	}
	var hints []heavyHint
	for _, one := range d.config.Heavy.top(4) {
		if one.Share < heavyShare {
			break
		}
		f := one.partition.Family
		hints = append(hints, heavyHint{f, []byte(one.Partition), []byte(`"` + f.By.Name + `"`)})
	}
	if hints == nil {
		d.heavy.Store(nil)
		return
	}
	d.heavy.Store(&hints)
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
		return bytes.Equal(rest, h.text)
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
