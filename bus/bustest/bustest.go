// Package bustest runs a real NATS cluster for tests: servers in this process that speak to each other
// and to clients over the loopback, with files of their own, each of which may be stopped and started
// again.
package bustest

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/internal/local"
)

const startTimeout = 30 * time.Second

// Cluster is a number of NATS servers. It is safe for concurrent use.
type Cluster struct {
	t       testing.TB
	dir     string
	clients []int // ports
	routes  []int

	mu      sync.Mutex
	servers []*server.Server // nil: stopped
}

// Start starts n servers and waits until they work together. They end with the test.
func Start(t testing.TB, n int) *Cluster {
	t.Helper()
	ports := freePorts(t, 2*n)
	c := &Cluster{t: t, dir: t.TempDir(), clients: ports[:n], routes: ports[n:], servers: make([]*server.Server, n)}
	t.Cleanup(func() {
		for i := range n {
			c.Stop(i)
		}
	})
	for i := range n {
		c.boot(i)
	}
	c.Settled()
	return c
}

// URLs are the addresses for clients.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.clients))
	for i, port := range c.clients {
		urls[i] = "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return urls
}

// Stop stops a server, as its process would end; its files stay.
func (c *Cluster) Stop(i int) {
	c.mu.Lock()
	s := c.servers[i]
	c.servers[i] = nil
	c.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// Restart starts a stopped server again on its address and its files, and waits until it listens.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.boot(i)
}

// Settled waits until the servers that run have a leader and JetStream answers.
func (c *Cluster) Settled() {
	c.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for until := time.Now().Add(startTimeout); ; <-again.C {
		err := c.ask()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			c.t.Fatalf("the cluster does not come up: %v", err)
		}
	}
}

func (c *Cluster) ask() error {
	var urls string
	c.mu.Lock()
	for i, s := range c.servers {
		if s != nil {
			urls += "," + c.URLs()[i]
		}
	}
	c.mu.Unlock()
	conn, err := nats.Connect(urls[1:], nats.Timeout(time.Second))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(time.Second))
	if err != nil {
		return err
	}
	_, err = js.AccountInfo(c.t.Context())
	return err
}

func (c *Cluster) boot(i int) {
	c.t.Helper()
	o := &server.Options{
		ServerName:             "n" + strconv.Itoa(i),
		Host:                   "127.0.0.1",
		Port:                   c.clients[i],
		NoSigs:                 true,
		NoLog:                  true,
		DisableJetStreamBanner: true,
		JetStream:              true,
		SyncAlways:             true,
		StoreDir:               filepath.Join(c.dir, strconv.Itoa(i)),
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      4 << 30,
	}
	if len(c.routes) > 1 {
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: c.routes[i], NoAdvertise: true} // clients stay on the addresses, and proxies, that they were given
		for _, port := range c.routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))})
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		c.t.Fatal(fmt.Errorf("server %d does not start", i))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers[i] = s
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = local.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	return ports
}
