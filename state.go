package partita

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
)

// guardStore puts between the node and its store what notices that the store is away.
func (n *node) guardStore(background context.Context, c *Config) {
	n.board.Log(c.Logger)
	info := n.store.Info()
	n.setup = health.Setup{Model: n.model, Shared: info.Remote,
		Accepts: len(asyncWrites(n.model)) > 0 && (len(c.Bus) > 0 || storeurl.Embedded(c.Store))}
	guard := health.GuardConfig{Store: n.store, Board: n.board, Setup: n.setup, Timeout: c.RequestTimeout}
	if !info.Remote {
		guard.Room = func() int64 { return n.trouble.Room(observe.DiskFree(filepath.Dir(info.Place))) }
	}
	g := health.NewGuard(guard)
	n.store = g
	n.work.Go(func() { g.Run(background) })
}

// watch stops the node when its store must not be used any more.
func (n *node) watch(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-n.store.Broken():
		n.fail(fmt.Errorf("partita: the store must not be used any more, so the node stops; start it again when the cause is mended: %w", n.store.Cause()))
	}
}

// loneAfter is how long the store must be away for this node, while others have it, before requests are
// better sent to those. It is long enough for nodes to hear of each other that all have lost it.
const loneAfter = 5 * time.Second

// ready is what /readyz says: whether to send requests here, and what is wrong. A node without its store
// is of use still, so it stays ready, unless another one has that store.
func (n *node) ready() (bool, []string) {
	if !n.serving.Load() {
		return false, []string{"the node is stopping"}
	}
	var wrong []string
	lone := false
	for _, c := range n.board.Components() {
		if c.State == health.OK {
			continue
		}
		wrong = append(wrong, wordsFor(c))
		if c.Name == health.Store && c.State == health.Down && time.Since(c.Since) > loneAfter && n.othersHaveTheStore() {
			lone = true
			wrong = append(wrong, "other nodes reach the store, so requests are better sent to them")
		}
	}
	return !lone, wrong
}

// wordsFor says of a part to anybody what is wrong with it. Some causes name partitions, receivers, or what the
// program says of itself: those are for who may see /status.
func wordsFor(c health.Component) string {
	switch {
	case c.Name == health.Accepts || c.Name == health.Deliveries || c.Name == health.Program:
		return c.Name + ": " + string(c.State) + "; /status says why"
	case c.Cause == "":
		return c.Name
	}
	return c.Name + ": " + c.Cause
}

func (n *node) othersHaveTheStore() bool {
	if n.neighbours.members == nil {
		return false
	}
	return slices.ContainsFunc(n.neighbours.members.Nodes(), hasStore)
}

// hasStore tells whether another node says that all is well with its store.
func hasStore(other observe.Node) bool {
	return slices.ContainsFunc(other.Components, func(c observe.Component) bool { return c.Name == health.Store && c.State == health.OK })
}

// watchBus says how the bus is, until ctx ends.
func (n *node) watchBus(ctx context.Context) {
	each(ctx, func() {
		s := n.bus.State()
		switch {
		case !s.Connected:
			n.board.Set(health.Bus, health.Degraded, "it cannot be reached: "+s.Cause, n.setup.NoBus()...)
		case !s.Taking:
			n.board.Set(health.Bus, health.Degraded, "it takes nothing: "+s.Cause, n.setup.NoBus()...)
		default:
			n.board.Set(health.Bus, health.OK, "it answers again")
		}
	})
}

// watchRelay says how the relay is, until ctx ends.
func (n *node) watchRelay(ctx context.Context) {
	var views []string
	for _, v := range n.model.Views {
		views = append(views, v.Name)
	}
	each(ctx, func() {
		if n.relay.Failing() == "" {
			n.board.Set(health.Relay, health.OK, "it gets on again")
			return
		}
		cause := "what follows commits is late, views and events among it; the log says why"
		if c, _ := n.board.Get(health.Store); c.State != health.OK {
			cause = "what follows commits, views and events among it, waits for the store"
		}
		n.board.Set(health.Relay, health.Degraded, cause, n.setup.LateViews(views...)...)
	})
}

// watchAccepts says whether accepted writes are held up in a part of the partitions, until ctx ends.
func (n *node) watchAccepts(ctx context.Context, accepts *accept.Acceptor) {
	each(ctx, func() {
		store, _ := n.board.Get(health.Store)
		var words []string
		full := false
		for _, s := range accepts.Stuck() {
			if store.State == health.Down && s.Apart == 0 {
				continue // they wait for the store, as all do
			}
			words = append(words, s.String())
			full = full || s.Full
		}
		if words == nil {
			n.board.Set(health.Accepts, health.OK, "what held them up is done, and what waited for it too")
			return
		}
		n.board.Set(health.Accepts, health.Degraded, strings.Join(words, "; "), n.setup.Stuck(full)...)
	})
}

// What is behind by more than this is said to be late.
const (
	lateView  = 10 * time.Second
	lateEvent = time.Minute
)

// watchBehind says whether views and those who are told of events are late, until ctx ends. events may be
// nil.
func (n *node) watchBehind(ctx context.Context, events *relay.Events) {
	each(ctx, func() {
		if n.views != nil && n.relay != nil {
			n.judgeViews(ctx)
		}
		if events != nil {
			n.judgeDeliveries(events)
		}
	})
}

func (n *node) judgeViews(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var late, words []string
	for _, v := range n.viewFigures(ctx) {
		if v.State == "ready" && v.Lag > lateView.Seconds() {
			late = append(late, v.Name)
			words = append(words, fmt.Sprintf("%s lacks changes from up to %v ago", v.Name, time.Duration(v.Lag)*time.Second))
		}
	}
	if late != nil {
		n.board.Set(health.Views, health.Degraded, strings.Join(words, ", "), n.setup.LateViews(late...)...)
	} else {
		n.board.Set(health.Views, health.OK, "they have all changes again")
	}
}

func (n *node) judgeDeliveries(events *relay.Events) {
	var words []string
	for _, f := range endpointFigures(events) {
		if f.Oldest > lateEvent.Seconds() {
			words = append(words, fmt.Sprintf("%s was not told of %d events, the oldest from %v ago", f.Name, f.Waiting, time.Duration(f.Oldest)*time.Second))
		}
	}
	if words != nil {
		n.board.Set(health.Deliveries, health.Degraded, strings.Join(words, ", "))
	} else {
		n.board.Set(health.Deliveries, health.OK, "nothing waits for long any more")
	}
}

// each calls f now and every second, until ctx ends.
func each(ctx context.Context, f func()) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
}
