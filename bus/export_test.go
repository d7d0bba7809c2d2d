package bus

import "context"

// Hold keeps a shard's log from publishing, so that what is appended waits and makes one group.
func Hold(b *Bus, shard int) {
	l := &b.lanes[b.logOf(shard)]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = true
}

// Held gives how many commands wait.
func Held(b *Bus, shard int) int {
	l := &b.lanes[b.logOf(shard)]
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// Unhold lets the log go on.
func Unhold(b *Bus, shard int) { b.work.Go(b.lanes[b.logOf(shard)].run) }

// Publishing tells whether a group of the shard's log is under way.
func Publishing(b *Bus, shard int) bool {
	l := &b.lanes[b.logOf(shard)]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running && len(l.queue) == 0
}

// AppendAlone is Append with a message for each command.
func AppendAlone(ctx context.Context, b *Bus, bucket int, command []byte) error {
	c := b.commandStream(b.logOf(ShardOf(bucket)))
	return b.store(ctx, c, c.Subjects[0], "", endGroup(addToGroup(startGroup(len(command)), ShardOf(bucket), command)), func() {})
}

// Split gives the shards two logs, as an embedded bus had once. Nothing was appended or read yet.
func Split(b *Bus) { b.logs = 2 }

// Logs gives how many logs the shards have, and the bound of the first.
func Logs(ctx context.Context, b *Bus) (n int, bound int64) {
	first, err := b.stream(ctx, b.commandStream(0))
	if err != nil {
		return b.logs, 0
	}
	return b.logs, first.CachedInfo().Config.MaxBytes
}

// Apart gives how many bytes of a shard stand apart.
func Apart(b *Bus, shard int) int64 { return b.apart[shard].bytes.Load() }
