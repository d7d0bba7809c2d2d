package admit

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/model"
)

// DoorConfig is what a Door is made of. Model is required.
type DoorConfig struct {
	Model *model.Model
	// Reads and Writes are the gates that requests come to later. While many wait there, those who
	// would have to wait behind them are not let in here. nil: there is none.
	Reads, Writes *Gate
	// Inside bounds the requests that are looked at, at the same time; those who wait for the store are
	// not counted. Default: 64 for each processor.
	Inside int
	// Connections bounds those that are open; further ones are not accepted. Default: 16384.
	Connections int
	// Heavy tells which partitions take more than their share. nil: it is not known.
	Heavy *Heavy
	// Refused is called for each request to a pattern that was refused here: exactly one of read and
	// write is not nil. Default: nobody wants to know.
	Refused func(read *model.Read, write *model.Write, waited time.Duration)
}

// Door is the gate at the connections. It holds overload off by leaving requests where they are: on
// their connections. Who is let in is decided by the first line at most: the priority of the pattern, and
// whether it usually needs the store. Nothing there is believed: it can only make its own request wait.
//
// A Door is safe for concurrent use. While nobody has to wait, a request costs it two atomic additions.
type Door struct {
	config  DoorConfig
	reads   map[string]*pattern // by name
	writes  map[string]*pattern
	always  *pattern // what is answered in any case
	other   *pattern // what is no pattern
	inside  atomic.Int64
	held    atomic.Int64
	marked  atomic.Int64 // requests that were let in to be refused
	open    atomic.Int64 // connections
	passed  atomic.Uint64
	coming  [kinds][priorities]atomic.Int64 // looked at, on their way to a gate
	eased   chan struct{}
	stuck   atomic.Bool // Accept waits
	turn    atomic.Uint32
	refuser refuser
	direct  *Direct                     // nil: all that is let in is read and answered by net/http
	backlog atomic.Bool                 // processors have more to do than they can
	few     int64                       // who may be looked at then
	short   time.Duration               // how long somebody is held in an overload
	heavy   atomic.Pointer[[]heavyHint] // nil: no partition takes more than its share
	looked  time.Time                   // when it was looked for some; under mu

	mu     sync.Mutex
	lines  [2 * kinds]lanes[uint64] // by what they need; lanes by caller's address. Then those of heavy partitions
	since  time.Time                // when somebody began to wait, with nobody waiting before
	counts counts
}

// kind is what a request usually needs.
type kind uint8

const (
	processor kind = iota // nothing but the processor
	readGate
	writeGate
	kinds = iota
)

// pattern is what the Door knows about a read or write.
type pattern struct {
	read     *model.Read
	write    *model.Write
	kind     kind // of the gate that it comes to, if it comes to one
	priority model.Priority
	need     atomic.Int64 // how many in 1,024 come to their gate, lately
	asked    atomic.Int64 // while somebody counted
	needed   atomic.Int64
	as       [2]entry // of its requests: those that are held as processor, and as kind
}

// entry is what a request is inside as.
type entry struct {
	priority model.Priority
	kind     kind
}

var someone = &entry{priority: model.Normal} // nobody looked what it is

// entry gives what a request of the pattern is inside as.
func (p *pattern) entry(k kind) *entry {
	e := &p.as[0]
	if k != processor {
		e = &p.as[1]
	}
	return e
}

func newPattern(priority model.Priority, k kind) *pattern {
	p := &pattern{priority: priority, kind: k}
	p.as[0], p.as[1] = entry{priority, processor}, entry{priority, k}
	return p
}

const whole = 1024

// usually is the kind by which requests of the pattern are held.
func (p *pattern) usually() kind {
	if p.need.Load() < whole/2 {
		return processor
	}
	return p.kind
}

// came notes whether a request of the pattern came to its gate, as far as it was looked at.
func (p *pattern) came(needed bool) {
	if needed {
		p.needed.Add(1)
	}
	if n := p.asked.Add(1); n >= 64 {
		if p.asked.CompareAndSwap(n, 0) {
			p.need.Store((p.need.Load() + p.needed.Swap(0)*whole/n) / 2)
		}
	}
}

