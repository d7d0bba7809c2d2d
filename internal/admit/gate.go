package admit

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// GateConfig is what a Gate is made of. The zero value of each field takes its default.
type GateConfig struct {
	// Initial is how much is let in at once until it is known better. Default 32.
	Initial int
	// Least and Most bound the limit. Defaults: 2 and 4096.
	Least, Most int
	// Heavy takes what each partition costs. nil: nobody wants to know.
	Heavy *Heavy
}

// Gate stands before what is scarce: it lets in as much at once as gets something done, and makes the
// others wait in an order. Critical ones come first and bulk comes last; among those of one priority,
// the partition that has the least inside. When more comes than can be done and the line is long, the newest come first,
// and those who wait for long are refused, later where they come before others.
//
// A Gate is safe for concurrent use. While nobody has to wait, it takes no lock.
type Gate struct {
	limit   atomic.Int64
	inside  atomic.Int64
	waiting atomic.Int64
	done    atomic.Int64 // in this window
	spent   atomic.Int64 // nanoseconds inside, of those
	ends    atomic.Int64 // of this window, in Unix nanoseconds
	service atomic.Int64 // nanoseconds that one takes, lately
	passed  [priorities]atomic.Uint64
	queue   [priorities]atomic.Int64 // who waits, by priority
	heavy   *Heavy
	room    func() // called when fewer wait than before; nil: nobody wants to know

	mu      sync.Mutex
	lanes   lanes[store.Partition]
	since   time.Time // when somebody began to wait, with nobody waiting before
	climber climber
	window  window
	counts  counts
}

// Ask is what somebody wants to do.
type Ask struct {
	Priority  model.Priority
	Partition store.Partition
	Weight    int // how many things it is; 0 means 1
}

// Pass lets its holder do what it asked for, until Leave.
type Pass struct {
	gate      *Gate
	lane      *lane[store.Partition] // nil: did not wait
	partition store.Partition
	weight    int64
	entered   time.Time
	wait      time.Duration
}

// Times that need no tuning: they lie far below what callers take for long, and far above what
// a gate needs to see what is going on.
const (
	overloadAfter = 100 * time.Millisecond // somebody has been waiting all the time: more comes than can be done
	shortPatience = 100 * time.Millisecond // then who has waited this long is refused
	longPatience  = time.Second            // likewise of those who come before others: it is not they who are too many
)

// NewGate makes a Gate.
func NewGate(c GateConfig) *Gate {
	if c.Initial <= 0 {
		c.Initial = 32
	}
	if c.Least <= 0 {
		c.Least = 2
	}
	if c.Most <= 0 {
		c.Most = 4096
	}
	g := &Gate{heavy: c.Heavy}
	g.climber = climber{base: float64(max(c.Least, min(c.Most, c.Initial))), least: c.Least, most: c.Most}
	g.limit.Store(int64(g.climber.limit(false)))
	now := time.Now()
	g.window.measure(now, 0)
	g.ends.Store(g.window.ends.UnixNano())
	return g
}

// Enter lets the caller in, at once or after a wait; it must Leave then. The error is
// fault.Overloaded where it was not let in, and fault.Deadline where ctx ended before. A nil Gate lets
// everybody in.
func (g *Gate) Enter(ctx context.Context, a Ask) (Pass, error) {
	if g == nil {
		return Pass{}, nil
	}
	if c := ConnOf(ctx); c != nil {
		c.atGate()
	}
	p := Pass{gate: g, partition: a.Partition, weight: int64(max(1, a.Weight)), entered: time.Now()}
	g.passed[a.Priority].Add(1)
	if g.waiting.Load() == 0 && g.take(a.Priority, p.weight) {
		return p, nil
	}
	return g.wait(ctx, a.Priority, p)
}

// allowance is how much may be inside before one more of that priority is let in. Critical ones find
// room where others do not, and bulk leaves some.
func (g *Gate) allowance(p model.Priority) int64 {
	limit := g.limit.Load()
	switch p {
	case model.Critical:
		return limit + max(2, limit/4)
	case model.Bulk:
		return max(1, limit-max(1, limit/8))
	}
	return limit
}

