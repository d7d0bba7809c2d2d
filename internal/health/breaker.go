package health

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
)

// BreakerConfig says what a Breaker watches. Probe is required.
type BreakerConfig struct {
	// Probe asks the dependency in the way that calls do. It ends with its context.
	Probe func(context.Context) error
	// Patience bounds one probe. Default: 1 s.
	Patience time.Duration
	// Changed is told each time that the dependency is found to be away, with the cause, or back, with nil.
	Changed func(cause error)
}

// Breaker says whether a dependency is to be asked. Calls only raise doubt: one that failed since the
// dependency is away, or calls of which none was answered for a second. Then, and now and then where nobody
// calls, a probe of its own decides, and later probes find out when it is back: no caller pays to learn it.
//
// A dependency that is only slow, since it has more to do than it can, answers some of the calls: as
// long as it does, it is not away.
type Breaker struct {
	config   BreakerConfig
	begun    atomic.Uint64 // calls
	over     atomic.Uint64 // of them, ended in any way
	answered atomic.Uint64 // of them, answered
	doubt    chan struct{}
	spell    atomic.Pointer[spell]
}

// spell is a time in which a dependency is away, or is there.
type spell struct {
	cause error // nil: it is there
	since time.Time
	ctx   context.Context // ends with it
	end   context.CancelFunc
}

func newSpell(cause error) *spell {
	s := &spell{cause: cause, since: time.Now()}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

const (
	lookEvery  = 250 * time.Millisecond
	stallLooks = 4                      // looks in a row without an answer, while calls wait, raise doubt
	idleLooks  = 20                     // looks in a row without a call: it is asked how it is
	probeEvery = 250 * time.Millisecond // on average, while it is away
	probeAgain = 50 * time.Millisecond  // after one that succeeded
	probesWant = 2                      // successes in a row: one may be luck
	doubtPause = 100 * time.Millisecond // between two doubts
)

// NewBreaker makes a Breaker for a dependency that is there. Run makes it work.
func NewBreaker(c BreakerConfig) *Breaker {
	if c.Patience <= 0 {
		c.Patience = time.Second
	}
	b := &Breaker{config: c, doubt: make(chan struct{}, 1)}
	b.spell.Store(newSpell(nil))
	return b
}

// Away tells since when the dependency is not to be asked, and why; nil while it is.
func (b *Breaker) Away() (since time.Time, cause error) {
	s := b.spell.Load()
	return s.since, s.cause
}

// begin counts a call. The context ends when the dependency is found to be away; nil: it is away already,
// and the call must not be made, nor counted with end.
func (b *Breaker) begin() context.Context {
	s := b.spell.Load()
	if s.cause != nil {
		return nil
	}
	b.begun.Add(1)
	return s.ctx
}

// end takes in how a call ended.
func (b *Breaker) end(err error) {
	switch code := fault.CodeOf(err); code {
	case fault.Unavailable:
		b.suspect()
	case fault.Deadline, fault.Overloaded: // it may be slow, or away: others tell
	default:
		b.answered.Add(1)
	}
	b.over.Add(1)
}

// suspect asks for a probe.
func (b *Breaker) suspect() {
	select {
	case b.doubt <- struct{}{}:
	default:
	}
}

// Run watches and probes until ctx ends.
func (b *Breaker) Run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	answered, stalled, idle := b.answered.Load(), 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.doubt:
		case <-look.C:
			now := b.answered.Load()
			switch waiting := b.begun.Load() != b.over.Load(); {
			case now != answered:
				stalled, idle = 0, 0
			case waiting:
				stalled++
			default:
				stalled = 0
				idle++
			}
			if answered = now; stalled < stallLooks && idle < idleLooks {
				continue
			}
		}
		stalled, idle = 0, 0
		if cause := b.verify(ctx); cause != nil && ctx.Err() == nil {
			b.turn(cause)
			b.await(ctx)
		}
		if !sleep(ctx, doubtPause) {
			return
		}
	}
}

// verify gives why the dependency is away; nil where it answers the probe, or any call meanwhile.
func (b *Breaker) verify(ctx context.Context) error {
	before := b.answered.Load()
	err := b.probe(ctx)
	if err == nil || b.answered.Load() != before {
		return nil
	}
	return err
}

// await probes until the dependency is back, and then lets it be asked again.
func (b *Breaker) await(ctx context.Context) {
	for good := 0; good < probesWant; {
		pause := probeAgain
		if err := b.probe(ctx); err == nil {
			good++
		} else {
			good = 0
			pause = probeEvery/2 + rand.N(probeEvery)
		}
		if good < probesWant && !sleep(ctx, pause) {
			return
		}
	}
	b.turn(nil)
}

func (b *Breaker) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.config.Patience)
	defer cancel()
	return b.config.Probe(ctx)
}

// turn begins a new spell.
func (b *Breaker) turn(cause error) {
	b.spell.Swap(newSpell(cause)).end()
	if b.config.Changed != nil {
		b.config.Changed(cause)
	}
}

// sleep waits, and tells whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
