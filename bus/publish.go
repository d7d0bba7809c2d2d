package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/fault"
)

const (
	ackTimeout = 2 * time.Second // of one attempt
	retryPause = 50 * time.Millisecond
	fullRetry  = 5 * time.Second // after which a caller may try again
)

// errUnknown marks faults after which it is not known whether the thing was done.
var errUnknown = errors.New("the message may have been stored")

// Unknown tells whether what failed with err may have happened all the same: the message was sent
// and no answer came. Without it, an error says that it did not happen.
func Unknown(err error) bool { return errors.Is(err, errUnknown) }

func unknown(cause error) error {
	return fault.Wrap(fault.Deadline, errors.Join(errUnknown, cause),
		"It is not known whether this was accepted. Send it again with the same Idempotency-Key to be sure.")
}

func unanswered(cause error) error {
	return &fault.Error{
		Code:       fault.Unavailable,
		Message:    "The message bus does not take anything now. Try again.",
		RetryAfter: time.Second,
		Cause:      cause,
	}
}

// publish makes a group durable. It repeats itself, under one id, until JetStream says yes or no, or
// until nobody waits for it any more.
func (b *Bus) publish(l *lane, g *group, id string) error {
	until := time.Time{}
	for _, w := range g.calls {
		if w.until.IsZero() {
			until = time.Time{}
			break
		}
		if w.until.After(until) {
			until = w.until
		}
	}
	limit := time.Now().Add(publishLimit)
	if until.IsZero() || until.After(limit) {
		until = limit
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	go func() {
		closing := b.ctx.Done()
		for {
			select {
			case <-closing:
				closing = nil
				time.AfterFunc(ackTimeout, cancel)
			case <-g.alone:
				cancel()
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	config := b.commandStream(l.log)
	return b.store(ctx, config, config.Subjects[0], id, g.body, l.troubled)
}

// refusal says since when the bus stores nothing, and why.
type refusal struct {
	since time.Time
	cause string
}

// store publishes one message to a stream until it is decided, and notes how that went. troubled is
// called when the first attempt got no answer.
func (b *Bus) store(ctx context.Context, c jetstream.StreamConfig, subject, id string, body []byte, troubled func()) error {
	err := b.storeUntil(ctx, c, subject, id, body, troubled)
	switch fault.CodeOf(err) {
	case "":
		if b.refusal.Load() != nil {
			b.refusal.Store(nil)
		}
	case fault.Overloaded:
		b.refused("accepted commands or events fill their room")
	case fault.Unavailable, fault.Deadline:
		b.refused("its logs give no answer")
	}
	return err
}

func (b *Bus) refused(cause string) {
	r := &refusal{since: time.Now(), cause: cause}
	if old := b.refusal.Load(); old != nil {
		r.since = old.since
	}
	b.refusal.Store(r)
}

func (b *Bus) storeUntil(ctx context.Context, c jetstream.StreamConfig, subject, id string, body []byte, troubled func()) error {
	doubt := false // an attempt may have been stored
	pause := retryPause
	for attempt := 1; ; attempt++ {
		err := b.storeOnce(ctx, c, subject, id, body)
		if err == nil {
			return nil
		}
		final, sure := verdict(err)
		doubt = doubt || !sure
		switch {
		case final != nil && doubt:
			return unknown(final)
		case final != nil:
			return final
		case !doubt && (attempt > 1 || !isNoStream(err)):
			return unanswered(err)
		}
		b.forget(c)
		if attempt == 1 && doubt {
			troubled()
		}
		if b.pause(ctx, pause/2+rand.N(pause)) != nil {
			if doubt {
				return unknown(err)
			}
			return unanswered(err)
		}
		pause = min(2*pause, time.Second)
	}
}

// pause waits a moment, and then until there is a connection.
func (b *Bus) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return b.link.wait(ctx)
}

var errNoStream = errors.New("the log cannot be found or made")

func (b *Bus) storeOnce(ctx context.Context, c jetstream.StreamConfig, subject, id string, body []byte) error {
	if _, err := b.stream(ctx, c); err != nil {
		return errors.Join(errNoStream, err)
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{jetstream.MsgIDHeader: {id}}}
	ack, err := b.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	if ack.Stream != c.Name {
		return errors.New("another stream of the bus takes the subjects of this service: " + ack.Stream)
	}
	return nil
}

func isNoStream(err error) bool { return errors.Is(err, jetstream.ErrNoStreamResponse) }

// verdict judges a failed attempt: what it means for the caller, nil where another attempt may tell,
// and whether it is sure that this attempt stored nothing.
func verdict(err error) (final error, sure bool) {
	switch {
	case errors.Is(err, errNoStream), isNoStream(err), errors.Is(err, nats.ErrConnectionReconnecting),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed):
		return nil, true // it was not sent, or there was nobody to take it
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fault.Wrap(fault.TooLarge, err, "This is too large for the message bus."), true
	}
	e, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case !ok:
		return nil, false
	case e.ErrorCode != codeStoreFailed:
		return nil, true // refused before it came near the log, as by a server that is not the leader
	case isFull(e):
		return errFull(err), true
	}
	return nil, false // the disk failed in the middle of it
}

// isFull tells a full log from a failed disk. The protocol has one code for both and tells them apart
// by the text of the server's own errors.
func isFull(e *jetstream.APIError) bool {
	switch e.Description {
	case server.ErrMaxBytes.Error(), server.ErrMaxMsgs.Error(), server.ErrMaxMsgsPerSubject.Error():
		return true
	}
	return false
}

// askFault turns an unanswered question to JetStream into a fault.
func askFault(err error) error { return unanswered(err) }

// Publish stores an event for readers outside, under the subject partita.<service>.event.<subject>,
// and returns when it is durable. A repeat with the same id within ten minutes is stored once. Errors
// are as those of Append.
//
// Nobody outside can read from an embedded bus: there it is not worth calling.
func (b *Bus) Publish(ctx context.Context, subject, id string, body []byte) error {
	if on, _ := b.link.now(); !on {
		return b.away()
	}
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	return b.store(ctx, b.eventStream(), b.subject("event", subject), id, body, func() {})
}
