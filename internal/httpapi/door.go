package httpapi

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"

	"github.com/partita-dev/partita/internal/admit"
)

// ServerBehind is Server for a listener of the door: requests that the door refuses do not come to the
// handler.
//
// What an API can answer without net/http is answered at the door.
func ServerBehind(door *admit.Door, handler http.Handler) *http.Server {
	s := Server(&behind{door, handler})
	by := admit.Direct{Header: s.ReadHeaderTimeout, Idle: s.IdleTimeout, Write: s.WriteTimeout}
	if api, ok := handler.(*API); ok && api.tracer == nil {
		by.Answer = api.direct
	}
	door.Answer(by)
	s.RegisterOnShutdown(door.Leave)
	s.ConnContext = admit.WithConn
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*admit.Conn); ok && state == http.StateIdle {
			c.Idle()
		}
	}
	return s
}

// behind refuses what the door has let in for that only. Requests of HTTP/2 share a connection, and others may come with the
// one before in one piece, so it brings each of them to the door.
type behind struct {
	door *admit.Door
	next http.Handler
}

func (b *behind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := admit.ConnOf(r.Context())
	if r.ProtoMajor == 2 || c != nil && !c.Came() {
		b.serveStream(w, r)
		return
	}
	if b.door.Marked() && c != nil && c.Unmark() {
		refuse(w, r)
		return
	}
	b.next.ServeHTTP(w, r)
}

func (b *behind) serveStream(w http.ResponseWriter, r *http.Request) {
	c, in := b.door.Stream(r.Context(), r.Method, r.RequestURI, r.RemoteAddr)
	if !in {
		refuse(w, r)
		return
	}
	defer c.Idle()
	r = r.WithContext(admit.WithConn(r.Context(), c))
	r.Body = awaited{r.Body, c}
	b.next.ServeHTTP(w, r)
}

// awaited is a body that may be long in coming.
type awaited struct {
	io.ReadCloser
	conn *admit.Conn
}

// Read implements io.Reader.
func (a awaited) Read(p []byte) (int, error) {
	a.conn.Aside()
	return a.ReadCloser.Read(p)
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
