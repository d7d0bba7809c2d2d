package partita

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/feed"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/internal/trouble"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// node is a running App.
type node struct {
	name     string // among those that share the store or the bus
	logger   *slog.Logger
	trouble  *trouble.Node // nil but in failure drills
	store    store.Store
	bus      *bus.Bus     // nil: none
	views    *relay.Views // nil: the model has none
	relay    *relay.Relay // nil: nothing follows commits
	model    *model.Model
	paths    *engine.Engine
	recorder *observe.Recorder
	board    *health.Board // how the parts of the node are
	setup    health.Setup  // what it means when one of them is not well
	api      http.Handler

	apiServer, adminServer *server
	neighbours             neighbours
	study                  *study.Study // what would help
	admission              admission

	listeners atomic.Pointer[[]func(*store.Change)] // who hears of commits, in order
	remembers atomic.Pointer[relay.Relay]           // who keeps those of this node for a moment

	started time.Time
	serving atomic.Bool        // what /readyz says
	end     context.CancelFunc // of what runs in the background
	work    sync.WaitGroup     // likewise
	closers []func(context.Context) error

	stopping chan struct{} // closed when the node stops: what is open for long ends
	stopOnce sync.Once
	failed   chan struct{} // closed when the node cannot go on
	failOnce sync.Once
	failure  error
}

// start brings everything up, in the order of dependence; what was opened is closed again on error.
func start(ctx context.Context, a *App) (_ *node, err error) {
	c := a.config
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	n := &node{started: time.Now(), model: a.model, name: c.Node, logger: c.Logger, board: &health.Board{}, end: end, stopping: make(chan struct{}), failed: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop(ctx))
		}
	}()
	if n.apiServer, err = c.listen(ctx, "Listen"); err != nil {
		return nil, err
	}
	if n.adminServer, err = c.listen(ctx, "Admin"); err != nil {
		return nil, err
	}
	kept := "" // the folder whose disk is watched: beside a shared store a node keeps nothing on a disk
	if storeurl.Embedded(c.Store) {
		kept = c.DataDir
		if err := os.MkdirAll(kept, 0o700); err != nil {
			return nil, fmt.Errorf("partita: the data folder cannot be made (Config.DataDir): %w", err)
		}
	}
	verifier, err := c.verifier(background)
	if err != nil {
		return nil, err
	}

	if n.trouble, err = trouble.Connect(os.Getenv(trouble.Variable)); err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	tier, err := n.openSharedCache(&c)
	if err != nil {
		return nil, err
	}
	answers := cache.New(n.cacheConfig(&c, tier))
	n.onClose(func(context.Context) error { answers.Close(); return nil })
	books := work.Extend(a.model)
	books.Hear(a.heard)
	hub := feed.NewHub()
	n.study = study.New(a.model)
	n.listen(engine.Invalidation(a.model, answers, n.study.Changed), hub.Tell)
	n.store, err = storeurl.Open(ctx, c.Store, c.DataDir, books, store.Options{
		OnChange:  n.committed,
		OnDoubt:   func(p store.Partition, version uint64) { answers.Doubt(engine.CacheName(p), version) },
		OnSettled: func(p store.Partition, _ uint64, committed bool) { answers.Settled(engine.CacheName(p), committed) },
		Disk:      n.disk(),
	})
	if err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	n.onClose(func(context.Context) error { return n.store.Close() })
	raw := n.store
	n.guardStore(background, &c)
	if n.bus, err = n.openBus(ctx, &c, a.model); err != nil {
		return nil, err
	}
	if n.views, err = n.viewing(ctx, books); err != nil {
		return nil, err
	}

	n.recorder = observe.New(observe.Config{Model: a.model, Version: Version(), Store: n.store, Cache: answers.Stats, Shared: tierStats(tier), DataDir: kept,
		Node: n.name, Address: n.apiServer.url(), Health: n.board, Shards: n.shards, Study: n.study.Figures})
	n.onClose(func(context.Context) error { return n.recorder.Close() })
	n.admitting(ctx)
	n.startSharedCache(tier)
	tracer, err := observe.NewTracer(ctx, observe.TraceConfig{Endpoint: c.TraceEndpoint, Model: a.model,
		Version: Version(), Logger: c.Logger, Health: n.board})
	if err != nil {
		return nil, fmt.Errorf("partita: Config.TraceEndpoint: %w", err)
	}
	n.onClose(tracer.Close)

	paths, err := engine.New(engine.Config{Model: a.model, Store: n.store, Cache: answers, Recorder: n.recorder, Limits: n.admission.limits, Study: n.study,
		Reads: n.admission.reads, Writes: n.admission.writes, Logger: c.Logger, Handlers: a.handlers, Timeout: c.RequestTimeout, AsOf: n.asOf, Sources: n.sources})
	if err != nil {
		return nil, err
	}
	n.paths = paths
	accepts, err := n.accepting(&c, a.model, paths, books)
	if err != nil {
		return nil, err
	}
	events, err := n.following(a, books, accepts)
	if err != nil {
		return nil, err
	}
	api := httpapi.Config{Engine: paths, Modes: n.board, Verifier: verifier, Recorder: n.recorder, Logger: c.Logger, MaxBody: c.MaxBody, Ready: n.ready}
	api.Feeds = httpapi.Feeds{Hub: hub, Log: n.store, Allow: paths.MayFollow, Incarnation: n.store.Info().Incarnation, Done: n.stopping, Beat: n.beat()}
	if tracer != nil {
		api.Tracer = tracer
	}
	if accepts != nil {
		api.Accepts = accepts
	}
	if n.api, err = httpapi.New(api); err != nil {
		return nil, err
	}
	token, open := c.AdminToken, c.AdminToken == ""
	if a.AdminTokenFile() != "" {
		if token, err = auth.AdminToken(c.DataDir); err != nil {
			return nil, fmt.Errorf("partita: %w", err)
		}
	}
	page := dashboard.Config{Recorder: n.recorder, Model: a.model, Token: token, Open: open, API: n.apiServer.url(), Peers: n.peers, Advice: n.advising(a)}
	page.Data = &dashboard.Data{Store: n.store, Engine: paths, Reads: n.admission.reads, Keep: c.KeepChanges, Logger: c.Logger}
	page.Keeping = n.keeping(raw, books, tier)
	if events != nil {
		page.Letters = events
		n.recorder.Endpoints(func() []observe.EndpointFigures { return endpointFigures(events) })
	}
	admin, err := dashboard.New(page)
	if err != nil {
		return nil, fmt.Errorf("partita: Config.AdminToken: %w", err)
	}

	n.work.Go(func() { n.watchLoad(background) })
	if err := n.keepQuotas(background); err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	if err := n.join(background, books, answers, hub); err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	n.work.Go(func() { n.watch(background) })
	sweeper := store.NewSweeper(store.SweepConfig{Store: n.store, Model: books.Store, Changes: c.KeepChanges, Outcomes: c.KeepOutcomes, Logger: c.Logger})
	n.work.Go(func() { sweeper.Run(background) })
	var consumers []relay.Consumer
	if events != nil {
		consumers = append(consumers, events)
		n.onClose(func(ctx context.Context) error { return closeEvents(ctx, events) })
	}
	n.relaying(background, books, consumers, accepts)
	n.work.Go(func() { n.watchBehind(background, events) })
	if n.bus != nil {
		n.work.Go(func() { n.watchBus(background) })
	}
	n.awaitViews(ctx)
	n.serving.Store(true)
	n.work.Go(func() { n.apiServer.watch(background) })
	n.work.Go(func() { n.adminServer.watch(background) })
	n.adminServer.serve(admin, nil, n.fail)
	n.apiServer.serve(n.api, n.admission.door, n.fail)
	n.logger.Info("serving "+a.model.Service, "api", n.apiServer.url(), "page", n.adminServer.url(), "store", n.store.Info().Place)
	return n, nil
}

