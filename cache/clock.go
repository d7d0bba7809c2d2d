package cache

import (
	"sync"
	"time"
)

// Age is measured by the monotonic clock, which stands still while the machine sleeps; a wall clock
// that is set tells nothing about it either. When the two part suddenly, the age of every answer is
// in doubt, and the cache expires.
type clock struct {
	began time.Time
	wrong func() time.Duration // by how much the wall clock is; nil: not at all

	mu     sync.Mutex
	parted time.Duration // wall time minus monotonic time since began, when last looked at
}

const (
	clockEvery = time.Second
	// Time servers correct a clock by less than a millisecond each second.
	clockJump = 500 * time.Millisecond
)

func (k *clock) start(wrong func() time.Duration) { k.began, k.wrong = time.Now(), wrong }

// jumped tells whether the clocks parted since the last call, given the time by both since began.
func (k *clock) jumped(wall, monotonic time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := wall - monotonic
	jump := (d - k.parted).Abs() > clockJump
	k.parted = d
	return jump
}

// checkClock expires everything if the clocks parted.
func (c *Cache) checkClock(now time.Time) {
	wall := now.Round(0).Sub(c.clock.began.Round(0))
	if c.clock.wrong != nil {
		wall += c.clock.wrong()
	}
	if c.clock.jumped(wall, now.Sub(c.clock.began)) {
		c.Expire()
	}
}

// watchClock sees to it that a cache which answers from memory alone notices a jump as well.
func (c *Cache) watchClock() {
	t := time.NewTicker(clockEvery)
	defer t.Stop()
	for {
		select {
		case <-c.base.Done():
			return
		case <-t.C:
			c.checkClock(time.Now())
		}
	}
}
