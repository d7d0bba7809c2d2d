package bus

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	readAhead      = 16               // messages
	enough         = 128              // commands that are handed over at once, where so many wait
	quiet          = time.Second      // without a message, and the server is asked what it has given;
	quietEmbedded  = 10 * time.Second // with no network between the two, seldom
	pullExpiry     = time.Minute      // of a request for messages
	pullHeartbeat  = 30 * time.Second // the longest there is: heartbeats take the room of messages while a handler is slow
	readerForgets  = 30 * time.Second // the server drops a reader that is gone
	handlePause    = 20 * time.Millisecond
	handlePauseMax = 2 * time.Second
	donePause      = 100 * time.Millisecond // between two deletions of what is done
)

// Commands hands the commands of a shard to handle, one after the other in the order in which they
// were accepted, until ctx ends; it then returns nil. While the bus is away it waits.
//
// A command for which handle fails is handed over again after a pause, and none overtakes it. A
// group that is done is deleted from the log, in the background and some at a time: after a crash,
// or when two nodes read one shard for a while, handle meets commands again that it has done, in
// order. A command that panics or ends the process five times, while no other is at work, is given to
// the function of OnPoison and then passed over; a few more crashes may be needed before, to find it in
// a long log. The bytes are valid until handle returns.
func (b *Bus) Commands(ctx context.Context, shard int, handle func(context.Context, []byte) error) error {
	return b.CommandGroups(ctx, shard, func(ctx context.Context, commands [][]byte) (int, error) {
		for i, command := range commands {
			if ctx.Err() != nil {
				return i, ctx.Err()
			}
			if err := handle(ctx, command); err != nil {
				return i, err
			}
		}
		return len(commands), nil
	})
}

// CommandGroups is Commands for a handle that works on several at a time: it gets the rest of a group
// and returns how many of them, from the first on, are done; all, where its error is nil.
func (b *Bus) CommandGroups(ctx context.Context, shard int, handle func(context.Context, [][]byte) (int, error)) error {
	if shard < 0 || shard >= Shards {
		return fmt.Errorf("bus: there is no shard %d", shard)
	}
	if !b.doors.enter(&b.work) {
		return errClosed
	}
	defer b.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	if b.Embedded() {
		// What stands apart and what is in the shared log have one order only for one reader.
		select {
		case b.turns[shard] <- struct{}{}:
			defer func() { <-b.turns[shard] }()
		case <-ctx.Done():
			return nil
		}
	}

	r := &reader{bus: b, shard: shard, handle: handle, finished: make(chan struct{}, 1)}
	left := r.newApart()
	deleting, stop := context.WithCancel(context.WithoutCancel(ctx))
	var deleter sync.WaitGroup
	deleter.Go(func() { r.deleteDone(deleting) })
	defer func() { stop(); deleter.Wait() }()
	pause := handlePause
	do := carryOut
	for b.link.wait(ctx) == nil {
		before := b.done[shard].Load()
		_, _, err := r.ready(ctx) // its place counts for the others on the log, also while it drains
		if err == nil && do == carryOut {
			err = left.drain(ctx)
		}
		if err == nil {
			err = r.session(ctx, do)
		}
		if ctx.Err() != nil {
			break
		}
		var atOnce bool
		if do, atOnce = after(err); atOnce {
			continue
		}
		if b.done[shard].Load() != before {
			pause = handlePause
		}
		b.log.Debug("reads accepted commands again", "shard", shard, "cause", err)
		b.forget(b.commandStream(b.logOf(shard)))
		pause = backOff(ctx, pause)
	}
	r.leave()
	left.leave()
	return nil
}

// OnPoison sets the function that takes commands which crash their worker. When it returns nil the
// command is passed over, so it must have been written down by then. Without it, or while it fails,
// the command is tried again and again.
func (b *Bus) OnPoison(f func(ctx context.Context, command []byte) error) { b.poison.set(f) }

