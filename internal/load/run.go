package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/observe"
)

// runner carries out phases against one service.
type runner struct {
	world  *World
	mix    Mix
	secret []byte
	bearer string // one token for all; "": one is signed for each partition's caller

	addresses []string
	head      head
	tokens    map[int][]atomic.Pointer[string] // by family and partition
	keys      string                           // what idempotency keys begin with
	serial    atomic.Uint64
	lines     stock
}

func newRunner(w *World, c *Config) *runner {
	r := &runner{world: w, mix: NewMix(w.Model, c.Accepts), secret: c.Secret, bearer: c.Bearer, addresses: c.Addresses, head: head{c.Addresses[0]}, keys: c.Keys,
		tokens: map[int][]atomic.Pointer[string]{}, lines: stock{addresses: c.Addresses}}
	for _, f := range w.Model.Families {
		r.tokens[f.ID] = make([]atomic.Pointer[string], w.Partitions(f))
	}
	return r
}

// token gives the token for a pattern in a partition.
func (r *runner) token(p *Pattern, partition int) (string, error) {
	if r.bearer != "" || r.world.Model.Access == nil || p.open() {
		return r.bearer, nil
	}
	f := p.Family()
	var place *atomic.Pointer[string]
	if known := r.tokens[f.ID]; partition < len(known) {
		place = &known[partition]
		if t := place.Load(); t != nil {
			return *t, nil
		}
	}
	t, err := auth.Mint(r.secret, r.world.Caller(f, partition), 24*time.Hour)
	if err != nil {
		return "", err
	}
	if place != nil {
		place.Store(&t)
	}
	return t, nil
}

// arrival is one request that is due.
type arrival struct {
	flow    *flow
	pattern int // in the stream
	draw    Draw
	at      time.Duration // the intended start
}

// flow is one stream while it runs.
type flow struct {
	Stream
	r        *runner
	at       int // among the phase's streams
	patterns []Pattern
	places   []int // of the patterns in the mix
	choose   *chooser
	rand     *rand.Rand
	next     time.Duration
	pool     *pool
	slice    time.Duration
	seed     uint64
	began    atomic.Pointer[time.Time]

	mu     sync.Mutex
	result StreamResult
	notes  []Note
}

func (r *runner) newFlow(at int, s Stream, seed uint64, slices int) (*flow, error) {
	f := &flow{Stream: s, r: r, at: at, rand: rand.New(rand.NewPCG(seed, hash(uint64(len(s.Name)), seed)))}
	for i, p := range r.mix.Patterns {
		wanted := s.Patterns == nil
		for _, name := range s.Patterns {
			wanted = wanted || name == p.Name
		}
		if wanted {
			f.patterns, f.places = append(f.patterns, p), append(f.places, i)
		}
	}
	if len(f.patterns) == 0 || s.Rate <= 0 {
		return nil, fmt.Errorf("the stream %s asks for nothing", s.Name)
	}
	if at == 0 && s.Shared {
		return nil, fmt.Errorf("the stream %s is the first, and has no other to share connections with", s.Name)
	}
	f.choose = newChooser(f.patterns)
	f.result = StreamResult{Name: s.Name, Patterns: make([]PatternResult, len(f.patterns)), Slices: make([]Slice, slices)}
	for i, p := range f.patterns {
		f.result.Patterns[i].Name = p.Name
	}
	f.next = f.From
	f.advance()
	return f, nil
}

// advance draws the time of the next arrival.
func (f *flow) advance() {
	f.next += time.Duration(f.rand.ExpFloat64() / f.Rate * float64(time.Second))
	for f.Every > 0 && (f.next-f.From)%f.Every >= f.On {
		f.next += f.Every - f.On // what would come in a pause comes as much after it
	}
	if f.To > 0 && f.next >= f.To {
		f.next = math.MaxInt64
	}
}

