package drill

import (
	"context"
	"time"

	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/stage"
	"github.com/partita-dev/partita/internal/trouble"
)

// drill is one thing that is done to a service, and what is then promised.
type drill struct {
	name, what string
	how        func(*env) string // from outside, or by a hook within
	hindered   func(*env) string // why it cannot be run here; "": it can
	streams    func(*scene) []load.Stream
	strike     func(context.Context, *scene) error
	mend       func(context.Context, *scene) error
	judge      func(*scene) []Promise
	heals      bool // the nodes say when all is well again: that is waited for, and judged
	costs      bool // it wants to know what a refusal costs
	turns      int  // the trouble comes and goes so often; 0: once, for as long as was asked for
}

func always(text string) func(*env) string { return func(*env) string { return text } }

func never(*env) string { return "" }

func (e *env) embedded() bool { return e.stage.StoreLink == nil }

// byStore gives one text for an embedded store, and another for one on the network.
func byStore(embedded, remote string) func(*env) string {
	return func(e *env) string {
		if e.embedded() {
			return embedded
		}
		return remote
	}
}

const hook = "by a hook in the node, before each operation on the store's files"

// What is hit, as nodes call it when they say how they are.
var (
	saysStore = []string{health.Store, health.Disk}
	saysBus   = []string{health.Bus}
	saysCache = []string{health.SharedCache}
)

