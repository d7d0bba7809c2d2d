package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Engine answers reads and carries out writes of one model. Make one with New. It is safe for
// concurrent use and holds nothing that needs closing.
type Engine struct {
	model       *model.Model
	store       store.Store
	cache       *cache.Cache
	recorder    Recorder
	logger      *slog.Logger
	handlers    map[string]Handler
	now         func() time.Time
	timeout     time.Duration
	incarnation string
	secret      []byte
	remote      bool // the store's: look-ups are round trips
	asOf        func(context.Context, *model.View) (time.Time, error)
	sources     func(ctx context.Context, view *model.View, partition model.Value, version uint64, asks bool) string
	reads       *admit.Gate // nil: everything goes to the store at once
	writes      *admit.Gate // likewise
	limits      *quota.Limits
	study       *study.Study

	shows   map[*model.Entity]*model.Read    // the get that shows a row of the entity
	metrics map[*model.Write][]*model.Metric // the business metrics that look at a write

	mu       sync.Mutex
	inFlight map[flightKey]struct{}
}

// New makes an Engine. The error names what is missing.
func New(c Config) (*Engine, error) {
	if c.Model == nil || c.Store == nil || c.Cache == nil {
		return nil, fmt.Errorf("engine: Model, Store and Cache are required")
	}
	e := &Engine{
		model: c.Model, store: c.Store, cache: c.Cache, recorder: c.Recorder, logger: c.Logger,
		handlers: c.Handlers, now: c.Now, timeout: c.Timeout,
		incarnation: c.Store.Info().Incarnation, secret: c.Store.Info().Secret,
		remote: c.Store.Info().Remote, asOf: c.AsOf, sources: c.Sources, reads: c.Reads, writes: c.Writes,
		shows:    map[*model.Entity]*model.Read{},
		metrics:  map[*model.Write][]*model.Metric{},
		inFlight: map[flightKey]struct{}{},
		limits:   c.Limits,
		study:    c.Study,
	}
	if e.recorder == nil {
		e.recorder = unrecorded{}
	}
	if e.logger == nil {
		e.logger = slog.Default()
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.timeout == 0 {
		e.timeout = 10 * time.Second
	}
	for _, w := range c.Model.Writes {
		if w.Code && c.Handlers[w.Name] == nil {
			return nil, fmt.Errorf("the model declares %q with `code: true`, but the program has no function for it: register one before Run, or run the program that has it", w.Name)
		}
	}
	for _, r := range c.Model.Reads {
		if !r.List && len(r.Where) == 0 && e.shows[r.Of] == nil {
			e.shows[r.Of] = r
		}
	}
	for _, m := range c.Model.Metrics {
		if m.Write != nil {
			e.metrics[m.Write] = append(e.metrics[m.Write], m)
		}
	}
	return e, nil
}

// Model returns the model that the engine serves.
func (e *Engine) Model() *model.Model { return e.model }

// Invalidation returns the function that tells a cache of every change: for store.Options.OnChange. Others
// may be told too, after it.
func Invalidation(m *model.Model, c *cache.Cache, others ...func(cache.Message)) func(*store.Change) {
	return func(change *store.Change) {
		var tags []model.Tag
		for i := range change.Rows {
			tags = m.Touches(tags, &change.Rows[i])
		}
		message := cache.Message{
			Partition: CacheName(change.Partition),
			Version:   change.Version, Tags: tags, All: change.Foreign,
		}
		c.Apply(message)
		for _, tell := range others {
			tell(message)
		}
	}
}

// CacheName gives the name under which a cache knows a partition.
func CacheName(p store.Partition) string { return string(appendPartition(nil, p.Family, p.Value)) }

// FromCacheName gives the partition that a cache knows under a name; ok is false where the model has
// no such family.
func FromCacheName(m *model.Model, name string) (p store.Partition, ok bool) {
	family, text, _ := strings.Cut(name, "\x00")
	for _, f := range m.Families {
		if f.Name == family {
			v, err := f.By.Parse(text)
			return store.Partition{Family: f, Value: v}, err == nil
		}
	}
	return p, false
}

// unrecorded is the Recorder of those who measure nothing.
type unrecorded struct{}

func (unrecorded) Read(*model.Read, ReadSample)                 {}
func (unrecorded) Write(*model.Write, WriteSample)              {}
func (unrecorded) Metric(*model.Metric, []model.Value, float64) {}
