package admit

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// However many of those are held who share their connections, others of them are held too that come before them.
func TestManyWhoAreHeldDoNotTakeTheRoomOfCriticalOnes(t *testing.T) {
	d := crowdedDoor(t, 0)
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		for i := range mostHeld + 1 {
			v.come(t, fmt.Sprint(i), plainTarget)
		}
		v.come(t, "urgent", urgentTarget)
		if in, out := v.seen(); len(in) != 0 || len(out) != 1 || out[0] != fmt.Sprint(mostHeld) {
			t.Errorf("in %d, refused %v", len(in), out)
		}
		d.mu.Lock()
		d.few = 1
		d.mu.Unlock()
		d.allRead(true)
		synctest.Wait()
		if in, _ := v.seen(); len(in) != 1 || in[0] != "urgent" {
			t.Errorf("first came %v", in)
		}
		for d.held.Load() > 0 {
			v.leave()
			d.allRead(true)
			synctest.Wait()
		}
		v.leave()
		v.all.Wait()
	})
}

// An address is one caller, and so are all of one network.
func TestANetworkIsOneCaller(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"[2001:db8::1]:1", "[2001:db8::2]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:2", true},
	} {
		if got := origin(c.a) == origin(c.b); got != c.same {
			t.Errorf("%s and %s are one caller: %v", c.a, c.b, got)
		}
	}
}
