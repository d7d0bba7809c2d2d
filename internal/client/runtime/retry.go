package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	firstPause  = 50 * time.Millisecond
	longestOwn  = 2 * time.Second // of the pauses that the service did not ask for
	budgetShare = 0.1             // repeats for each call
	budgetMost  = 10              // repeats that a quiet time saves up
)

// budget keeps repeats from becoming load of their own: each call earns a tenth of one. Where it is
// used up calls fail with what the service said. The zero value has budgetMost.
type budget struct {
	mu   sync.Mutex
	used float64
}

func (b *budget) earn() {
	b.mu.Lock()
	b.used = max(0, b.used-budgetShare)
	b.mu.Unlock()
}

func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+1 > budgetMost {
		return false
	}
	b.used++
	return true
}

// pause says whether a call is made again after err, and when. Every call may be: reads change
// nothing, and a write carries the same idempotency key each time.
func (c *Client) pause(ctx context.Context, err error, attempt int) (time.Duration, bool) {
	if ctx.Err() != nil || attempt >= c.config.Attempts {
		return 0, false
	}
	pause := rand.N(min(firstPause<<(attempt-1), longestOwn)) + time.Millisecond
	if p, ok := errors.AsType[*Problem](err); ok {
		if !passing(p) || p.RetryAfter > c.config.Patience {
			return 0, false
		}
		if p.RetryAfter > 0 {
			pause += p.RetryAfter + rand.N(p.RetryAfter/4+1)
		}
	} else if _, ok := errors.AsType[*lost](err); !ok {
		return 0, false
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
		return 0, false
	}
	return pause, c.budget.spend()
}

// passing tells whether the same request may succeed later.
func passing(p *Problem) bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return p.Kind() == InFlight
}