// take lets somebody in if there is room.
func (g *Gate) take(p model.Priority, weight int64) bool {
	if g.inside.Add(weight)-weight < g.allowance(p) {
		return true
	}
	g.inside.Add(-weight)
	return false
}

// Leave says that what a Pass was for is done. It is called once.
func (p *Pass) Leave() {
	g := p.gate
	if g == nil {
		return
	}
	now := time.Now()
	took := now.Sub(p.entered)
	g.heavy.add(p.partition, took, now)
	g.inside.Add(-p.weight)
	g.done.Add(p.weight)
	g.spent.Add(int64(took) * p.weight)
	if p.lane != nil || g.waiting.Load() > 0 || now.UnixNano() >= g.ends.Load() {
		g.left(p, now)
	}
}

// Wait tells how long the holder of the Pass had to wait for it.
func (p *Pass) Wait() time.Duration { return p.wait }

// left does what is left to do after somebody has gone.
func (g *Gate) left(p *Pass, now time.Time) {
	g.mu.Lock()
	if p.lane != nil {
		g.lanes.leave(p.lane, p.weight)
	}
	if g.waiting.Load() > 0 {
		g.window.busy += int(p.weight)
	}
	if !now.Before(g.window.ends) {
		g.look(now)
	}
	called := g.call(now)
	g.mu.Unlock()
	if called > 0 && g.room != nil {
		g.room()
	}
}

// wait makes the caller wait for its turn.
func (g *Gate) wait(ctx context.Context, p model.Priority, pass Pass) (Pass, error) {
	asked := pass.entered
	g.mu.Lock()
	if g.waiting.Add(1) == 1 {
		g.since = asked
	}
	g.queue[p].Add(1)
	w := g.lanes.add(p, pass.partition, asked, pass.weight)
	g.counts.waited[p]++
	g.call(asked) // somebody may have left meanwhile
	g.mu.Unlock()

	timer := time.NewTimer(shortPatience)
	defer timer.Stop()
	for {
		select {
		case <-w.answer:
			return g.called(ctx, w, pass)
		case <-ctx.Done():
			return g.giveUp(ctx, w, pass, Late)
		case <-timer.C:
			waited := time.Since(asked)
			if rest := longPatience - waited; rest > 0 && g.before(p) {
				timer.Reset(min(rest, shortPatience))
				continue
			}
			return g.giveUp(ctx, w, pass, Full)
		}
	}
}

// before tells whether those of a priority come before others who wait, or would: then it is not they who are too many.
func (g *Gate) before(p model.Priority) bool {
	for q := range p {
		if g.queue[q].Load() > 0 {
			return true
		}
	}
	return p == model.Critical
}

// standing tells whether more comes than can be done: somebody has been waiting for long, with no
// moment in which nobody was.
func (g *Gate) standing(now time.Time) bool {
	return g.waiting.Load() > 0 && now.Sub(g.since) >= overloadAfter
}

// giveUp takes somebody out who does not want to wait any longer, unless it was called just now.
func (g *Gate) giveUp(ctx context.Context, w *waiter[store.Partition], pass Pass, why Reason) (Pass, error) {
	g.mu.Lock()
	if w.answered {
		g.mu.Unlock()
		<-w.answer
		return g.called(ctx, w, pass)
	}
	w.answered = true
	g.lanes.remove(w)
	g.waiting.Add(-1)
	g.queue[w.lane.priority].Add(-1)
	g.counts.refused[w.lane.priority][why]++
	g.mu.Unlock()
	if g.room != nil {
		g.room()
	}
	return Pass{}, g.refusal(ctx, why)
}

// called makes who was called into what Enter returns.
func (g *Gate) called(ctx context.Context, w *waiter[store.Partition], pass Pass) (Pass, error) {
	now := time.Now()
	pass.wait = now.Sub(pass.entered)
	pass.entered, pass.lane = now, w.lane
	late := ctx.Err() != nil || leftDirectly(ctx, pass.wait) // nobody waits for what it would do
	if end, ok := ctx.Deadline(); ok && end.Sub(now) < time.Duration(g.service.Load()) {
		late = true // it would not be done in time
	}
	if late {
		pass.abandon()
		g.mu.Lock()
		g.counts.refused[w.lane.priority][Late]++
		g.mu.Unlock()
		return Pass{}, g.refusal(ctx, Late)
	}
	return pass, nil
}