// arrive makes the next request due.
func (f *flow) arrive() arrival {
	i := f.choose.draw(f.rand)
	a := arrival{flow: f, pattern: i, at: f.next, draw: Draw{Partition: f.Partition, Pick: f.rand.Uint64()}}
	p := &f.patterns[i]
	switch {
	case p.Write != nil && founds(p.Write):
		a.draw.Partition = f.r.world.Partitions(p.Family()) + int(a.draw.Pick>>16)
	case f.Partition < 0:
		ranks := f.r.world.ranks[p.Family()]
		for a.draw.Partition = ranks.draw(f.rand); a.draw.Partition < f.Skip && f.Skip < len(ranks.upTo); {
			a.draw.Partition = ranks.draw(f.rand)
		}
	}
	f.advance()
	return a
}

// run carries out a phase.
func (r *runner) run(ph Phase) (Result, error) {
	slice := ph.Slice
	if slice <= 0 {
		slice = 100 * time.Millisecond
	}
	flows := make([]*flow, len(ph.Streams))
	for i, s := range ph.Streams {
		var err error
		if flows[i], err = r.newFlow(i, s, hash(ph.Seed, uint64(i)), int((ph.For+slice-1)/slice)); err != nil {
			return Result{}, err
		}
	}
	before := ownCPU()
	if !ph.Keep {
		defer r.lines.hangUp()
	}
	for _, f := range flows {
		f.slice, f.seed = slice, ph.Seed
		if f.Shared {
			f.pool = flows[0].pool
			continue
		}
		f.pool = f.newPool()
		f.ready()
	}
	began := time.Now()
	for _, f := range flows {
		f.began.Store(&began)
	}
	behind := dispatch(flows, began, ph.For)
	for _, f := range flows {
		if !f.Shared {
			f.pool.close()
		}
	}
	out := Result{Began: began.UTC(), Took: time.Since(began), CPU: ownCPU() - before, Behind: behind}
	for _, f := range flows {
		out.Streams = append(out.Streams, f.result)
		out.Notes = append(out.Notes, f.notes...)
	}
	return out, nil
}

// dispatch makes requests due at their times, and gives by how much one in ten was late at least.
func dispatch(flows []*flow, began time.Time, length time.Duration) time.Duration {
	done := pinned()
	defer done()
	var behind observe.Histogram
	for {
		f := flows[0]
		for _, other := range flows[1:] {
			if other.next < f.next {
				f = other
			}
		}
		if f.next >= length {
			return behind.Quantile(0.9)
		}
		late := time.Since(began) - f.next
		for late < 0 { // a signal may end a nap before its time
			nap(-late)
			late = time.Since(began) - f.next
		}
		behind.Add(late)
		f.pool.give(f.arrive())
	}
}

// newPool makes the stream's connections.
func (f *flow) newPool() *pool {
	p := &pool{most: f.Connections, serve: func(number int, first arrival) {
		l := f.r.lines.take(number)
		defer f.r.lines.put(l)
		first.flow.one(l, first)
		f.serve(l, number)
	}}
	if f.Strangers {
		p.none = func(a arrival) {
			f := a.flow
			f.record(a, 0, false, f.Log == LogAll, Note{Pattern: f.places[a.pattern], Draw: a.draw, At: a.at, Stream: f.at, Class: Unsent})
		}
	}
	return p
}

// ready opens the connections that the stream is to have before anything arrives, one after the other:
// a thousand callers who all connect in the same moment are another matter than a thousand requests. Each has asked for
// something: a service soon closes connections on which nothing ever came.
func (f *flow) ready() {
	hello := []byte("GET /healthz HTTP/1.1\r\nHost: " + f.r.head.host + "\r\n\r\n")
	for n := range min(f.Ready, f.Connections) {
		l := f.r.lines.take(n)
		if l.conn == nil && l.ask(hello, time.Now().Add(time.Second)) != nil {
			return // whoever comes first finds out
		}
		f.pool.open(func(number int) {
			defer f.r.lines.put(l)
			f.serve(l, number)
		})
	}
}

// serve drives one connection of a stream.
func (f *flow) serve(l *line, number int) {
	for {
		a, more := f.pool.take(number)
		if !more {
			return
		}
		a.flow.one(l, a)
	}
}

