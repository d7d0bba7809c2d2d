package partita

import (
	"context"
	"slices"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/internal/cluster"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/feed"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store"
)

// neighbours is what this node and the others of its service do for each other. The zero value is
// that of a node alone.
type neighbours struct {
	changes *cluster.Changes
	members *cluster.Members
}

// pollEvery is how often feeds look into the log where no bus tells of other nodes' commits.
const pollEvery = time.Second

// join makes this node hear of the others, and them of it. Call it after everybody listens.
func (n *node) join(background context.Context, books *work.Books, answers *cache.Cache, hub *feed.Hub) (err error) {
	shared := n.store.Info().Remote
	if !shared {
		return nil // an embedded store has one node
	}
	heads := cluster.NewHeads(cluster.HeadsConfig{
		Partitions: answers.Partitions, Reached: answers.Reached,
		Head: func(ctx context.Context, name string) (uint64, error) {
			p, ok := engine.FromCacheName(books.Store, name)
			if !ok {
				return 0, nil
			}
			return n.store.Head(ctx, p)
		},
	})
	n.work.Go(func() { heads.Run(background) })
	followed := &feed.Watch{Hub: hub, Head: n.store.Head, Deaf: func() bool { return n.bus == nil || !n.bus.State().Connected }}
	n.work.Go(func() { followed.Run(background) })
	if n.bus == nil {
		n.logger.Info("the store is shared, and no --bus is given: this node does not hear of other nodes' commits, so that `fresh` alone says how old its cached answers may be")
		return nil
	}
	n.bus.OnReturn(heads.Hurry)
	incarnation := n.store.Info().Incarnation
	n.neighbours.changes, err = cluster.NewChanges(cluster.ChangesConfig{
		Bus: n.bus, Model: books.Store, Incarnation: incarnation, Hear: n.changed, Logger: n.logger,
		Wanted: func(p store.Partition) bool {
			name := engine.CacheName(p)
			return answers.Resident([]byte(name)) || n.study.Wants(name) || hub.Followed(p)
		},
	})
	if err != nil {
		return err
	}
	n.neighbours.members, err = cluster.NewMembers(cluster.MembersConfig{
		Bus: n.bus, Incarnation: incarnation, Self: n.recorder.Self, Figures: n.recorder.Export, Logger: n.logger,
	})
	if err != nil {
		return err
	}
	n.work.Go(func() { n.neighbours.changes.Run(background) })
	n.work.Go(func() { n.neighbours.members.Run(background) })
	return nil
}

// committed takes in a commit of this node: it matters here, and on the others.
func (n *node) committed(c *store.Change) {
	if r := n.remembers.Load(); r != nil {
		r.Remember(c)
	}
	n.changed(c)
	if n.neighbours.changes != nil {
		n.neighbours.changes.Tell(c)
	}
}

// peers gives the other nodes of the service, with their figures of a window.
func (n *node) peers(ctx context.Context, w observe.Window) []observe.Peer {
	if n.neighbours.members == nil {
		return nil
	}
	return n.neighbours.members.Peers(ctx, w)
}

// shards gives the number of parts of the work behind commits that this node does.
func (n *node) shards() int {
	if r := n.remembers.Load(); r != nil {
		return r.Held()
	}
	return 0
}

// excess tells how many parts of the work behind commits this node should leave to others: to those that
// it hears of, which have the same model and the store.
func (n *node) excess(held int) int {
	if n.neighbours.members == nil {
		return 0
	}
	var others []int
	for _, other := range n.neighbours.members.Nodes() {
		if other.Revision == n.model.Revision && hasStore(other) {
			others = append(others, other.Shards)
		}
	}
	return relay.Excess(held, others...)
}

// later tells whether a node that this one hears of has the model of a revision, and the store. It must have
// been started after this one: so two models that each have what the other lacks do not leave the work to
// each other.
func (n *node) later(revision string) bool {
	return n.neighbours.members != nil && slices.ContainsFunc(n.neighbours.members.Nodes(), func(other observe.Node) bool {
		return other.Revision == revision && other.Started.After(n.started) && hasStore(other)
	})
}

// beat is how often a feed looks into the log although nothing was told; 0: seldom enough.
func (n *node) beat() time.Duration {
	if n.store.Info().Remote && n.bus == nil {
		return pollEvery
	}
	return 0
}