// reader reads one shard. Where it stands is what is still in the log: a group is deleted when all of
// it is done. A reader far ahead of the others on its log writes its place down as well. What stands apart
// of the shard has a reader of its own.
type reader struct {
	bus    *Bus
	shard  int
	handle func(context.Context, [][]byte) (int, error)
	apart  bool      // it reads what stands apart
	main   *reader   // of the shared log; nil: this one
	look   time.Time // when main looks again whether the shard is behind
	moved  uint64    // groups, by main

	finished chan struct{} // tells deleteDone
	created  time.Time     // of the stream that positions count in
	found    uint64        // the last group that was in the log when the reader came to it
	attempt  attempt       // as it is written down
	wrote    bool          // by this reader
	suspicion
}

// session reads from one consumer until that breaks, or it is time to do something else with what comes:
// see after.
func (r *reader) session(ctx context.Context, do int) error {
	b := r.bus
	stream, _, err := r.ready(ctx)
	if err != nil {
		return err
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.position().Load() + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: readerForgets,
	})
	if err != nil {
		return err
	}
	defer r.drop(stream, consumer.CachedInfo().Name)
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return err
	}
	defer messages.Stop()

	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	on, changed := b.link.now()
	if !on {
		return errAway
	}
	go func() {
		select {
		case <-changed:
			cancel()
		case <-reading.Done():
		}
	}()
	arrived := make(chan message, readAhead)
	var broken error
	go func() {
		defer close(arrived)
		broken = b.receive(reading, consumer, messages, arrived)
	}()
	defer func() {
		cancel()
		for range arrived { // so that it ends
		}
	}()
	switch do {
	case look:
		err = r.worth(arrived)
	case move:
		err = r.moveApart(ctx, arrived)
	}
	if err != nil {
		return err
	}
	for first := range arrived {
		if err := r.groups(ctx, r.gather(first, arrived)); err != nil {
			return err
		}
		if r.isBehind(ctx) {
			return errBehind
		}
	}
	return broken
}

// ready gives the log, and how it is, when the reader knows where it stands in it.
func (r *reader) ready(ctx context.Context) (jetstream.Stream, *jetstream.StreamInfo, error) {
	stream, err := r.bus.stream(ctx, r.log())
	if err != nil {
		return nil, nil, err
	}
	info, err := stream.Info(ctx)
	if err == nil && !info.Created.Equal(r.created) { // new to this reader, or lost and made anew: it counts from 1 again
		err = r.begin(ctx, info)
	}
	return stream, info, err
}

// begin looks at a log for the first time.
func (r *reader) begin(ctx context.Context, info *jetstream.StreamInfo) (err error) {
	r.created, r.found, r.wrote = info.Created, 0, false
	r.doneTo(0)
	if r.attempt, err = r.readAttempt(ctx); err != nil {
		r.created = time.Time{} // and again
		return err
	}
	if info.State.Msgs > 0 {
		r.found = info.State.LastSeq
	}
	r.suspicion = suspect(r.attempt)
	r.doneTo(max(r.attempt.done(), max(info.State.FirstSeq, 1)-1))
	return nil
}

func (r *reader) log() jetstream.StreamConfig {
	if r.apart {
		return r.bus.apartStream(r.shard)
	}
	return r.bus.commandStream(r.bus.logOf(r.shard))
}

func (r *reader) position() *atomic.Uint64 {
	if r.apart {
		return &r.bus.apart[r.shard].done
	}
	return &r.bus.done[r.shard]
}

// seesToDamage tells whether the reader puts aside groups of its log that are damaged: the first on it does.
func (r *reader) seesToDamage() bool {
	first, _ := r.bus.shardsOf(r.bus.logOf(r.shard))
	return r.apart || r.shard == first
}

// drop gives a consumer back, when the bus is there to take it.
func (r *reader) drop(stream jetstream.Stream, consumer string) {
	if on, _ := r.bus.link.now(); !on {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, consumer) // else the server drops it after readerForgets
}
