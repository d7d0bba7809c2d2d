package bus

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
)

const (
	laneCommands = 4096    // commands that may wait to be published into one log
	laneBytes    = 8 << 20 // and their bytes
	groupBytes   = 256 << 10
	groupSize    = 512
	headerRoom   = 1 << 10 // of a message's size, for its headers

	// publishLimit bounds the attempts to publish one group, also where a caller would wait longer.
	publishLimit = 10 * time.Second
)

// lane takes commands on their way into one log. What waits while a group is being
// published makes the next group; nothing waits for a timer. One group at a time keeps the order.
type lane struct {
	bus *Bus
	log int

	mu      sync.Mutex
	queue   []*waiting
	bytes   int
	running bool
	closed  bool
	trouble bool // the group under way got no answer at its first attempt: others need not wait for it
	groups  uint64
}

// waiting is one call of Append.
type waiting struct {
	shard   int
	command []byte
	until   time.Time     // zero: no deadline
	group   *group        // nil while it is in the queue
	done    chan struct{} // closed when err is set
	err     error
}

// group is what is published in one message.
type group struct {
	calls []*waiting
	body  []byte
	left  int           // calls that still wait for it
	alone chan struct{} // closed when none does
}

// Append puts a command at the end of its bucket's log and returns when it is durable. Commands that
// wait at the same time share a message. command may be changed when it has returned.
//
// Errors are *fault.Error. Overloaded, TooLarge, Unavailable, and Deadline where Unknown says no: the
// command was not accepted. Where Unknown says yes, it may have been.
func (b *Bus) Append(ctx context.Context, bucket int, command []byte) error {
	if bucket < 0 || bucket >= Buckets {
		return fault.Wrap(fault.Internal, fmt.Errorf("bus: there is no bucket %d", bucket), "Something went wrong on our side.")
	}
	if on, _ := b.link.now(); !on {
		return b.away()
	}
	if limit := b.maxCommand(); len(command) > limit {
		return fault.New(fault.TooLarge, "This is too large to be accepted for later: at most %d bytes are.", limit)
	}
	shard := ShardOf(bucket)
	if err := b.mayAppend(shard); err != nil {
		return err
	}
	l := &b.lanes[b.logOf(shard)]
	w := &waiting{shard: shard, command: command, done: make(chan struct{})}
	w.until, _ = ctx.Deadline()
	if err := l.enter(w); err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return l.leave(w, ctx.Err())
	}
}

// maxCommand is what fits into one message of the server that this node is connected to.
func (b *Bus) maxCommand() int {
	return int(b.conn.MaxPayload()) - headerRoom - groupHead - sizeIn(nil)
}

func (l *lane) enter(w *waiting) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return errClosed
	case l.trouble:
		return unanswered(nil)
	case len(l.queue) >= laneCommands || l.bytes+len(w.command) > laneBytes && len(l.queue) > 0:
		return &fault.Error{
			Code:       fault.Overloaded,
			Message:    "More is being accepted than can be written down. Try again.",
			RetryAfter: time.Second,
		}
	}
	l.queue = append(l.queue, w)
	l.bytes += len(w.command)
	if !l.running {
		l.running = true
		l.bus.work.Go(l.run)
	}
	return nil
}

// leave is for a caller whose time is over: its command is taken out where it still waits.
func (l *lane) leave(w *waiting, cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	default:
	}
	if w.group == nil {
		i := slices.Index(l.queue, w)
		l.queue = slices.Delete(l.queue, i, i+1)
		l.bytes -= len(w.command)
		return fault.Wrap(fault.Deadline, cause, "It could not be accepted in time. Try again.")
	}
	if w.group.left--; w.group.left == 0 {
		close(w.group.alone)
	}
	return unknown(cause)
}

// run publishes groups until nothing waits any more.
func (l *lane) run() {
	for {
		l.letIn()
		g, id := l.next()
		if g == nil {
			return
		}
		l.finish(g, l.bus.publish(l, g, id))
	}
}

// letIn lets those go first who are ready to run and about to wait here: a group costs a sync however
// large it is. Where processors are idle nobody is, and it takes no time.
func (l *lane) letIn() {
	for before := -1; ; {
		l.mu.Lock()
		waits := len(l.queue)
		l.mu.Unlock()
		if waits == before || waits >= groupSize {
			return
		}
		before = waits
		runtime.Gosched()
	}
}

// next makes a group of what waits, and gives it the id by which JetStream knows repeats.
func (l *lane) next() (*group, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.running = false
		l.queue = nil
		return nil, ""
	}
	limit := min(groupBytes, l.bus.maxCommand())
	n, size := 0, 0
	for n < min(len(l.queue), groupSize) && (n == 0 || size+sizeIn(l.queue[n].command) <= limit) {
		size += sizeIn(l.queue[n].command)
		n++
	}
	g := &group{calls: slices.Clone(l.queue[:n]), left: n, body: startGroup(size), alone: make(chan struct{})}
	for _, w := range g.calls {
		w.group = g
		g.body = addToGroup(g.body, w.shard, w.command)
		l.bytes -= len(w.command)
	}
	g.body = endGroup(g.body)
	l.queue = slices.Delete(l.queue, 0, n)
	l.groups++
	return g, l.bus.boot + "." + strconv.Itoa(l.log) + "." + strconv.FormatUint(l.groups, 36)
}

func (l *lane) finish(g *group, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = false
	for _, w := range g.calls {
		w.err = err
		close(w.done)
	}
}

// troubled says that the group under way goes without an answer: new calls are refused until it is
// decided, and those that wait as well.
func (l *lane) troubled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = true
	for _, w := range l.queue {
		w.err = unanswered(nil)
		close(w.done)
	}
	l.queue, l.bytes = nil, 0
}

// shutLanes lets no more calls in. Those that are in come to their end.
func (b *Bus) shutLanes() {
	for i := range b.lanes {
		l := &b.lanes[i]
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
	}
}
