package cluster

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// ChangesConfig is what Changes are made of. All but Wanted and Logger are required.
type ChangesConfig struct {
	Bus         Bus
	Model       *model.Model // the store's
	Incarnation string       // of the store: messages of another are not for us
	// Hear is called with each change of another node, one after the other, in any order of
	// versions, some of them twice. It must be quick.
	Hear func(*store.Change)
	// Wanted tells whether anything on this node looks at the rows of a change in the partition. Of
	// changes that nobody looks at only partition and version are made out: they are passed on
	// marked as Foreign. Default: all are wanted.
	Wanted func(store.Partition) bool
	Logger *slog.Logger // default slog.Default()
}

// What may wait to be sent. More is dropped: the others see the gap, or their answers' age.
const (
	mostWaiting      = 4096
	mostBytesWaiting = 16 << 20
)

// Changes passes this node's commits on to the other nodes, and theirs to this one. It is safe for
// concurrent use.
type Changes struct {
	config  ChangesConfig
	waiting chan *store.Change
	bytes   atomic.Int64 // of what waits, roughly
	counts  struct{ sent, dropped, heard, foreign, unreadable atomic.Uint64 }
}

// Counts are figures since the start.
type Counts struct {
	Sent       uint64 `json:"sent"`       // messages of this node's commits
	Dropped    uint64 `json:"dropped"`    // commits without a message, since too many waited
	Heard      uint64 `json:"heard"`      // messages of others' commits
	Foreign    uint64 `json:"foreign"`    // of them: not interpreted, since another model wrote them or they were too large
	Unreadable uint64 `json:"unreadable"` // messages that were no messages, or of a later release
}

// NewChanges begins to listen to the others; Run sends.
func NewChanges(c ChangesConfig) (*Changes, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Wanted == nil {
		c.Wanted = func(store.Partition) bool { return true }
	}
	x := &Changes{config: c, waiting: make(chan *store.Change, mostWaiting)}
	return x, c.Bus.OnChanges(x.hear)
}

// Tell sends a commit of this node to the others. It never waits.
func (x *Changes) Tell(c *store.Change) {
	size := sizeOf(c)
	if x.bytes.Add(size) <= mostBytesWaiting {
		select {
		case x.waiting <- c:
			return
		default:
		}
	}
	x.bytes.Add(-size)
	x.counts.dropped.Add(1)
}

// sizeOf is roughly what a change takes on its way.
func sizeOf(c *store.Change) int64 {
	n := 256
	for i := range c.Rows {
		for _, row := range []*model.Row{c.Rows[i].Before, c.Rows[i].After} {
			if row != nil {
				for _, v := range row.Values {
					n += 16 + len(v.Text())
				}
			}
		}
	}
	for _, ev := range c.Events {
		n += len(ev.Data)
	}
	return int64(n)
}

// Run sends until ctx ends.
func (x *Changes) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-x.waiting:
			// The bus keeps the bytes for a moment, so each message has its own.
			payload := appendChange(make([]byte, 0, 512), x.config.Incarnation, c)
			x.config.Bus.SendChange(c.Partition.Family.Bucket(c.Partition.Value), payload)
			x.bytes.Add(-sizeOf(c))
			x.counts.sent.Add(1)
		}
	}
}

// Counts gives figures since the start.
func (x *Changes) Counts() Counts {
	return Counts{
		Sent: x.counts.sent.Load(), Dropped: x.counts.dropped.Load(), Heard: x.counts.heard.Load(),
		Foreign: x.counts.foreign.Load(), Unreadable: x.counts.unreadable.Load(),
	}
}

// hear takes in one message.
func (x *Changes) hear(payload []byte) {
	f, err := parseChange(payload)
	if err != nil {
		x.counts.unreadable.Add(1)
		return
	}
	if f.incarnation != x.config.Incarnation {
		return
	}
	family := x.config.Model.Family(f.family)
	if family == nil {
		return // another model's: nothing of it is here
	}
	partition, err := family.By.Parse(f.partition)
	if err != nil {
		x.counts.unreadable.Add(1)
		return
	}
	x.counts.heard.Add(1)
	c := x.decode(f, store.Change{
		Partition: store.Partition{Family: family, Value: partition}, Version: f.version, ID: f.id, Time: f.time,
	})
	x.config.Hear(c)
}

// decode makes the change of a message, as far as this node's model can tell what it did.
func (x *Changes) decode(f frame, head store.Change) *store.Change {
	unknown := head
	unknown.Foreign = true
	if !x.config.Wanted(head.Partition) {
		return &unknown
	}
	if !f.bare {
		// A model that differs may have fields that this change says nothing about, and then the tags
		// of its rows cannot be told. Only the same model's rows are trusted.
		c, err := store.DecodeChange(x.config.Model, head, f.body)
		if err == nil && !c.Foreign && c.Revision == x.config.Model.Revision {
			return c
		}
	}
	x.counts.foreign.Add(1)
	return &unknown
}
