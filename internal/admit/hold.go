package admit

import (
	"time"

	"github.com/partita-dev/partita/model"
)

// How long requests are held that find no room. To hold one costs nothing, to refuse it a good part of what
// an answer does, and who is refused comes again: so requests are refused late. But not so late that
// their callers have given up, for to take in a new connection costs more than an answer: the time is
// shortened when somebody is found to have gone.
const (
	shortHold = 850 * time.Millisecond // while more comes than can be done, at the most
	leastHold = 150 * time.Millisecond // and at least
	freshFor  = 100 * time.Millisecond // then who has been held for longer comes after all others of its line
	oldFor    = 200 * time.Millisecond // and who for this long is refused in the end, where many are held
	briskFor  = 150 * time.Millisecond // a line whose last is let in sooner is kept in its order
	paceOver  = 100 * time.Millisecond // what one looks back for the pace of a line
	paceKept  = time.Second            // and for how long it is believed to find back to the best of it
	ageEvery  = 5 * time.Millisecond   // how often somebody looks who is to be refused
	goneEvery = 50 * time.Millisecond  // how often the time is shortened at the most
	mostHeld  = 4096                   // of one priority, of requests that share a connection
)

// enter lets a request in whose first bytes have arrived, at once or after a wait; false: it is to be
// refused. address is the caller's.
func (d *Door) enter(c *Conn, head []byte) bool {
	d.passed.Add(1)
	crowd := d.backlog.Load() // then all are read first
	if !crowd && d.quiet() {
		if d.inside.Add(1) <= d.room() {
			c.inside.Store(someone)
			return true
		}
		d.inside.Add(-1)
	}
	p := d.pattern(head, c.has)
	k := p.usually()
	if !crowd && d.held.Load() == 0 && d.take(p.priority, k) {
		c.enter(p, k)
		return true
	}
	return d.hold(c, p, k, head)
}

// take lets somebody in if there is room.
func (d *Door) take(p model.Priority, k kind) bool {
	if d.crowded(k, p) || d.shut() {
		return false
	}
	if d.inside.Add(1) > d.allowance(p) {
		d.inside.Add(-1)
		return false
	}
	if k != processor {
		d.coming[k][p].Add(1)
	}
	return true
}

// leave says that a request is not looked at any more: it is answered, or waits for something else.
func (d *Door) leave(e *entry) {
	d.inside.Add(-1)
	if e.kind != processor {
		d.coming[e.kind][e.priority].Add(-1)
	}
	if d.held.Load() > 0 {
		d.call()
	}
}

// hold makes a request wait. Nothing is done for it meanwhile: whoever lets it in or refuses it wakes it.
func (d *Door) hold(c *Conn, p *pattern, k kind, head []byte) bool {
	h := &c.holding
	if h.answer == nil {
		h.answer = make(chan bool, 1)
	}
	now := time.Now()
	d.mu.Lock()
	d.held.Add(1)
	h.line = int(k)
	if d.isHeavy(p, head, now) {
		h.line += int(kinds)
	}
	h.asked, h.weight, h.answered, h.left, h.of = now, 1, false, false, h
	h.priority, h.pattern, h.head = p.priority, p, head
	d.lines[h.line].put(&h.waiter, p.priority, c.address)
	d.all[h.line][h.priority].add(h)
	d.counts.waited[p.priority]++
	c.waits.Store(h)
	if !d.watched {
		d.watched, d.aged = true, now
		d.config.Heavy.want(true)
		time.AfterFunc(ageEvery, d.age)
	}
	if !d.pumped() {
		d.callLocked(now) // somebody may have left meanwhile
	}
	d.mu.Unlock()

	in := <-h.answer
	c.waits.Store(nil)
	c.held = time.Since(now)
	switch {
	case in:
		c.enter(p, k)
	case h.left:
		d.count(p, Late)
	case k != processor && p.read != nil && p.read.Stale > 0: // an old answer is better than none
		d.inside.Add(1)
		c.inside.Store(p.entry(processor))
		c.shed.Store(true)
		d.mu.Lock()
		d.counts.shed[p.priority]++
		d.mu.Unlock()
		return true
	default:
		d.count(p, Full)
		d.tell(p, c.held)
	}
	return in
}

// count counts a request that was refused. One that was let in for an old answer is counted by its gate, if there is none.
func (d *Door) count(p *pattern, why Reason) {
	d.mu.Lock()
	d.counts.refused[p.priority][why]++
	d.mu.Unlock()
}

// tell tells of a request that was refused.
func (d *Door) tell(p *pattern, waited time.Duration) {
	if d.config.Refused != nil && (p.read != nil || p.write != nil) {
		d.config.Refused(p.read, p.write, waited)
	}
}

// age refuses who has been held for long, as long as somebody is held.
func (d *Door) age() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watched = d.held.Load() > 0; !d.watched {
		d.config.Heavy.want(false)
		return
	}
	now := time.Now()
	if now.Sub(d.shortened) > time.Second { // they may be patient again
		d.short = max(d.short, min(shortHold, d.short+ageEvery/4))
	}
	since := max(time.Millisecond, now.Sub(d.aged))
	d.aged = now
	all := d.held.Load()
	behind := all // who come after those that are looked at
	for p := model.Critical; ; p-- {
		for first := 0; first < len(d.all); first += int(kinds) { // those of heavy partitions last
			for line := first; line < first+int(kinds); line++ {
				behind -= d.all[line][p].n
			}
			for line := first; line < first+int(kinds); line++ {
				d.all[line][p].look(since)
				d.ageOf(&d.all[line][p], now, behind*8 >= all*7)
			}
		}
		if p == model.Bulk {
			break
		}
	}
	if !d.pumped() || d.pump.endless(now) {
		d.callLocked(now)
	}
	time.AfterFunc(ageEvery, d.age)
}

