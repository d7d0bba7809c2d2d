// Package observe is what a running service knows about itself: rates, latencies, errors, cache
// outcomes and business figures from the first request on, the state of its parts, its process. It
// hands them out as a snapshot for people, as /metrics for Prometheus, as traces through
// OpenTelemetry, and sets up the log. No other package imports Prometheus or OpenTelemetry.
package observe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Config is what a Recorder is made of. Only Model is required.
type Config struct {
	Model   *model.Model
	Version string                 // of the program, as shown to people
	Store   store.Store            // nil: no figures of a store
	Cache   func() cache.Stats     // nil: no figures of a cache
	Shared  func() cache.TierStats // nil: no second tier
	DataDir string                 // where the disk is looked at; "": the disk is not watched
	Node    string                 // the node's name among those of the service
	Address string                 // of its API, as others reach it; "": it has none
	Health  *health.Board          // where the parts of the service say how they are; nil: one of its own
	Study   func() *study.Figures  // what would help; nil: nothing is known of that
	Shards  func() int             // the parts of the work behind commits that the node does; nil: none
}

// Recorder takes measurements and hands them out. Make one with New, and Close it. It is safe for
// concurrent use.
type Recorder struct {
	cfg       Config
	started   time.Time
	boot      string
	reads     []*pattern // by Read.ID
	writes    []*pattern // by Write.ID
	business  []*business
	accepted  *pattern // not one of the model: writes between acceptance and outcome
	accepts   atomic.Pointer[func(context.Context) accept.Stats]
	views     atomic.Pointer[func(context.Context) []ViewFigures]
	endpoints atomic.Pointer[func() []EndpointFigures]
	admission atomic.Pointer[func() Admission]
	health    *health.Board
	shared    sharedCalls

	tokens sync.Pool // a *int per processor: the shard to add to
	dealt  atomic.Uint32
	shards []int

	mu       sync.Mutex // guards what follows and the past of all patterns
	time     timeline
	scratch  []uint64
	merged   []uint64
	overview [tiers][ringLength]overview
	symptoms []*symptom
	process  process
	exports  uint64

	stop     chan struct{}
	stopOnce sync.Once
	finished sync.WaitGroup
}

var _ engine.Recorder = (*Recorder)(nil)

// maxShards bounds the memory that counters take on machines with many processors.
const maxShards = 8

// New returns a Recorder that closes an interval every second until Close.
func New(cfg Config) *Recorder {
	r := &Recorder{
		cfg:      cfg,
		started:  time.Now(),
		boot:     newBoot(),
		scratch:  make([]uint64, cellCount),
		merged:   make([]uint64, cellCount),
		stop:     make(chan struct{}),
		symptoms: symptoms(),
	}
	r.time.closed = r.started
	if r.health = cfg.Health; r.health == nil {
		r.health = &health.Board{}
	}
	r.shards = make([]int, min(runtime.GOMAXPROCS(0), maxShards))
	for i := range r.shards {
		r.shards[i] = i
	}
	r.tokens.New = func() any { return &r.shards[int(r.dealt.Add(1))%len(r.shards)] }
	newPattern := func() *pattern { return &pattern{shards: make([]atomic.Pointer[cells], len(r.shards))} }
	for range cfg.Model.Reads {
		r.reads = append(r.reads, newPattern())
	}
	for range cfg.Model.Writes {
		r.writes = append(r.writes, newPattern())
	}
	r.accepted = newPattern()
	for _, m := range cfg.Model.Metrics {
		r.business = append(r.business, newBusiness(m))
	}
	r.finished.Go(r.run)
	return r
}

// Close stops the clock of the Recorder and waits for it. What was measured can still be read. It
// may be called twice.
func (r *Recorder) Close() error {
	r.stopOnce.Do(func() { close(r.stop) })
	r.finished.Wait()
	return nil
}

// Health is where the parts of the service say how they are.
func (r *Recorder) Health() *health.Board { return r.health }

func newBoot() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (r *Recorder) uptime() float64 { return time.Since(r.started).Seconds() }

func (r *Recorder) run() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case now := <-ticker.C:
			r.tick(now)
		}
	}
}

// cells gives the counters that this processor adds to. A token from the pool stays with its
// processor, so that two of them seldom fight over a cache line; it is a place in a fixed table,
// so nothing is lost when the pool forgets it.
func (r *Recorder) cells(p *pattern) *cells {
	token := r.tokens.Get().(*int)
	c := p.shard(*token)
	r.tokens.Put(token)
	return c
}

// Read counts one finished read. Reads that the model makes for itself are not counted.
func (r *Recorder) Read(rd *model.Read, s engine.ReadSample) {
	if rd.Internal || rd.ID >= len(r.reads) {
		return
	}
	c := r.cells(r.reads[rd.ID])
	if s.Code != "" {
		c[codeCell(s.Code)].Add(1)
	}
	if s.Code == "" || s.Code == fault.NotFound {
		c[cellOutcome+int(s.Outcome)].Add(1)
		if s.Outcome == cache.Stale {
			c.add(ages, cellStale, sumStale, s.Age)
		} else if s.Age > 0 {
			c.add(ages, cellAge, sumAge, s.Age)
		}
	}
	if s.Store > 0 {
		c.add(latencies, cellStore, sumStore, s.Store)
	}
	c.add(latencies, cellLatency, sumLatency, s.Total)
}

// Write counts one finished write.
func (r *Recorder) Write(w *model.Write, s engine.WriteSample) {
	if w.ID >= len(r.writes) {
		return
	}
	c := r.cells(r.writes[w.ID])
	if s.Code != "" {
		c[codeCell(s.Code)].Add(1)
	}
	switch {
	case s.Replayed:
		c[cellOutcome+writeReplayed].Add(1)
	case s.Code == "":
		c[cellOutcome+writeDone].Add(1)
	}
	if s.Store > 0 {
		c.add(latencies, cellStore, sumStore, s.Store)
	}
	c.add(latencies, cellLatency, sumLatency, s.Total)
}

// Metric counts one commit in a business metric.
func (r *Recorder) Metric(m *model.Metric, labels []model.Value, value float64) {
	if m.ID < len(r.business) {
		r.business[m.ID].add(labels, value)
	}
}