// catalogue lists the drills in the order in which they are carried out.
var catalogue = []*drill{
	{
		name: "store slow", what: "everything that the store does takes much longer",
		how: byStore(hook+": 20 ms for each read, 150 ms for each fsync", "from outside: 150 ms, give or take 50, for each answer of the database"), hindered: never, streams: steady,
		strike: func(_ context.Context, s *scene) error {
			if s.embedded() {
				s.stage.Trouble.Set(trouble.State{Read: 20 * time.Millisecond, Sync: 150 * time.Millisecond})
				return nil
			}
			return s.stage.StoreLink.Slow(150*time.Millisecond, 50*time.Millisecond)
		},
		mend:  mendStore,
		judge: judged((*scene).bounded, timed((*scene).cached), timed((*scene).accepts), (*scene).readiness, (*scene).back),
	},
	{
		name: "store frozen", what: "the store does not answer, and does not say so",
		how: byStore(hook+": they do not come back", "from outside: SIGSTOP for the database, or silence on the line to it"), hindered: never, streams: steady,
		strike: func(_ context.Context, s *scene) error {
			switch {
			case s.embedded():
				s.stage.Trouble.Set(trouble.State{Hang: true})
			case s.stage.Postgres != nil && stage.Freezes:
				s.stage.Postgres.Freeze()
			default:
				return s.stage.StoreLink.Silence()
			}
			return nil
		},
		mend: func(ctx context.Context, s *scene) error {
			if s.stage.Postgres != nil {
				s.stage.Postgres.Thaw()
			}
			return mendStore(ctx, s)
		},
		judge: judged(timed(says(saysStore...)), (*scene).bounded, timed((*scene).cached), timed((*scene).accepts), (*scene).readiness, (*scene).back),
		heals: true,
	},
	{
		name: "store cut", what: "connections to the store break, and none can be made",
		how:      always("from outside: the line to the database is cut"),
		hindered: func(e *env) string { return either(e.embedded(), "SQLite is in the node: there is no line to it") }, streams: steady,
		strike: func(_ context.Context, s *scene) error { return s.stage.StoreLink.Cut() },
		mend:   mendStore,
		judge:  judged(timed(says(saysStore...)), (*scene).bounded, timed((*scene).cached), timed((*scene).accepts), (*scene).readiness, (*scene).back),
		heals:  true,
	},
	{
		name: "store killed", what: "the database crashes with all that it was doing, and is started again after the trouble",
		how: always("from outside: SIGKILL for the database and its backends"),
		hindered: func(e *env) string {
			if e.embedded() {
				return "SQLite is in the node and ends with it: see the drill node killed"
			}
			return either(e.stage.Postgres == nil, "the database is somebody's server, which is not killed: with --store postgres one is started that can be")
		},
		streams: steady,
		strike:  func(_ context.Context, s *scene) error { s.stage.Postgres.Kill(); return nil },
		mend:    func(_ context.Context, s *scene) error { return s.stage.Postgres.Run() },
		judge:   judged(timed(says(saysStore...)), (*scene).bounded, timed((*scene).cached), timed((*scene).accepts), (*scene).readiness, (*scene).back),
		heals:   true,
	},
	{
		name: "bus cut", what: "connections to the bus break, and none can be made",
		how: always("from outside: the line to the bus is cut"),
		hindered: func(e *env) string {
			return either(e.stage.BusLink == nil, "with SQLite the bus is in the node: there is no line to it")
		},
		streams: steady,
		strike:  func(_ context.Context, s *scene) error { return s.stage.BusLink.Cut() },
		mend:    func(_ context.Context, s *scene) error { return s.stage.BusLink.Mend() },
		judge:   judged(timed(says(saysBus...)), (*scene).bounded, timed((*scene).unchanged), (*scene).readiness, (*scene).back),
		heals:   true,
	},
	{
		name: "cache cut", what: "connections to the shared cache break, and none can be made",
		how: always("from outside: the line to the shared cache is cut"),
		hindered: func(e *env) string {
			if e.embedded() {
				return "with SQLite there is one node, which shares its cache with nobody"
			}
			return either(e.stage.CacheLink == nil, "no Redis or Valkey is installed on this machine: redis-server or valkey-server is looked for")
		},
		streams: steady,
		strike:  func(_ context.Context, s *scene) error { return s.stage.CacheLink.Cut() },
		mend:    func(_ context.Context, s *scene) error { return s.stage.CacheLink.Mend() },
		judge:   judged(timed(says(saysCache...)), (*scene).bounded, timed((*scene).unchanged), (*scene).readiness, (*scene).back),
		heals:   true,
	},
	{
		name: "hot partition", what: "the most popular partition is asked for ten times as often as usual",
		how: always("from outside: load, which comes and goes five times"), hindered: never, streams: hot, turns: 5,
		judge: judged(timed((*scene).neighbours), (*scene).back),
	},
	overload(2, 0.95), overload(5, 0.90), overload(10, 0.85),
	{
		name: "bulk spike", what: "bulk requests come at twelve times the rate that the service follows",
		how: always("from outside: load"),
		hindered: func(e *env) string {
			return either(!e.has(critical) || !e.has(bulk), "the model has no pattern of `priority: critical`, or none of `priority: bulk`")
		},
		streams: spike,
		judge:   judged(timed((*scene).criticals), (*scene).back),
	},
	{
		name: "retry storm", what: "ten times the load, from callers who ask again at once, three times in all",
		how: always("from outside: load"), hindered: never, streams: func(s *scene) []load.Stream { return surge(s, 10, 3) },
		judge: judged((*scene).back),
	},
	{
		name: "node killed", what: "a node crashes, and is started again after the trouble",
		how: always("from outside: SIGKILL for a node"), hindered: never, streams: steady,
		strike: func(_ context.Context, s *scene) error { s.last().Kill(); return nil },
		mend:   func(ctx context.Context, s *scene) error { return s.last().Start(ctx) },
		judge:  judged(timed((*scene).others), (*scene).back),
		heals:  true,
	},
	{
		name: "disk full", what: "there is no room left for what is written",
		how:      always(hook + ": ENOSPC for each write"),
		hindered: func(e *env) string { return either(!e.embedded(), fullElsewhere) }, streams: steady,
		strike: func(_ context.Context, s *scene) error { s.stage.Trouble.Set(trouble.State{Full: true}); return nil },
		mend:   mendStore,
		judge:  judged(timed(says(saysStore...)), (*scene).bounded, timed((*scene).reads), timed((*scene).refuses), (*scene).readiness, (*scene).back),
		heals:  true,
	},
	{
		name: "disk fails", what: "an fsync fails: the node must stop, and is started again after the trouble",
		how: always(hook + ": EIO for each fsync"),
		hindered: func(e *env) string {
			return either(!e.embedded(), "the disk is the database's: its own promises hold there")
		}, streams: steady,
		strike: func(_ context.Context, s *scene) error { s.stage.Trouble.Set(trouble.State{Fail: true}); return nil },
		mend: func(ctx context.Context, s *scene) error {
			s.stopped = ends(ctx, s.last())
			s.stage.Trouble.Set(trouble.State{})
			s.last().Kill()
			return s.last().Start(ctx)
		},
		judge: judged((*scene).stops, (*scene).back),
	},
	{
		name: "clock jump", what: "the wall clock jumps an hour ahead, and back again",
		how:      always("by a hook in the node, which moves the clock that the cache goes by; the machine's stays"),
		hindered: never, streams: steady,
		strike: func(_ context.Context, s *scene) error {
			s.stage.Trouble.Set(trouble.State{Clock: time.Hour})
			return nil
		},
		mend:  mendStore,
		judge: judged((*scene).bounded, timed((*scene).unchanged), (*scene).readiness, (*scene).back),
	},
}

const fullElsewhere = "the disk is the database's: filling it needs a file system of its own"

func either(is bool, why string) string {
	if is {
		return why
	}
	return ""
}

// mendStore ends whatever was done to the store.
func mendStore(_ context.Context, s *scene) error {
	s.stage.Trouble.Set(trouble.State{})
	if s.stage.StoreLink != nil {
		return s.stage.StoreLink.Mend()
	}
	return nil
}

// last gives the node that drills hurt.
func (e *env) last() *stage.Node { return e.stage.Nodes[len(e.stage.Nodes)-1] }

// judged puts promises together.
func judged(list ...func(*scene) Promise) func(*scene) []Promise {
	return func(s *scene) (out []Promise) {
		for _, f := range list {
			if p := f(s); p.Name != "" {
				out = append(out, p)
			}
		}
		return out
	}
}

// timed marks a promise that other work of the machine may break: about how soon something is, not about
// whether it is right or comes at all.
func timed(f func(*scene) Promise) func(*scene) Promise {
	return func(s *scene) Promise {
		p := f(s)
		p.Timed = true
		return p
	}
}

// ends waits for a while until a node has ended by itself: on a busy machine its first write may come
// late, and it finishes what is under way.
func ends(ctx context.Context, n *stage.Node) bool {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n.Running() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