// abandon gives a Pass back unused, so that it counts as nothing done.
func (p *Pass) abandon() {
	g := p.gate
	g.inside.Add(-p.weight)
	g.mu.Lock()
	if p.lane != nil {
		g.lanes.leave(p.lane, p.weight)
	}
	g.call(time.Now())
	g.mu.Unlock()
}

// call lets in those whose turn it is, as far as there is room, and says how many. The lock is held.
func (g *Gate) call(now time.Time) (called int) {
	newest := g.standing(now) && !g.soon()
	for g.waiting.Load() > 0 {
		w := g.turn(newest)
		if w == nil || !g.take(w.lane.priority, w.weight) {
			return called
		}
		g.lanes.enter(w)
		g.waiting.Add(-1)
		p := w.lane.priority
		g.queue[p].Add(-1)
		g.counts.wait[p] += max(0, now.Sub(w.asked))
		w.answered = true
		w.answer <- true
		called++
	}
	return called
}

// soon tells whether the line is so short that its last is let in long before it is refused, as it is where the Door
// holds the others. Then the oldest come first, each after as long as any other: with the newest first, those at the
// bottom of a line that is never empty are let in after nearly as long as somebody waits at all.
func (g *Gate) soon() bool {
	service := g.service.Load()
	return service > 0 && g.waiting.Load()*service <= int64(shortPatience/2)*g.limit.Load()
}

// turn gives who comes next.
func (g *Gate) turn(newest bool) *waiter[store.Partition] {
	for p := model.Critical; ; p-- {
		if w := g.lanes.next(p, newest); w != nil {
			return w
		}
		if p == model.Bulk {
			return nil
		}
	}
}

// look closes a window, learns from it, and opens the next. The lock is held.
func (g *Gate) look(now time.Time) {
	done := g.done.Load()
	length := now.Sub(g.window.opened)
	if !g.window.settling && done < leastDone && length < mostWindow {
		g.window.ends = now.Add(max(leastWindow, length/2))
		g.ends.Store(g.window.ends.UnixNano())
		return
	}
	if done > 0 {
		mean := float64(g.spent.Load()) / float64(done)
		if before := float64(g.service.Load()); before > 0 {
			mean = before + (mean-before)*0.3
		}
		g.service.Store(int64(mean))
	}
	service := time.Duration(g.service.Load())
	busy := float64(g.window.busy) >= 0.8*float64(done)
	switch {
	case g.window.settling:
		g.window.measure(now, service)
	case !busy || done < leastDone:
		g.climber.forget()
		g.limit.Store(int64(g.climber.limit(busy)))
		g.window.measure(now, service)
	default:
		g.climber.measured(float64(done) / length.Seconds())
		g.limit.Store(int64(g.climber.limit(true)))
		g.window.settle(now, service)
	}
	g.done.Store(0)
	g.spent.Store(0)
	g.ends.Store(g.window.ends.UnixNano())
}

// Refuse counts somebody who is refused without having come here, and gives the error: whom the Door has let in for an old
// answer only, where there is none, and who waited for what somebody else had begun, who was refused. Each is to come
// again at another time.
func (g *Gate) Refuse(p model.Priority) error {
	if g != nil {
		g.mu.Lock()
		g.counts.refused[p][Full]++
		g.mu.Unlock()
	}
	return g.refusal(context.Background(), Full)
}

// refusal says why somebody was not let in, and when to come again.
func (g *Gate) refusal(ctx context.Context, why Reason) error {
	if why == Late {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(fault.Deadline, err, "The service is busy, and this could not be begun in time; nothing was changed. Please try again.")
		}
	}
	return &fault.Error{Code: fault.Overloaded, Message: busy, RetryAfter: comeAgain()}
}

// comeAgain gives a time after which to come again, another one to each, so that those who were
// refused together do not come together.
func comeAgain() time.Duration {
	return time.Duration(1+rand.IntN(RefusalSpread)) * time.Second
}