// ageOf refuses who has been held for long of one line and priority. ahead: nearly all who are held come after them. Then it is
// not they who are too many: they are held as long as in good times, since each is let in before all the others.
func (d *Door) ageOf(a *ages, now time.Time, ahead bool) {
	hold, some := d.long, 0
	if a.long(now) {
		for h := a.fresh; h != nil && now.Sub(h.asked) >= freshFor; h = h.younger {
			d.lines[h.line].remove(&h.waiter)
			h.stale, a.fresh = true, h.younger
		}
		if !ahead {
			hold = d.short
			// Some are refused earlier: so that those who came together do not come together again.
			some = 1 + int(a.n*9/8*int64(ageEvery)/int64(hold))
		}
	}
	for h := a.oldest; h != nil; h = a.oldest {
		if age := now.Sub(h.asked); age < hold && (some <= 0 || age < hold/2) {
			return
		}
		some--
		d.remove(h)
		h.answer <- false
	}
}

// missed says that a caller has given up who was held.
func (d *Door) missed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.Sub(d.shortened) >= goneEvery {
		d.shortened = now
		d.short = min(d.short, max(leastHold, d.short*7/8))
	}
}

// remove takes somebody out who waits and is not let in. The lock is held.
func (d *Door) remove(h *held) {
	h.answered = true
	if !h.stale {
		d.lines[h.line].remove(&h.waiter)
	}
	d.all[h.line][h.priority].remove(h)
	d.held.Add(-1)
}

// abort takes somebody out who waits and whose caller has gone; false where it was answered already.
func (d *Door) abort(h *held) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h.answered {
		return false
	}
	h.left = true
	d.remove(h)
	return true
}

// call lets in those whose turn it is.
func (d *Door) call() {
	if d.pumped() {
		return
	}
	d.mu.Lock()
	d.callLocked(time.Now())
	d.mu.Unlock()
}

func (d *Door) callLocked(now time.Time) {
	for d.held.Load() > 0 {
		if !d.callOne(now) {
			return
		}
	}
}

// standingFrom tells whether somebody has been held for long in one of the lines from that one on: the first of them
// all is 0, the first of heavy partitions kinds. The lock is held.
func (d *Door) standingFrom(line int, now time.Time) bool {
	for ; line < len(d.all); line++ {
		for p := range d.all[line] {
			if d.all[line][p].standing(now) {
				return true
			}
		}
	}
	return false
}

// callOne lets in the one whose turn it is, if there is room for it. Those of partitions that take more
// than their share get what the others leave, and one turn in heavyTurn.
func (d *Door) callOne(now time.Time) bool {
	turn := d.turn.Add(1)
	heavyFirst := turn%heavyTurn == 0
	for p := model.Critical; ; p-- {
		for i := range 2 * int(kinds) {
			k := kind((int(turn) + i) % int(kinds))
			line := int(k)
			if (i >= int(kinds)) != heavyFirst {
				line += int(kinds)
			}
			if h := d.first(line, p, now); h != nil && d.take(p, k) {
				d.letIn(h, now)
				return true
			}
		}
		if p == model.Bulk {
			return false
		}
	}
}

// first gives who of a line and priority comes first; nil: nobody. Where one of them has been held for long the newest
// come first, whatever there is of others; and after all of them who was held for long, the newest first too. But a line
// that is over soon is kept in its order, but for those whose callers would have the answer too late even so.
func (d *Door) first(line int, p model.Priority, now time.Time) *held {
	a := &d.all[line][p]
	if h := a.oldest; a.brisk && h != nil && h.stale && now.Sub(h.asked) < oldFor+briskFor {
		return h
	}
	if w := d.lines[line].next(p, a.long(now)); w != nil {
		return w.of
	}
	if h := a.newest; h != nil && d.worth(a, h, now) {
		return h
	}
	return nil
}

// worth tells whether to let somebody in who has been held for long: where many are, its caller would have the
// answer too late for whatever it is for. A critical one's would have none else while others are served.
func (d *Door) worth(a *ages, h *held, now time.Time) bool {
	return h.priority == model.Critical || now.Sub(h.asked) < oldFor || a.n <= int64(d.config.Inside)
}

// letIn lets somebody in. The lock is held.
func (d *Door) letIn(h *held, now time.Time) {
	if !h.stale {
		d.lines[h.line].serve(&h.waiter)
	}
	a := &d.all[h.line][h.priority]
	a.remove(h)
	a.lets++
	d.held.Add(-1)
	d.counts.wait[h.priority] += max(0, now.Sub(h.asked))
	h.answered = true
	h.answer <- true
}

// ease lets Accept look again.
func (d *Door) ease() {
	select {
	case d.eased <- struct{}{}:
	default:
	}
}

// Marked tells whether a request may have been let in to be refused.
func (d *Door) Marked() bool { return d.marked.Load() > 0 }
