package bus

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// MaxHint bounds the payload of a hint and of gossip, in bytes. What is larger is not sent, and
// counted as lost.
const MaxHint = 256 << 10

// Readers of hints may fall behind by this much before some are dropped.
const (
	hintsWaiting     = 8192
	hintBytesWaiting = 16 << 20
)

type hintCount struct{ lost atomic.Uint64 }

// SendChange tells the other nodes about a change in a bucket. It never waits: while the bus is away
// the hint is lost, as it may be anyway. An embedded bus has nobody to tell.
func (b *Bus) SendChange(bucket int, payload []byte) {
	b.send(b.subject("change", strconv.Itoa(bucket)), payload)
}

// OnChanges calls f with each hint of another node, one after the other. The payload is f's to keep.
// After the bus was away, hints are missing: see OnReturn.
func (b *Bus) OnChanges(f func(payload []byte)) error { return b.listen(b.subject("change", "*"), f) }

// SendGossip tells the other nodes how this one is. It never waits, as with SendChange.
func (b *Bus) SendGossip(payload []byte) { b.send(b.subject("gossip", "node"), payload) }

// OnGossip calls f with what other nodes say about themselves, one after the other.
func (b *Bus) OnGossip(f func(payload []byte)) error { return b.listen(b.subject("gossip", "node"), f) }

// SendQuota tells the other nodes what this one has let through. It never waits, as with SendChange.
func (b *Bus) SendQuota(payload []byte) { b.send(b.subject("gossip", "quota"), payload) }

// OnQuota calls f with what other nodes have let through, one after the other.
func (b *Bus) OnQuota(f func(payload []byte)) error { return b.listen(b.subject("gossip", "quota"), f) }

// OnReturn calls f each time that the connection comes back after it was lost, so that what may have
// been missed can be looked for. f must not block.
func (b *Bus) OnReturn(f func()) {
	b.link.mu.Lock()
	defer b.link.mu.Unlock()
	b.link.returns = append(b.link.returns, f)
}

func (b *Bus) send(subject string, payload []byte) {
	if b.Embedded() {
		return
	}
	if len(payload) > MaxHint || b.conn.Publish(subject, payload) != nil {
		b.hints.lost.Add(1)
	}
}

func (b *Bus) listen(subject string, f func([]byte)) error {
	if b.Embedded() {
		return nil
	}
	sub, err := b.conn.Subscribe(subject, func(m *nats.Msg) { f(m.Data) })
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if err := sub.SetPendingLimits(hintsWaiting, hintBytesWaiting); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}
