package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/fault"
)

// Shards that share a log share its bound, and a group is deleted only when all of them are done with it:
// one that is stuck would keep what the others have long done, until the log is full and takes nothing from
// anybody. So its commands are moved apart, from the front of the log to the end of a log of its own, and
// the rest of their groups is deleted.
//
// What stands apart comes before what is in the shared log, always: new commands go to the shared log, and
// only what is next in it is moved. So the order of a shard needs no note of its own, and moving needs no
// step that must not be cut off: commands are durable apart before the shard's place moves past them, and a
// crash in between leaves them in both logs, in the same order. They take effect once.

// apartShares is the share of the bound that a shard which is behind may have apart, as each has it in a
// cluster; beyond that it takes nothing more.
const apartShares = Shards

// apart is what stands apart of one shard, as far as this process knows. Only its reader changes it.
type apart struct {
	ever  atomic.Bool   // there is such a log
	last  atomic.Uint64 // group in it
	done  atomic.Uint64 // of them
	since atomic.Int64  // when the oldest group in it was moved there, in nanoseconds since the epoch
	bytes atomic.Int64
}

// waiting gives how many groups stand apart.
func (a *apart) waiting() uint64 {
	done := a.done.Load() // before last, which it follows
	last := a.last.Load()
	return last - min(done, last)
}

func (a *apart) is(s jetstream.StreamState) {
	a.last.Store(s.LastSeq)
	if s.Msgs > 0 {
		a.since.Store(s.FirstTime.UnixNano())
	}
	a.bytes.Store(int64(s.Bytes)) //nolint:gosec // far below
	a.ever.Store(true)
}

const apartName = "apart_"

func (b *Bus) apartStream(shard int) jetstream.StreamConfig {
	name := apartName + strconv.Itoa(shard)
	return jetstream.StreamConfig{
		Name:        b.streamName("command_" + name),
		Description: "Accepted commands of a shard that is behind the others",
		Subjects:    []string{b.subject("command", name)},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    -1, // what is accepted must find room; Append sees to the bound
		Duplicates:  commandRepeat,
	}
}

// findApart looks what stands apart in the logs of an embedded bus.
func (b *Bus) findApart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	list := b.js.ListStreams(ctx, jetstream.WithStreamListSubject(b.subject("command", "*")))
	for info := range list.Info() {
		n, is := strings.CutPrefix(info.Config.Name, b.streamName("command_"+apartName))
		shard, err := strconv.Atoi(n)
		if !is || err != nil || shard < 0 || shard >= Shards {
			continue
		}
		b.apart[shard].is(info.State)
		b.apart[shard].done.Store(max(info.State.FirstSeq, 1) - 1)
	}
	if err := list.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return askFault(err)
	}
	return nil
}

// mayAppend refuses commands of a shard that has its share apart already.
func (b *Bus) mayAppend(shard int) error {
	if !b.hasItsShare(shard) {
		return nil
	}
	return errFull(errors.New("a shard of accepted commands is behind the others, and has its share of the bound"))
}

func errFull(cause error) error {
	return &fault.Error{
		Code:       fault.Overloaded,
		Message:    "More is accepted already than can be carried out. Try again later.",
		RetryAfter: fullRetry,
		Cause:      cause,
	}
}

// newApart makes the reader of what stands apart of r's shard.
func (r *reader) newApart() *reader {
	return &reader{bus: r.bus, shard: r.shard, handle: r.handle, apart: true, main: r, finished: make(chan struct{}, 1)}
}

// drain hands over what stands apart, until nothing does any more. errBehind says that the shared log
// must be relieved before it goes on.
func (r *reader) drain(ctx context.Context) error {
	a := &r.bus.apart[r.shard]
	if !a.ever.Load() {
		return nil
	}
	stream, info, err := r.ready(ctx)
	if err != nil {
		return err
	}
	a.is(info.State)
	for seq := r.position().Load() + 1; seq <= info.State.LastSeq; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err == nil {
			err = r.group(ctx, seq, m.Data, 0)
		}
		if err != nil {
			return err
		}
		if err := r.dropTo(ctx, stream, seq); err != nil {
			return err
		}
		if r.main.isBehind(ctx) {
			return errBehind
		}
	}
	return nil
}

// dropTo deletes what stood apart up to a group.
func (r *reader) dropTo(ctx context.Context, stream jetstream.Stream, seq uint64) error {
	r.doneTo(seq)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(seq+1)); err != nil {
		return err
	}
	info, err := stream.Info(ctx)
	if err == nil {
		r.bus.apart[r.shard].is(info.State)
	}
	return err
}
