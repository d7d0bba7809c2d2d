package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// message is one message of a log: a group.
type message struct {
	seq  uint64
	body []byte
}

var (
	errAway = errors.New("the connection broke")
	errGap  = errors.New("a message was lost on the way")
)

// receive passes on what a consumer gives, until that breaks or ctx ends.
func (b *Bus) receive(ctx context.Context, consumer jetstream.Consumer, messages jetstream.MessagesContext, to chan<- message) error {
	wait := quiet
	if b.Embedded() {
		wait = quietEmbedded
	}
	behind := false // the server has had more for this reader since the last look, or before
	for next := uint64(1); ; {
		m, err := nextWithin(ctx, messages, wait)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			more, err := hasMore(ctx, consumer, next)
			if err != nil {
				return err
			}
			if behind && more {
				return errGap
			}
			behind = more
			continue
		case err != nil:
			return err
		}
		behind = false
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != next {
			return errGap
		}
		next++
		select {
		case to <- message{meta.Sequence.Stream, m.Data()}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// nextWithin waits for the next message, but not for long.
func nextWithin(ctx context.Context, messages jetstream.MessagesContext, long time.Duration) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	return messages.Next(jetstream.NextContext(ctx))
}

// hasMore asks the server whether it has more for the reader than came: a message that it has given
// away, as into a connection that broke or a buffer that was full, or one that it was not asked for. Of
// the last messages of a log nothing else would tell, for there comes none in which the gap shows. What
// is just on its way looks the same, so a single such answer says nothing.
func hasMore(ctx context.Context, consumer jetstream.Consumer, next uint64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		return false, err
	}
	return info.Delivered.Consumer >= next || info.NumPending > 0, nil
}
