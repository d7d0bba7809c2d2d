// Package admit decides what is begun when there is more to do than can be done, so that what is begun
// is done in time.
//
// Two gates stand one behind the other. The Door is at the connections: it knows nobody, reads a request's
// first line at most, and holds the rest of them unread. The Gate stands before the store: who comes to
// it is known and allowed, and needs the store. An answer from the cache never comes to it.
package admit

// Reason says why something was not begun.
type Reason uint8

// The reasons.
const (
	Full    Reason = iota // it waited, and there was no room
	Late                  // it could not have been done in time, or nobody waited for it any more
	reasons = iota
)

// String names a reason for metrics.
func (r Reason) String() string { return [...]string{"full", "late"}[r] }
