package accept

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// pace lets accepting go before carrying out while there is a rush: what is accepted is safe, and
// nobody waits for it, but those who wait to be accepted do. Each write costs more to carry out than
// to accept, so a rush is taken in at the speed of accepting, and worked off behind it.
type pace struct {
	under atomic.Int32 // writes that are being accepted
	rush  atomic.Int64 // when there were many at once, in nanoseconds since the epoch
}

const (
	rushLasts = 50 * time.Millisecond // after there were many at once
	mostLate  = 5 * time.Second       // then a write is carried out, rush or not
	rushPause = 10 * time.Millisecond
)

// many is how many writes being accepted at once make a rush.
var many = int32(4 * runtime.GOMAXPROCS(0))

// enter counts a write that is being accepted now, until leave.
func (p *pace) enter(now time.Time) {
	if p.under.Add(1) >= many {
		p.rush.Store(now.UnixNano())
	}
}

func (p *pace) leave() { p.under.Add(-1) }

// yield waits while there is a rush, but not once the work at hand has waited for long, or somebody
// waits for an outcome.
func (a *Acceptor) yield(ctx context.Context, accepted time.Time) {
	for {
		now := time.Now()
		if now.UnixNano()-a.pace.rush.Load() > int64(rushLasts) || now.Sub(accepted) > mostLate || a.waiters.count.Load() > 0 {
			return
		}
		timer := time.NewTimer(rushPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