// one carries out one request.
func (f *flow) one(l *line, a arrival) {
	began := *f.began.Load()
	p := &f.patterns[a.pattern]
	deadline := began.Add(a.at + f.Patience)
	n := Note{Pattern: f.places[a.pattern], Draw: a.draw, At: a.at, Stream: f.at}
	class, stale := Unsent, false
	for try := range max(1, f.Tries) {
		if !time.Now().Before(deadline) {
			break
		}
		if try > 0 {
			time.Sleep(50*time.Millisecond + time.Duration(hash(f.seed, a.draw.Pick, uint64(try))%uint64(100*time.Millisecond)))
		} else {
			l.request = f.request(l.request[:0], p, a, &n)
		}
		n.Sent = time.Since(began)
		err := l.ask(l.request, deadline)
		n.Done = time.Since(began)
		class = f.judge(p, l, err, n.Done-a.at)
		stale = err == nil && l.answer.stale
		if err == nil {
			n.note(&l.answer)
		}
		if class <= Quota || class == Wrong {
			break
		}
	}
	n.Class = class
	f.record(a, time.Since(began)-a.at, stale, f.logs(p, class), n)
}

// logs tells whether a Note is kept of a request.
func (f *flow) logs(p *Pattern, c Class) bool {
	switch f.Log {
	case LogAll:
		return true
	case LogWrites:
		return p.Write != nil && c != Shed && c != Quota && c != Unsent
	}
	return false
}

func (f *flow) request(b []byte, p *Pattern, a arrival, n *Note) []byte {
	token, err := f.r.token(p, a.draw.Partition)
	if err != nil {
		token = "" // the service says what is missing
	}
	if p.Read != nil {
		return f.r.world.appendRead(b, &f.r.head, p.Read, a.draw, token)
	}
	n.Key = f.r.key()
	return f.r.world.appendWrite(b, &f.r.head, p.Write, a.draw, token, n.Key, p.Accept)
}

// key makes an idempotency key that no other request has.
func (r *runner) key() string { return fmt.Sprintf("%s-%d", r.keys, r.serial.Add(1)) }

// judge sorts what came back.
func (f *flow) judge(p *Pattern, l *line, err error, took time.Duration) Class {
	if err != nil {
		if took >= f.Patience {
			return Unanswered
		}
		return Failed
	}
	within := f.Within
	if o := p.Objective(); o.Latency > 0 {
		within = o.Latency
	}
	switch s := l.answer.status; {
	case s == 400, s == 401, s == 403, s == 405, s == 415, s == 501:
		return Wrong
	case s < 400, s == 404 && p.Read != nil:
		if took > within {
			return Late
		}
		return Good
	case s == 429:
		return Quota
	case s < 500:
		if took > within {
			return Late
		}
		return Refused
	case s == 503 && l.answer.problem() == "overloaded":
		return Shed
	case s == 503:
		return Away
	case s == 504:
		return Timed
	}
	return Failed
}

// note keeps what an answer says.
func (n *Note) note(a *answer) {
	n.Status, n.Stale = a.status, a.stale
	for _, c := range a.version {
		n.Version = n.Version*10 + uint64(c-'0')
	}
	n.Operation = string(a.place)
}

// record counts what became of a request.
func (f *flow) record(a arrival, took time.Duration, stale, log bool, n Note) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &f.result.Patterns[a.pattern]
	p.Counts[n.Class]++
	if n.Class <= Refused {
		p.Latency.Add(took)
	}
	if n.Class != Unsent {
		p.Longest = max(p.Longest, took)
	}
	if at := int(a.at / f.slice); at < len(f.result.Slices) {
		s := &f.result.Slices[at]
		s.Counts[n.Class]++
		if n.Class <= Refused {
			s.Worst = max(s.Worst, took)
		}
		if stale {
			s.Stale++
		}
	}
	if log {
		f.notes = append(f.notes, n)
	}
}
