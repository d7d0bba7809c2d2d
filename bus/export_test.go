package bus

// Hold keeps a shard from publishing, so that what is appended waits and makes one group.
func Hold(b *Bus, shard int) {
	l := &b.lanes[shard]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = true
}

// Held gives how many commands wait.
func Held(b *Bus, shard int) int {
	l := &b.lanes[shard]
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// Unhold lets the shard go on.
func Unhold(b *Bus, shard int) { b.work.Go(b.lanes[shard].run) }

// Publishing tells whether a group of the shard is under way.
func Publishing(b *Bus, shard int) bool {
	l := &b.lanes[shard]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running && len(l.queue) == 0
}
