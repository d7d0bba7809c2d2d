package relay

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Writer prepares the writes that follow events; *engine.Engine is one.
type Writer interface {
	Own(ctx context.Context, w *model.Write, args *model.Args, key [32]byte, now time.Time) (*store.Write, func() (engine.WriteResult, error))
}

// EventsConfig is what Events are made of. Books, Store, Model and Writer are required.
type EventsConfig struct {
	Books     *work.Books
	Store     store.Store
	Model     *model.Model // as declared
	Writer    Writer
	Endpoints []*Endpoint      // who is told; see Endpoint.Events
	Logger    *slog.Logger     // default slog.Default()
	Now       func() time.Time // default time.Now
	// KeepLetters is how long dead letters are kept. Default: 30 days.
	KeepLetters time.Duration
	// Prompt is how long the relay waits for an endpoint that is told at once to end any of its calls,
	// before what it has not done becomes jobs like any others. Default: 20 ms.
	Prompt time.Duration
}

// Events is the consumer that carries out what follows events: writes in other partitions, once and
// in the order of the source; jobs for endpoints, at least once and in no order; events that are due
// later; and schedules.
type Events struct {
	config   EventsConfig
	books    *work.Books
	store    store.Store
	model    *model.Model
	logger   *slog.Logger
	now      func() time.Time
	families map[string]*model.Family
	events   map[string]*model.Event
	told     map[*model.Event][]*Endpoint
	lanes    map[string]*Endpoint
	timers   *timers
	closed   closed
	tries    tries

	life  context.Context // of what works in the background
	end   context.CancelFunc
	mu    sync.Mutex
	desks [Shards]*desk
}

// NewEvents makes the consumer. The error names what is wrong with the schedules. Close ends what it
// does in the background.
func NewEvents(c EventsConfig) (*Events, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.KeepLetters <= 0 {
		c.KeepLetters = 30 * 24 * time.Hour
	}
	if c.Prompt <= 0 {
		c.Prompt = 20 * time.Millisecond
	}
	e := &Events{
		config: c, books: c.Books, store: c.Store, model: c.Model, logger: c.Logger, now: c.Now,
		families: map[string]*model.Family{}, events: map[string]*model.Event{},
		told: map[*model.Event][]*Endpoint{}, lanes: map[string]*Endpoint{},
	}
	for _, f := range c.Books.Store.Families {
		e.families[f.Name] = f
	}
	for _, ev := range c.Model.Events {
		e.events[ev.Name] = ev
	}
	for _, x := range c.Endpoints {
		x.open()
		e.lanes[x.Lane] = x
		for _, name := range x.Events {
			if ev := e.events[name]; ev != nil {
				e.told[ev] = append(e.told[ev], x)
			}
		}
	}
	var err error
	if e.timers, err = newTimers(e); err != nil {
		return nil, err
	}
	e.life, e.end = context.WithCancel(context.Background())
	return e, nil
}

// Hears tells whether anything follows an event.
func (e *Events) Hears(ev *model.Event) bool { return ev.Then != nil || len(e.told[ev]) > 0 }

// Wants tells whether events of the family are heard.
func (e *Events) Wants(f *model.Family) bool {
	if f == e.books.Clock {
		return len(e.model.Schedules) > 0
	}
	for _, ev := range e.model.Events {
		if ev.Family == f && e.Hears(ev) {
			return true
		}
	}
	return false
}

// Follow takes in the events of a change.
func (e *Events) Follow(_ context.Context, c *store.Change, b *Batch) error {
	for i := range c.Events {
		declared := e.events[c.Events[i].Name]
		if declared == nil || !e.Hears(declared) {
			continue // nobody is left who wants it
		}
		list := Keep(b, "events", func() *[]*occurrence { return new([]*occurrence) })
		*list = append(*list, newOccurrence(declared, c, i))
	}
	return nil
}

// Eager says that what follows events does not wait for views.
func (e *Events) Eager() {}

// Settle carries out the writes that follow, and hands the rest over to the desk of the shard. When
// it returns without an error, all of it stands durably or is done.
func (e *Events) Settle(ctx context.Context, b *Batch) error {
	kept := Kept[*[]*occurrence](b, "events")
	if kept == nil {
		return nil
	}
	list := *kept
	r := e.react(ctx, list)
	for p, h := range r.held {
		b.HoldFrom(p, h.version, h.cause)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d := e.desk(b.Shard.Index)
	d.lease.Store(&b.Shard) // its first Turn may come only when the views of this batch are done
	return d.take(ctx, r.jobs)
}

// Turn looks after the jobs and schedules of a shard.
func (e *Events) Turn(ctx context.Context, s Shard) (time.Duration, error) {
	d := e.desk(s.Index)
	d.lease.Store(&s)
	next, err := e.timers.turn(ctx, s)
	if err != nil {
		return 0, err
	}
	again, err := d.turn(ctx)
	return min(next, again), err
}

// desk gives what looks after the jobs of a shard.
func (e *Events) desk(shard int) *desk {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.desks[shard] == nil {
		e.desks[shard] = newDesk(e, shard)
	}
	return e.desks[shard]
}

// Close takes up no more jobs, waits until those under way are done and noted, or ctx ends, and then
// cancels what is left: it will be done again.
func (e *Events) Close(ctx context.Context) {
	e.mu.Lock()
	desks := e.desks
	e.mu.Unlock()
	for _, d := range desks {
		if d != nil {
			d.close(ctx)
		}
	}
	e.end()
	for _, d := range desks {
		if d != nil {
			d.wait()
		}
	}
}

// deliveries makes the jobs of all who are told of an event.
func (e *Events) deliveries(o *occurrence) (jobs []*Job) {
	for _, x := range e.told[o.declared] {
		jobs = append(jobs, &Job{Event: o.Event, Lane: x.Lane, Target: x.Target, State: work.Pending, Due: e.now()})
	}
	return jobs
}
