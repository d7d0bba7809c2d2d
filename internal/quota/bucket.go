package quota

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/model"
)

// bucket is the state of a limit for one caller. It is kept as the time at which it will be full: a
// request moves that time on by as long as it takes to fill up what it took.
type bucket struct {
	full  atomic.Int64 // Unix nanoseconds; in the past: it is full
	made  int64        // likewise
	taken atomic.Int64 // by this node, in all: what other nodes are told
	told  int64        // of it; by the one who tells
}

// A limit keeps a bucket for each caller who has used some of it lately, spread over parts that have a
// lock each.
type limit struct {
	of      *model.Limit
	policy  Policy
	each    int64 // nanoseconds in which one request fills up again
	burst   int64 // nanoseconds in which an empty bucket fills
	seed    maphash.Seed
	refused atomic.Uint64
	parts   [parts]part
}

const (
	parts    = 16
	mostEach = 8192 // buckets of a part: beyond it one that is nearly full goes
	sampled  = 8
)

type part struct {
	mu      sync.RWMutex
	buckets map[string]*bucket
}

func newLimit(of *model.Limit) *limit {
	l := &limit{of: of, seed: maphash.MakeSeed()}
	l.each = max(1, int64(float64(time.Second)/of.Rate))
	burst := math.Max(1, math.Floor(of.Burst))
	l.burst = int64(float64(l.each) * burst)
	l.policy = Policy{Name: of.Name, Burst: int(burst), Window: time.Duration(l.burst)}
	for i := range l.parts {
		l.parts[i].buckets = map[string]*bucket{}
	}
	return l
}

// bucket finds the bucket of a request.
func (l *limit) bucket(scope *model.Scope, now time.Time) *bucket {
	var room [128]byte
	key := l.appendKey(room[:0], scope)
	p := l.part(key)
	p.mu.RLock()
	b := p.buckets[string(key)]
	p.mu.RUnlock()
	if b != nil {
		return b
	}
	return p.add(string(key), now)
}

// appendKey appends what the limit is counted per. A value that is missing is one, too.
func (l *limit) appendKey(b []byte, scope *model.Scope) []byte {
	for _, per := range l.of.Per {
		v, err := per.Eval(scope)
		if err != nil || v.IsNull() {
			b = append(b, 0xFE)
		} else {
			b = model.AppendText(b, v)
		}
		b = append(b, 0xFF)
	}
	return b
}

func (l *limit) part(key []byte) *part { return &l.parts[maphash.Bytes(l.seed, key)%parts] }

// add makes a bucket. A part that is full gives one up, of a few the one that is the least used.
func (p *part) add(key string, now time.Time) *bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.buckets[key]; b != nil {
		return b
	}
	if len(p.buckets) >= mostEach {
		least, at, n := "", int64(math.MaxInt64), 0
		for k, b := range p.buckets {
			if full := b.full.Load(); full < at {
				least, at = k, full
			}
			if n++; n >= sampled {
				break
			}
		}
		delete(p.buckets, least)
	}
	b := &bucket{made: now.UnixNano()}
	b.full.Store(now.UnixNano())
	p.buckets[key] = b
	return b
}

// take takes a request out, or tells how long it takes until there is one.
func (l *limit) take(b *bucket, now time.Time) (wait time.Duration, ok bool) {
	at := now.UnixNano()
	for {
		full := b.full.Load()
		next := max(full, at) + l.each
		if over := next - at - l.burst; over > 0 {
			return time.Duration(over), false
		}
		if b.full.CompareAndSwap(full, next) {
			b.taken.Add(1)
			return 0, true
		}
	}
}

// giveBack undoes take, where another limit refused the request.
func (l *limit) giveBack(b *bucket) {
	b.full.Add(-l.each)
	b.taken.Add(-1)
}

// heard takes out what another node has let through. More than the bucket holds is owed, up to as much
// again.
func (l *limit) heard(b *bucket, n int64, now time.Time) {
	at := now.UnixNano()
	for {
		full := b.full.Load()
		next := min(max(full, at)+n*l.each, at+2*l.burst)
		if next <= full || b.full.CompareAndSwap(full, next) {
			return
		}
	}
}

func (l *limit) state(b *bucket, now time.Time) State {
	owed := max(0, b.full.Load()-now.UnixNano())
	return State{Policy: &l.policy, Remaining: int(max(0, l.burst-owed) / l.each), Full: time.Duration(owed)}
}

func (l *limit) size() int {
	n := 0
	for i := range l.parts {
		p := &l.parts[i]
		p.mu.RLock()
		n += len(p.buckets)
		p.mu.RUnlock()
	}
	return n
}

// sweep forgets buckets that are full and of which everything was told.
func (l *limit) sweep(now time.Time) {
	at := now.UnixNano()
	for i := range l.parts {
		p := &l.parts[i]
		p.mu.Lock()
		for k, b := range p.buckets {
			if b.full.Load()+int64(forget) < at && b.told == b.taken.Load() {
				delete(p.buckets, k)
			}
		}
		p.mu.Unlock()
	}
}
