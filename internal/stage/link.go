package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is a line to a server that can be cut or made slow. It is safe for concurrent use.
type Link struct {
	proxy *toxiproxy.Proxy

	mu      sync.Mutex
	stopped bool
}

var proxies = sync.OnceValue(func() *toxiproxy.ApiServer {
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
})

func (s *Stage) link(upstream string) (*Link, error) {
	l := &Link{proxy: toxiproxy.NewProxy(proxies(), upstream, "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("no proxy can be started: %w", err)
	}
	s.onClose(func() error { l.proxy.Stop(); return nil })
	return l, nil
}

// Addr gives where the server is reached through the link.
func (l *Link) Addr() string { return l.proxy.Listen }

// Cut breaks every connection, and none can be made until Mend.
func (l *Link) Cut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.proxy.Stop()
	return nil
}

// Silence keeps connections and lets nothing through until Mend: nobody is told.
func (l *Link) Silence() error {
	return l.toxic("timeout", map[string]int64{"timeout": 0}, "upstream", "downstream")
}

// Slow delays everything that comes back from the server, until Mend.
func (l *Link) Slow(by, jitter time.Duration) error {
	return l.toxic("latency", map[string]int64{"latency": by.Milliseconds(), "jitter": jitter.Milliseconds()}, "downstream")
}

// toxic does something to what goes through.
func (l *Link) toxic(kind string, attributes map[string]int64, streams ...string) error {
	for _, stream := range streams {
		text, err := json.Marshal(map[string]any{"name": kind + stream, "type": kind, "stream": stream, "attributes": attributes})
		if err != nil {
			return err
		}
		if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

// Mend ends whatever was done to the link.
func (l *Link) Mend() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		l.stopped = false
		return l.proxy.Start()
	}
	l.proxy.Toxics.ResetToxics(context.Background())
	return nil
}
