package partita

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/model"
)

// checkBus tells whether an address names a server of a bus. The error does not quote it: it may have a
// password.
func checkBus(address string) error {
	u, err := url.Parse(address)
	if err == nil && (u.Scheme == "nats" || u.Scheme == "tls") && u.Host != "" {
		return nil
	}
	return errors.New("this names no server of a message bus: give nats://HOST:PORT, or tls://USER:PASSWORD@HOST:PORT for one with TLS")
}

// openBus opens the bus that the node works with: the shared one where there is one, otherwise, where
// the store is embedded too and the model has something to put on it, one in this process. nil: none.
func (n *node) openBus(ctx context.Context, c *Config, m *model.Model) (*bus.Bus, error) {
	config := bus.Config{Service: m.Service, Node: n.name, BacklogBytes: c.BacklogBytes, Logger: c.Logger}
	switch {
	case len(c.Bus) > 0:
		config.URLs = c.Bus
	case storeurl.Embedded(c.Store) && len(asyncWrites(m)) > 0:
		config.Dir = filepath.Join(c.DataDir, "bus")
	default:
		return nil, nil
	}
	b, err := bus.Open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("partita: %w", err)
	}
	n.onClose(func(context.Context) error { return b.Close() })
	return b, nil
}

var nodeRule = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// nodeName names this run of this node among those that share a store or a bus.
func nodeName() string {
	host, _ := os.Hostname()
	if len(host) > 50 || !nodeRule.MatchString(host) {
		host = "node"
	}
	var b [4]byte
	rand.Read(b[:]) // never fails
	return host + "-" + hex.EncodeToString(b[:])
}