// listen adds those who hear of every change: of this node's own commits, and of other nodes' where a
// bus tells of them. They are called in the order in which they were added, and must be quick.
func (n *node) listen(more ...func(*store.Change)) {
	var all []func(*store.Change)
	if old := n.listeners.Load(); old != nil {
		all = append(all, *old...)
	}
	all = append(all, more...)
	n.listeners.Store(&all)
}

// changed passes a change on.
func (n *node) changed(c *store.Change) {
	if all := n.listeners.Load(); all != nil {
		for _, hear := range *all {
			hear(c)
		}
	}
}

// verifier makes what verifies tokens; with neither a secret nor a key set it is the development key.
func (c *Config) verifier(ctx context.Context) (*auth.Verifier, error) {
	secret := c.Auth.Secret
	if !c.Auth.configured() {
		var err error
		if secret, err = auth.DevKey(c.DataDir); err != nil {
			return nil, fmt.Errorf("partita: %w", err)
		}
	}
	v, err := auth.New(ctx, auth.Config{Secret: secret, JWKS: c.Auth.JWKS, Issuer: c.Auth.Issuer, Audience: c.Auth.Audience, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("partita: Config.Auth: %w", err)
	}
	return v, nil
}

// onClose keeps what has to be closed, in reverse order.
func (n *node) onClose(f func(context.Context) error) { n.closers = append(n.closers, f) }

// fail tells, once, why the node cannot go on.
func (n *node) fail(cause error) {
	n.failOnce.Do(func() {
		n.failure = cause
		n.serving.Store(false)
		n.logger.Error("the node stops: " + cause.Error())
		close(n.failed)
	})
}

// cause gives what fail was told; nil if it was not called.
func (n *node) cause() error {
	select {
	case <-n.failed:
		return n.failure
	default:
		return nil
	}
}

// takeLeave lets /readyz say that the node stops, and everything else go on for a while.
func (n *node) takeLeave(delay time.Duration) {
	n.serving.Store(false)
	if delay <= 0 {
		return
	}
	n.logger.Info("the node stops", "in", delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.failed:
	}
}

// stop gives everything back: first what takes requests, then what works in the background, then
// what both stand on.
func (n *node) stop(ctx context.Context) error {
	n.serving.Store(false)
	n.stopOnce.Do(func() { close(n.stopping) })
	errs := []error{n.apiServer.shutdown(ctx)}
	n.end()
	n.work.Wait()
	for _, closer := range slices.Backward(n.closers) {
		errs = append(errs, closer(ctx))
	}
	errs = append(errs, n.adminServer.shutdown(ctx))
	return errors.Join(errs...)
}