const mostHeld = 4096 // who is held costs memory; beyond it connections are not accepted

// NewDoor makes a Door, and lets the gates tell it when there is room.
func NewDoor(c DoorConfig) *Door {
	if c.Inside <= 0 {
		c.Inside = 64 * runtime.GOMAXPROCS(0)
	}
	if c.Connections <= 0 {
		c.Connections = 16 << 10
	}
	d := &Door{config: c, reads: map[string]*pattern{}, writes: map[string]*pattern{}, eased: make(chan struct{}, 1),
		always: newPattern(model.Critical, processor), other: newPattern(model.Normal, processor)}
	for _, r := range c.Model.Reads {
		p := newPattern(r.Priority, present(c.Reads, readGate))
		p.read = r
		p.need.Store(whole)
		if r.Fresh > 0 {
			p.need.Store(whole / 4)
		}
		d.reads[r.Name] = p
	}
	for _, w := range c.Model.Writes {
		p := newPattern(w.Priority, present(c.Writes, writeGate))
		p.write = w
		p.need.Store(whole)
		d.writes[w.Name] = p
	}
	for _, g := range []*Gate{c.Reads, c.Writes} {
		if g != nil {
			g.room = d.call
		}
	}
	d.short = shortHold
	d.few = max(4, 2*int64(runtime.GOMAXPROCS(0)))
	d.refuser.init()
	return d
}

// present is the kind of a gate, if it is there.
func present(g *Gate, k kind) kind {
	if g == nil {
		return processor
	}
	return k
}

// allowance is how many may be inside before one more of that priority is let in.
func (d *Door) allowance(p model.Priority) int64 {
	n := d.room()
	switch p {
	case model.Critical:
		return n + n/4
	case model.Bulk:
		return n - max(1, n/8)
	}
	return n
}

// crowded tells whether as many wait at a gate, or are on their way there, as it can use soon.
func (d *Door) crowded(k kind, p model.Priority) bool {
	var g *Gate
	switch k {
	case readGate:
		g = d.config.Reads
	case writeGate:
		g = d.config.Writes
	default:
		return false
	}
	n := int64(0)
	for q := p; q <= model.Critical; q++ {
		n += g.queue[q].Load() + d.coming[k][q].Load()
	}
	return n >= max(8, g.limit.Load()/4)
}

// quiet tells whether nobody waits anywhere.
func (d *Door) quiet() bool {
	return d.held.Load() == 0 && (d.config.Reads == nil || d.config.Reads.waiting.Load() == 0) &&
		(d.config.Writes == nil || d.config.Writes.waiting.Load() == 0)
}

// enter lets a request in whose first bytes have arrived, at once or after a wait; false: it is to be
// refused. address is the caller's.
func (d *Door) enter(c *Conn, head []byte) bool {
	d.passed.Add(1)
	if d.quiet() {
		if d.inside.Add(1) <= d.room() {
			c.inside.Store(someone)
			d.stepBack()
			return true
		}
		d.inside.Add(-1)
	}
	p := d.pattern(head, c.led)
	k := p.usually()
	if d.held.Load() == 0 && d.take(p.priority, k) {
		c.enter(p, k)
		d.stepBack()
		return true
	}
	return d.hold(c, p, k, head)
}

