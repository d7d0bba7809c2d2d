package admit

import (
	"context"
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
	// Shut lets nobody in as long as it says so: failure drills find out in that way what a refusal costs. nil: never.
	Shut func() bool
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
	marked  atomic.Int64             // requests that were let in to be refused
	open    atomic.Int64             // connections
	streams atomic.Int64             // requests that share a connection with others
	sharing [priorities]atomic.Int64 // those of them that are held, or just come
	passed  atomic.Uint64
	coming  [kinds][priorities]atomic.Int64 // looked at, on their way to a gate
	eased   chan struct{}
	stuck   atomic.Bool // Accept waits
	turn    atomic.Uint32
	refuser refuser
	direct  *Direct // nil: all that is let in is read and answered by net/http
	early   early
	base    context.Context // of what is answered directly
	abandon context.CancelFunc
	backlog atomic.Bool                 // processors have more to do than they can
	few     int64                       // who may be looked at then
	pump    pump                        // calls then
	short   time.Duration               // how long somebody is held in an overload; under mu
	long    time.Duration               // and otherwise
	heavy   atomic.Pointer[[]heavyHint] // nil: no partition takes more than its share
	looked  time.Time                   // when it was looked for some; under mu

	mu        sync.Mutex
	lines     [2 * kinds]lanes[uint64]    // by what they need; lanes by caller's address. Then those of heavy partitions
	all       [2 * kinds][priorities]ages // who is held, by line and priority
	watched   bool                        // a look at the ages is due
	aged      time.Time                   // when their ages were looked at last
	shortened time.Time                   // when short was made shorter
	counts    counts
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
	d.base, d.abandon = context.WithCancel(context.Background())
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
	d.short, d.long = shortHold, longPatience
	d.few = 8 * int64(runtime.GOMAXPROCS(0))
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

// shut tells whether nobody is let in at all.
func (d *Door) shut() bool { return d.config.Shut != nil && d.config.Shut() }

// quiet tells whether nobody waits anywhere.
func (d *Door) quiet() bool {
	return !d.shut() && d.held.Load() == 0 && (d.config.Reads == nil || d.config.Reads.waiting.Load() == 0) &&
		(d.config.Writes == nil || d.config.Writes.waiting.Load() == 0)
}
