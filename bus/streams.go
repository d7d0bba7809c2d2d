package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	askTimeout    = 2 * time.Second // of one question to JetStream
	eventAge      = 7 * 24 * time.Hour
	commandRepeat = 2 * time.Minute  // a group is never published again later than this
	eventRepeat   = 10 * time.Minute // a second publish of an event within it is not stored
)

// streams are the logs in JetStream. Each is looked up, or made, when it is first needed.
type streams struct {
	mu    sync.Mutex
	slots map[string]*slot
}

type slot struct {
	mu     sync.Mutex // held while it is looked up
	stream jetstream.Stream
}

func (b *Bus) commandStream(log int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        b.streamName("command_" + strconv.Itoa(log)),
		Description: "Accepted commands that were not carried out yet",
		Subjects:    []string{b.subject("command", strconv.Itoa(log))},
		Retention:   jetstream.LimitsPolicy, // the reader deletes what is done
		Discard:     jetstream.DiscardNew,
		MaxBytes:    b.config.BacklogBytes / int64(b.logs),
		Duplicates:  commandRepeat,
	}
}

// joinLogs makes one log of the two that an embedded bus had once, as soon as nothing waits in the
// second: until then both are used as they were.
func (b *Bus) joinLogs(ctx context.Context) error {
	const two = 2
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	second, err := b.js.Stream(ctx, b.commandStream(1).Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		b.widenLog(ctx) // the process may have ended when the second was gone and the first not yet larger
		return nil
	}
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if second.CachedInfo().State.Msgs > 0 {
		b.logs = two
		return nil
	}
	if err := b.js.DeleteStream(ctx, second.CachedInfo().Config.Name); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	b.widenLog(ctx)
	return nil
}

// widenLog gives the one log of an embedded bus at least the bound that is configured; one that is wider stays so, since
// what is in it may need the room.
func (b *Bus) widenLog(ctx context.Context) {
	bound := b.config.BacklogBytes
	log, err := b.js.Stream(ctx, b.commandStream(0).Name)
	if err == nil && log.CachedInfo().Config.MaxBytes < bound {
		c := log.CachedInfo().Config
		c.MaxBytes = bound
		_, err = b.js.UpdateStream(ctx, c)
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		b.log.Warn("the log of accepted commands keeps a smaller bound than it should have", "wanted", bound, "error", err)
	}
}

func (b *Bus) attemptStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              b.streamName("attempt"),
		Description:       "Per shard, the command that was started and may have crashed its worker",
		Subjects:          []string{b.subject("attempt", "*")},
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardOld,
		MaxBytes:          1 << 20,
		Duplicates:        commandRepeat,
	}
}

func (b *Bus) eventStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        b.streamName("event"),
		Description: "Events for readers outside",
		Subjects:    []string{b.subject("event", ">")},
		Discard:     jetstream.DiscardOld,
		MaxBytes:    b.config.EventBytes,
		MaxAge:      eventAge,
		Duplicates:  eventRepeat,
	}
}

func (b *Bus) streamName(what string) string { return "partita_" + b.config.Service + "_" + what }

// stream gives the stream of that configuration, and makes it where it is missing. One that exists
// is taken as it is: an operator may have changed its limits; only missing replicas are asked for.
func (b *Bus) stream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	b.streams.mu.Lock()
	if b.streams.slots == nil {
		b.streams.slots = map[string]*slot{}
	}
	s := b.streams.slots[c.Name]
	if s == nil {
		s = &slot{}
		b.streams.slots[c.Name] = s
	}
	b.streams.mu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream != nil {
		return s.stream, nil
	}
	if b.Embedded() {
		ctx = context.WithoutCancel(ctx) // it is quick, and Close must not stop the server while it makes a log
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := b.js.Stream(ctx, c.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		found, err = b.makeStream(ctx, c)
	case err == nil && found.CachedInfo().Config.Replicas < b.config.Replicas:
		b.raiseReplicas(ctx, found.CachedInfo().Config)
	}
	if err != nil {
		return nil, err
	}
	s.stream = found
	return found, nil
}

