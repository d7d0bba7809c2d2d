package accept

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/store"
)

// Carry carries out what is accepted for a shard, in its order, until ctx ends. One node at a time
// should: two that do get the same results, at twice the work.
func (a *Acceptor) Carry(ctx context.Context, shard int) {
	a.holding.Add(1)
	defer a.holding.Add(-1)
	defer a.tries.goOn(shard)
	c := &carrier{Acceptor: a, shard: shard, began: time.Now()}
	if err := a.Bus.CommandGroups(ctx, shard, c.group); err != nil && ctx.Err() == nil {
		a.Logger.Debug("accepted writes of a shard are not carried out here any more", "shard", shard, "cause", err)
	}
}

// carrier works on one shard.
type carrier struct {
	*Acceptor
	shard   int
	began   time.Time
	strange [32]byte  // a command that another model's node accepted and this one does not understand
	since   time.Time // when it was first met
}

// patience is how long a shard waits for a node whose model knows a command that this node's does
// not: long enough to put a new model on all nodes.
const patience = 2 * time.Minute

// item is one command on its way.
type item struct {
	command *command
	request *engine.WriteRequest
	carried engine.Carried
}

// group carries out the commands of a group, and gives how many of them, from the first on, are
// settled. What it panics with is a defect of the first: the bus counts these.
func (c *carrier) group(ctx context.Context, commands [][]byte) (int, error) {
	items := make([]*item, 0, len(commands))
	var stop error
	var foreign *item // that stops it
	for _, b := range commands {
		it := &item{}
		if it.command, stop = decode(b); stop != nil {
			break
		}
		if it.request, it.carried.Err = it.command.request(c.model); it.carried.Err != nil && c.mayBeKnownElsewhere(it) {
			stop, foreign = it.carried.Err, it
			break
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		if errors.Is(stop, errDamaged) {
			return c.damaged(ctx, commands[0])
		}
		c.tries.fail(c.shard, foreign, true)
		return 0, stop
	}
	if first := items[0].command.accepted.Now; first.After(c.began) {
		// What was there before is what a crash may be blamed for: to be killed while it waits here
		// would look like one.
		c.yield(ctx, first)
	}
	c.carry(ctx, items)
	for i, it := range items {
		if it.carried.Settled {
			continue
		}
		if it.carried.Defect && i == 0 {
			panic(fmt.Sprintf("the write %s failed by a defect: %v", it.command.write, it.carried.Err))
		}
		c.tries.fail(c.shard, it, false)
		return i, it.carried.Err
	}
	c.tries.goOn(c.shard)
	return len(items), stop
}

// damaged puts aside what is no command.
func (c *carrier) damaged(ctx context.Context, command []byte) (int, error) {
	if err := c.putAside(ctx, command); err != nil {
		return 0, err
	}
	return 1, nil
}

// mayBeKnownElsewhere tells whether to wait for another node with a command that this one's model
// does not understand.
func (c *carrier) mayBeKnownElsewhere(it *item) bool {
	if it.command.revision == c.model.Revision {
		return false
	}
	if hash := it.command.accepted.Key.Hash; c.strange != hash {
		c.strange, c.since = hash, time.Now()
		c.Logger.Warn("an accepted write waits for a node with another model", "write", it.command.write, "shard", c.shard,
			"model", it.command.revision, "cause", it.carried.Err)
	}
	return time.Since(c.since) < patience
}

// carry has the engine carry out commands, and tells those who wait what came of them.
func (c *carrier) carry(ctx context.Context, items []*item) {
	requests := make([]*engine.WriteRequest, 0, len(items))
	of := make([]*item, 0, len(items))
	for _, it := range items {
		if it.request != nil {
			requests, of = append(requests, it.request), append(of, it)
		}
	}
	for i, carried := range c.Engine.Carry(ctx, requests) {
		of[i].carried = carried
	}
	now := time.Now()
	for _, it := range items {
		if it.request == nil {
			c.refuse(ctx, it)
		}
		if it.carried.Settled {
			c.tell(it, now)
		}
	}
}

// refuse settles a command that no model understands any more.
func (c *carrier) refuse(ctx context.Context, it *item) {
	p, err := place(c.model, it.command.family, it.command.partition)
	if err != nil { // nobody can ask for the operation either
		it.carried.Settled = true
		c.Logger.Error("an accepted write is dropped: the model has no such partitions any more", "write", it.command.write, "family", it.command.family)
		return
	}
	it.carried.Err = fault.New(fault.Gone, "The service has another model now than when this was accepted, and cannot carry it out any more.")
	it.carried.Settled = c.Engine.Refuse(ctx, p, it.command.write, it.command.accepted.Key, it.carried.Err) == nil
}

func (c *carrier) tell(it *item, now time.Time) {
	key := it.command.accepted.Key
	c.recent.remove(key.Hash)
	if it.request == nil {
		return
	}
	p := store.Partition{Family: it.request.Write.Family, Value: it.request.Args.Values[0]}
	c.waiters.settled(p, key.Hash, it.carried)
	c.Recorder.Carried(it.request.Write, now.Sub(it.command.accepted.Now), fault.CodeOf(it.carried.Err))
}
