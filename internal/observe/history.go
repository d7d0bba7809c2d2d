package observe

import (
	"encoding/binary"
	"time"

	"github.com/partita-dev/partita/fault"
)

// The past is kept in rings of 60 intervals each: of a second, of ten seconds, of a minute, of six
// minutes, of 24 minutes. So it goes a day back, in memory that is bounded whatever happens.
const (
	ringLength = 60
	tiers      = 5
)

// tierSeconds is the nominal length of an interval of each tier.
var tierSeconds = [tiers]int{1, 10, 60, 6 * 60, 24 * 60}

// history is the past of one pattern: for each interval what its cells grew by, sparse and packed,
// so that an idle pattern costs nothing and a busy one about a kilobyte per interval.
type history struct {
	last  []uint64 // the cells at the last tick; nil until the first sample
	slots [tiers][ringLength][]byte
	// counts are requests, and failed ones, per interval, for the small charts.
	counts [tiers][ringLength]tally
}

type tally struct{ all, failed, shed uint64 }

// pack appends the cells that are not zero as pairs of distance and value.
func pack(dst []byte, grown []uint64) []byte {
	last := 0
	for i, n := range grown {
		if n != 0 {
			dst = binary.AppendUvarint(dst, uint64(i-last))
			dst = binary.AppendUvarint(dst, n)
			last = i
		}
	}
	return dst
}

// unpack adds packed cells to dst.
func unpack(dst []uint64, packed []byte) {
	i := 0
	for len(packed) > 0 {
		d, n := binary.Uvarint(packed)
		packed = packed[n:]
		v, n := binary.Uvarint(packed)
		packed = packed[n:]
		i += int(d)
		dst[i] += v
	}
}

// fits tells whether packed cells are well-formed and lie within a row of n.
func fits(packed []byte, n int) bool {
	at := uint64(0)
	for len(packed) > 0 {
		d, size := binary.Uvarint(packed)
		if size <= 0 {
			return false
		}
		packed = packed[size:]
		if _, size = binary.Uvarint(packed); size <= 0 {
			return false
		}
		packed = packed[size:]
		if d >= uint64(n) {
			return false
		}
		if at += d; at >= uint64(n) {
			return false
		}
	}
	return true
}

// put stores what an interval grew by.
func (h *history) put(tier, slot int, grown []uint64) {
	h.slots[tier][slot] = pack(h.slots[tier][slot][:0], grown)
	h.counts[tier][slot] = tallyOf(grown)
}

// clear empties a slot for an interval in which nothing happened.
func (h *history) clear(tier, slot int) {
	h.slots[tier][slot] = h.slots[tier][slot][:0]
	h.counts[tier][slot] = tally{}
}

// tallyOf counts the requests, the failed ones, and those of them that were shed, in a row of cells.
func tallyOf(row []uint64) (t tally) {
	for _, n := range row[cellLatency : cellLatency+bucketCount] {
		t.all += n
	}
	for i, n := range row[cellCode : cellCode+codeCount+1] {
		if n > 0 && codeKind(i) == kindFailed {
			t.failed += n
		}
	}
	t.shed = row[codeCell(fault.Overloaded)]
	return t
}

// span is one interval of the past.
type span struct{ tier, slot int }

// timeline says which intervals there are; all patterns share it.
type timeline struct {
	ticks  int // seconds intervals closed so far
	closed time.Time
	took   [tiers][ringLength]time.Duration // true lengths
}

// number gives how many intervals of a tier were closed.
func (t *timeline) number(tier int) int { return t.ticks / tierSeconds[tier] }

// recent gives the last n closed intervals of a tier, oldest first.
func (t *timeline) recent(tier, n int) []span {
	closed := t.number(tier)
	n = min(n, closed, ringLength)
	spans := make([]span, 0, n)
	for i := closed - n; i < closed; i++ {
		spans = append(spans, span{tier, i % ringLength})
	}
	return spans
}

// window gives intervals that cover the given number of seconds up to now, as far as there are any:
// short ones where long ones are not closed yet.
func (t *timeline) window(seconds int) []span {
	var spans []span
	tier := 0
	for tier < tiers-1 && seconds > tierSeconds[tier]*ringLength {
		// The part of the next longer interval that is still open.
		open := t.ticks % tierSeconds[tier+1] / tierSeconds[tier]
		spans = append(spans, t.recent(tier, open)...)
		seconds -= open * tierSeconds[tier]
		tier++
	}
	return append(spans, t.recent(tier, seconds/tierSeconds[tier])...)
}

// length adds up the true lengths of intervals.
func (t *timeline) length(spans []span) (d time.Duration) {
	for _, s := range spans {
		d += t.took[s.tier][s.slot]
	}
	return d
}
