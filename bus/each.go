package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Each gives the commands that stand in the logs when it is called, those of a shard in their order, and
// leaves them there. What is just done may still be among them. It waits for the bus as long as ctx
// allows. The bytes are valid until give returns.
func (b *Bus) Each(ctx context.Context, give func(shard int, command []byte) error) error {
	if b.link.wait(ctx) != nil {
		return b.away()
	}
	b.moving.Lock() // what is moved meanwhile would be missed
	defer b.moving.Unlock()
	for shard := range b.apart { // what stands apart comes first
		if !b.apart[shard].ever.Load() {
			continue
		}
		if err := b.eachOf(ctx, b.apartStream(shard), shard, shard+1, give); err != nil {
			return err
		}
	}
	for log := range b.logs {
		first, end := b.shardsOf(log)
		if err := b.eachOf(ctx, b.commandStream(log), first, end, give); err != nil {
			return err
		}
	}
	return nil
}

// eachOf gives those of the shards from first to below end that stand in one log.
func (b *Bus) eachOf(ctx context.Context, log jetstream.StreamConfig, first, end int, give func(shard int, command []byte) error) error {
	stream, err := b.js.Stream(ctx, log.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // nothing was ever accepted
	}
	if err != nil {
		return askFault(err)
	}
	state := stream.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // done meanwhile
		}
		if err != nil {
			return askFault(err)
		}
		for shard := first; shard < end; shard++ {
			commands, err := commandsOf(m.Data, shard)
			if err != nil {
				return fmt.Errorf("bus: group %d of log %s: %w", seq, log.Name, err)
			}
			for _, command := range commands {
				if err := give(shard, command); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// BucketIn gives a bucket of a shard: what is appended to it goes where the shard's commands go.
func BucketIn(shard int) int { return shard * (Buckets / Shards) }