// forget makes the next call of stream look again: the stream did not answer, and may be gone.
func (b *Bus) forget(c jetstream.StreamConfig) {
	b.streams.mu.Lock()
	defer b.streams.mu.Unlock()
	delete(b.streams.slots, c.Name)
}

func (b *Bus) makeStream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	c.Storage = jetstream.FileStorage
	c.AllowDirect = true
	c.Replicas = b.config.Replicas
	stream, err := b.js.CreateStream(ctx, c)
	if err == nil || !b.tooFewServers(err) || c.Replicas == 1 {
		return stream, err
	}
	c.Replicas = 1
	stream, err = b.js.CreateStream(ctx, c)
	if err == nil {
		b.log.Warn("the bus has too few servers to keep copies: what is accepted is lost with the disk of one server",
			"stream", c.Name, "replicas", 1, "wanted", b.config.Replicas)
	}
	return stream, err
}

// Codes of JetStream that package jetstream does not name.
const (
	codeNoPeers     = 10005 // no suitable peers for the replicas asked for
	codeNoReplicas  = 10074 // replicas need a cluster
	codeStoreFailed = 10077 // not stored: full, or the disk failed
)

// tooFewServers tells a cluster that is too small from one of which some servers are away now: there
// the stream must wait for them, lest it stays without copies.
func (b *Bus) tooFewServers(err error) bool {
	switch codeOf(err) {
	case codeNoReplicas:
		return true
	case codeNoPeers:
		return len(b.conn.Servers()) < b.config.Replicas
	}
	return false
}

func (b *Bus) raiseReplicas(ctx context.Context, c jetstream.StreamConfig) {
	c.Replicas = b.config.Replicas
	if _, err := b.js.UpdateStream(ctx, c); err != nil {
		b.log.Warn("a log of the bus has fewer copies than wanted", "stream", c.Name, "wanted", c.Replicas, "error", err)
	}
}

func codeOf(err error) jetstream.ErrorCode {
	if e, ok := errors.AsType[jetstream.JetStreamError](err); ok && e.APIError() != nil {
		return e.APIError().ErrorCode
	}
	return 0
}

// Backlog gives how much was accepted and not carried out yet: messages (groups of commands), bytes,
// and when the oldest was accepted; zero where there is none. Groups that were just done may still
// be counted.
func (b *Bus) Backlog(ctx context.Context) (messages, bytes uint64, oldest time.Time, err error) {
	if on, _ := b.link.now(); !on {
		return 0, 0, time.Time{}, b.away()
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	list := b.js.ListStreams(ctx, jetstream.WithStreamListSubject(b.subject("command", "*")))
	for info := range list.Info() {
		messages += info.State.Msgs
		bytes += info.State.Bytes
		if first := info.State.FirstTime; info.State.Msgs > 0 && (oldest.IsZero() || first.Before(oldest)) {
			oldest = first
		}
	}
	if err := list.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return 0, 0, time.Time{}, askFault(err)
	}
	return messages, bytes, oldest, nil
}

// Waiting gives how many groups, at most, stand in the log with commands of a bucket that were not
// carried out yet. 0 says that all that was accepted before the call is done.
func (b *Bus) Waiting(ctx context.Context, bucket int) (uint64, error) {
	if bucket < 0 || bucket >= Buckets {
		return 0, fmt.Errorf("bus: there is no bucket %d", bucket)
	}
	if on, _ := b.link.now(); !on {
		return 0, b.away()
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := b.stream(ctx, b.commandStream(b.logOf(ShardOf(bucket))))
	if err != nil {
		return 0, askFault(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, askFault(err)
	}
	waiting := info.State.Msgs
	if done := b.done[ShardOf(bucket)].Load(); b.Embedded() && done <= info.State.LastSeq {
		waiting = min(waiting, info.State.LastSeq-done)
	}
	return waiting + b.apart[ShardOf(bucket)].waiting(), nil // after the log: from there commands go apart
}
