package cache

import (
	"testing"
	"time"
)

func TestClocksThatPart(t *testing.T) {
	var k clock
	for _, at := range []struct {
		wall, monotonic time.Duration
		jump            bool
		why             string
	}{
		{1 * time.Second, 1 * time.Second, false, "nothing happened"},
		{2*time.Second + 400*time.Millisecond, 2 * time.Second, false, "a small correction"},
		{3*time.Second + 700*time.Millisecond, 3 * time.Second, false, "another one"},
		{63 * time.Second, 4 * time.Second, true, "the machine slept"},
		{64 * time.Second, 5 * time.Second, false, "that is known"},
		{5 * time.Second, 6 * time.Second, true, "somebody set the clock back"},
	} {
		if got := k.jumped(at.wall, at.monotonic); got != at.jump {
			t.Errorf("%s: %v", at.why, got)
		}
	}
}

func TestClockJumpExpires(t *testing.T) {
	c := New(Config{})
	defer c.Close()
	c.checkClock(time.Now())
	if n := c.Stats().Expiries; n != 0 {
		t.Fatalf("expired %d times without a jump", n)
	}
	c.clock.mu.Lock()
	c.clock.parted -= time.Minute
	c.clock.mu.Unlock()
	c.checkClock(time.Now())
	if n := c.Stats().Expiries; n != 1 {
		t.Fatalf("expired %d times after a jump", n)
	}
}
