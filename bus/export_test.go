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
