package redis

import (
	"sync"
	"time"
)

// clock watches the server's clock, by which ages are counted, beside this machine's monotonic one. A
// clock that was set back makes what was born before look younger than it is.
type clock struct {
	began time.Time

	mu     sync.Mutex
	seen   time.Time // when it was last looked at; zero: never
	ahead  time.Duration
	before int64 // what was born earlier, in the server's time, is not used
}

// Clocks are steered by less than a part in a thousand; what is more, and more than the replies of
// different members of a cluster differ, was set.
const (
	steered = 1000
	wasSet  = 100 * time.Millisecond
)

// saw takes in that the server's clock showed now, in microseconds, some time between the moments asked
// and told, and tells whether it was set back to a time that it had shown already.
func (k *clock) saw(now int64, asked, told time.Time) (doubtful bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	shown := time.Duration(now) * time.Microsecond
	most, least := shown-asked.Sub(k.began), shown-told.Sub(k.began) // by which it is ahead of ours
	if !k.seen.IsZero() {
		if back := k.ahead - most; back > wasSet+told.Sub(k.seen)/steered {
			k.before = max(k.before, now+int64(back/time.Microsecond)+1)
		}
	}
	k.seen, k.ahead = told, least
	return now < k.before
}

// bound gives from when on, in the server's time, births are to be trusted.
func (k *clock) bound() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.before
}

// padded gives an age that is certainly not too small: the server's clock counts microseconds, and may
// be steered.
func padded(age time.Duration) time.Duration { return age + age/512 + time.Microsecond }

// unpadded gives the greatest age whose padded one is within d.
func unpadded(d time.Duration) time.Duration { return (d - time.Microsecond) / 513 * 512 }
