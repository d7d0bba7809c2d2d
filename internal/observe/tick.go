package observe

import (
	"slices"
	"time"
)

// overview is one interval of the whole service, for the charts.
type overview struct {
	all, failed, shed uint64
	latency           []byte // packed cells of the latency histogram
}

// tick closes the interval of a second, and the longer ones that end with it.
func (r *Recorder) tick(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.time
	slot := t.ticks % ringLength
	t.took[0][slot] = now.Sub(t.closed)
	t.closed = now
	clear(r.merged)
	for _, p := range r.patterns() {
		r.closeSecond(p, slot)
	}
	for _, b := range r.business {
		total := b.total()
		b.slots[0][slot] = total - b.last
		b.last = total
	}
	r.overview[0][slot].set(r.merged)
	r.judge(r.merged, now)
	r.closeSecond(r.accepted, slot) // apart from the service's requests
	t.ticks++
	for tier := 1; tier < tiers; tier++ {
		if t.ticks%tierSeconds[tier] != 0 {
			break
		}
		r.closeLonger(tier)
	}
	r.process.sample(now)
}

// patterns gives reads and writes alike.
func (r *Recorder) patterns() []*pattern { return slices.Concat(r.reads, r.writes) }

// closeSecond stores what a pattern's cells grew by since the last tick, and adds it to r.merged.
func (r *Recorder) closeSecond(p *pattern, slot int) {
	h := &p.past
	if p.quiet() {
		h.clear(0, slot)
		return
	}
	p.sum(r.scratch)
	if h.last == nil {
		h.last = make([]uint64, cellCount)
	}
	for i, n := range r.scratch {
		r.scratch[i] = n - h.last[i]
		r.merged[i] += n - h.last[i]
		h.last[i] = n
	}
	h.put(0, slot, r.scratch)
}

// quiet tells whether nothing was counted for a pattern since the last tick.
func (p *pattern) quiet() bool {
	var before uint64
	if last := p.past.last; last != nil {
		before = last[sumLatency] + last[sumStore]
	}
	return p.quickSum() == before
}

// addOpen adds to r.scratch what a pattern's cells grew by since the last tick: the second that is not
// over yet. The caller holds the lock.
func (r *Recorder) addOpen(p *pattern) {
	if p.quiet() {
		return
	}
	p.sum(r.merged)
	for i, n := range r.merged {
		r.scratch[i] += n
		if p.past.last != nil {
			r.scratch[i] -= p.past.last[i]
		}
	}
}

// window gives the intervals of the last n seconds, and how many they cover, with the one that is not
// over yet: a second at least, or one request just after the start would be a high rate.
func (r *Recorder) window(n int) ([]span, float64) {
	spans := r.time.window(n)
	return spans, max(1, (r.time.length(spans) + time.Since(r.time.closed)).Seconds())
}

// closeLonger makes the interval of a tier from those of the tier below it.
func (r *Recorder) closeLonger(tier int) {
	t := &r.time
	slot := (t.number(tier) - 1) % ringLength
	parts := t.recent(tier-1, tierSeconds[tier]/tierSeconds[tier-1])
	t.took[tier][slot] = t.length(parts)
	clear(r.merged)
	for _, p := range r.patterns() {
		r.closeOne(p, tier, slot, parts)
	}
	for _, b := range r.business {
		b.slots[tier][slot] = 0
		for _, s := range parts {
			b.slots[tier][slot] += b.slots[s.tier][s.slot]
		}
	}
	r.overview[tier][slot].set(r.merged)
	r.closeOne(r.accepted, tier, slot, parts)
}

// closeOne does so for one pattern, and adds its interval to r.merged.
func (r *Recorder) closeOne(p *pattern, tier, slot int, parts []span) {
	clear(r.scratch)
	for _, s := range parts {
		unpack(r.scratch, p.past.slots[s.tier][s.slot])
	}
	p.past.put(tier, slot, r.scratch)
	for i, n := range r.scratch {
		r.merged[i] += n
	}
}

func (o *overview) set(row []uint64) {
	n := tallyOf(row)
	o.all, o.failed, o.shed = n.all, n.failed, n.shed
	o.latency = pack(o.latency[:0], row[cellLatency:cellLatency+bucketCount])
}
