package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is a line to a server that can be cut: either connections break and none can be made, or
// nothing comes through any more and nobody is told. Or it is slow.
type link struct {
	proxy *toxiproxy.Proxy

	mu  sync.Mutex
	cut string // "", broken, silent or slow
}

const (
	broken = "broken"
	silent = "silent"
	slow   = "slow" // each way takes 100 ms more, give or take 80
)

// toxics are what makes a link silent or slow, in one way of the two.
var toxics = map[string]string{
	silent: `{"name":%q,"type":"timeout","stream":%q,"attributes":{"timeout":0}}`,
	slow:   `{"name":%q,"type":"latency","stream":%q,"attributes":{"latency":100,"jitter":80}}`,
}

var proxies = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

func newLink(t *testing.T, upstream string) *link {
	t.Helper()
	l := &link{proxy: toxiproxy.NewProxy(proxies, upstream, "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	return l
}

func (l *link) addr() string { return l.proxy.Listen }

func (l *link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut != ""
}

func (l *link) sever(how string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut != "" {
		return nil
	}
	l.cut = how
	if how == broken {
		l.proxy.Stop()
		return nil
	}
	for _, way := range []string{"upstream", "downstream"} {
		_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(toxics[how], way, way)))
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *link) mend() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.cut
	l.cut = ""
	switch was {
	case broken:
		return l.proxy.Start()
	case silent, slow:
		l.proxy.Toxics.ResetToxics(context.Background())
	}
	return nil
}