// take lets somebody in if there is room.
func (d *Door) take(p model.Priority, k kind) bool {
	if d.crowded(k, p) {
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

// hold makes a connection wait.
func (d *Door) hold(c *Conn, p *pattern, k kind, head []byte) bool {
	now := time.Now()
	d.mu.Lock()
	if d.held.Add(1) == 1 {
		d.since = now
	}
	line := int(k)
	if d.isHeavy(p, head, now) {
		line += int(kinds)
	}
	w := d.lines[line].add(p.priority, c.address, now, 1)
	w.line = line
	d.counts.waited[p.priority]++
	c.waits.Store(w)
	d.callLocked(now) // somebody may have left meanwhile
	d.mu.Unlock()

	timer := time.NewTimer(min(shortPatience, d.short))
	defer timer.Stop()
	for {
		select {
		case in := <-w.answer:
			c.waits.Store(nil)
			c.held = time.Since(now)
			if in {
				c.enter(p, k)
				d.stepBack()
			}
			return in
		case <-timer.C:
			if next := d.patience(now); next > 0 {
				timer.Reset(next)
				continue
			}
			if !d.abort(w, Full) {
				continue // it was called just now
			}
			c.waits.Store(nil)
			if p.read != nil && p.read.Stale > 0 { // an old answer is better than none
				d.inside.Add(1)
				c.inside.Store(p.entry(processor))
				c.shed.Store(true)
				return true
			}
			if d.config.Refused != nil && (p.read != nil || p.write != nil) {
				d.config.Refused(p.read, p.write, time.Since(now))
			}
			return false
		}
	}
}

// Who is held is refused after a while, since its caller may have something better to do than to
// wait. It is kept for longer than at a Gate, for to hold it costs nothing and to refuse it does.
const (
	shortHold   = 250 * time.Millisecond
	refusalCost = 5 * time.Microsecond // roughly; so that all refusals together
	refusalPart = 20                   // take a 20th of a processor
)

// patience tells how much longer somebody is to be held who has been since then; 0: not any longer.
func (d *Door) patience(since time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	waited := now.Sub(since)
	hold := longPatience
	if d.standing(now) {
		hold = d.short
	}
	if waited < hold {
		return min(hold-waited, shortPatience)
	}
	if wait := d.refuser.next.Sub(now); wait > 0 {
		return wait + time.Millisecond
	}
	if now.After(d.refuser.next.Add(10 * time.Millisecond)) {
		d.refuser.next = now.Add(-10 * time.Millisecond)
	}
	d.refuser.next = d.refuser.next.Add(d.refuser.each)
	return 0
}

// abort takes somebody out who waits; false where it was answered already.
func (d *Door) abort(w *waiter[uint64], why Reason) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.answered {
		return false
	}
	w.answered = true
	d.lines[w.line].remove(w)
	d.held.Add(-1)
	d.counts.refused[w.lane.priority][why]++
	return true
}

// call lets in those whose turn it is.
func (d *Door) call() {
	d.mu.Lock()
	d.callLocked(time.Now())
	d.mu.Unlock()
	if d.stuck.Load() {
		d.ease()
	}
}

func (d *Door) callLocked(now time.Time) {
	newest := d.standing(now)
	for d.held.Load() > 0 {
		if !d.callOne(now, newest) {
			return
		}
	}
}

// standing tells whether more comes than can be done: somebody has been held for long, with no moment in
// which nobody was. The lock is held.
func (d *Door) standing(now time.Time) bool {
	return d.held.Load() > 0 && now.Sub(d.since) >= overloadAfter
}

// callOne lets in the one whose turn it is, if there is room for it. Those of partitions that take more
// than their share get what the others leave, and one turn in heavyTurn.
func (d *Door) callOne(now time.Time, newest bool) bool {
	turn := d.turn.Add(1)
	heavyFirst := turn%heavyTurn == 0
	for p := model.Critical; ; p-- {
		for i := range 2 * int(kinds) {
			k := kind((int(turn) + i) % int(kinds))
			line := int(k)
			if (i >= int(kinds)) != heavyFirst {
				line += int(kinds)
			}
			w := d.lines[line].next(p, newest)
			if w == nil || !d.take(p, k) {
				continue
			}
			d.lines[line].serve(w)
			d.held.Add(-1)
			d.counts.wait[p] += max(0, now.Sub(w.asked))
			w.answered = true
			w.answer <- true
			return true
		}
		if p == model.Bulk {
			return false
		}
	}
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
