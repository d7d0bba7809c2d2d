package admit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// refuser has the answers ready that requests are refused with.
type refuser struct {
	answers [RefusalSpread][]byte
}

// RefusalSpread is how many seconds those who are refused are spread over when they come again.
const RefusalSpread = 5

// The answer to what is refused at the Door.
const (
	RefusalStatus = 503
	RefusalType   = "application/problem+json"
	RefusalBody   = `{"type":"urn:partita:problem:overloaded","title":"The service is overloaded","status":503,"detail":"` + busy + `"}`
)

const busy = "The service has more to do than it can just now; nothing was changed. Please try again after the time in Retry-After."

func (r *refuser) init() {
	for i := range r.answers {
		r.answers[i] = fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\nCache-Control: no-store\r\nRetry-After: %d\r\nContent-Length: %d\r\n\r\n%s",
			RefusalType, i+1, len(RefusalBody), RefusalBody)
	}
}

// untilNext is how long a connection may wait for its next request after one was refused, and for a refusal to be
// taken; a quarter less where the one before was not long ago.
const untilNext = time.Minute

// write refuses one request.
func (r *refuser) write(c net.Conn) error {
	_, err := c.Write(r.answers[rand.IntN(RefusalSpread)])
	return err
}
