package httpapi

import (
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
)

// bodiesUnderWay bounds the memory of all bodies that are being read: callers who send slowly hold it for
// as long as they may send.
const bodiesUnderWay = 256 << 20

// bodies counts the memory of bodies that are being read. It is safe for concurrent use.
type bodies struct {
	most int64
	held atomic.Int64
}

// begin begins to read one.
func (b *bodies) begin() underWay { return underWay{of: b} }

// underWay is a body that is being read.
type underWay struct {
	of   *bodies
	size int64
}

// grow counts it with so many bytes; false where there is no room.
func (u *underWay) grow(size int) bool {
	more := int64(size) - u.size
	u.size += more
	return u.of.held.Add(more) <= u.of.most
}

// end counts it no more.
func (u *underWay) end() { u.of.held.Add(-u.size) }

func tooMuchUnderWay() error {
	return &fault.Error{Code: fault.Overloaded, Message: "The service is receiving as much as it can just now; nothing was changed. Please try again after the time in Retry-After.", RetryAfter: 5 * time.Second}
}
