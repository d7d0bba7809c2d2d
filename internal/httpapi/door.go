package httpapi

import (
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"

	"github.com/partita-dev/partita/internal/admit"
)

// ServerBehind is Server for a listener of the door: requests that the door refuses do not come to the
// handler.
func ServerBehind(door *admit.Door, handler http.Handler) *http.Server {
	s := Server(&behind{door, handler})
	s.ConnContext = admit.WithConn
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*admit.Conn); ok && state == http.StateIdle {
			c.Idle()
		}
	}
	return s
}

// behind refuses what the door has let in for that only.
type behind struct {
	door *admit.Door
	next http.Handler
}

func (b *behind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.door.Marked() {
		if c := admit.ConnOf(r.Context()); c != nil && c.Unmark() {
			refuse(w, r)
			return
		}
	}
	b.next.ServeHTTP(w, r)
}

var refusalLength = []string{strconv.Itoa(len(admit.RefusalBody))}

// refuse answers as the door does.
func refuse(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Content-Type"] = problemType
	h["Cache-Control"] = noStore
	h["Content-Length"] = refusalLength
	h["Retry-After"] = []string{strconv.Itoa(1 + rand.IntN(admit.RefusalSpread))}
	w.WriteHeader(admit.RefusalStatus)
	if r.Method != http.MethodHead {
		w.Write([]byte(admit.RefusalBody))
	}
}
