package bus

import (
	"context"
	"fmt"
)

// Before gives a function that tells whether all is done that was accepted for a bucket before this call.
// What is accepted later does not put that off, however much it is.
func (b *Bus) Before(ctx context.Context, bucket int) (done func(context.Context) (bool, error), err error) {
	if bucket < 0 || bucket >= Buckets {
		return nil, fmt.Errorf("bus: there is no bucket %d", bucket)
	}
	shard := ShardOf(bucket)
	_, last, err := b.reach(ctx, shard)
	if err != nil {
		return nil, err
	}
	a := &b.apart[shard]
	past, until := false, uint64(0) // the log is past it, and what stood apart then
	return func(ctx context.Context) (bool, error) {
		first, now, err := b.reach(ctx, shard)
		if err != nil {
			return false, err
		}
		at := b.done[shard].Load()
		if !past && (first > last || now < last || b.Embedded() && at >= last) {
			past, until = true, a.last.Load()
		}
		return past && a.done.Load() >= until, nil
	}, nil
}

// reach gives the first and the last group of a shard's log; where it is empty, first is behind last. A log
// whose last is below what it was has been lost, and begun anew.
func (b *Bus) reach(ctx context.Context, shard int) (first, last uint64, err error) {
	if on, _ := b.link.now(); !on {
		return 0, 0, b.away()
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := b.stream(ctx, b.commandStream(b.logOf(shard)))
	if err != nil {
		return 0, 0, askFault(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, 0, askFault(err)
	}
	if info.State.Msgs == 0 {
		return info.State.LastSeq + 1, info.State.LastSeq, nil
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}
