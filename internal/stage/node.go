package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/local"
	"github.com/partita-dev/partita/internal/trouble"
)

// startTimeout bounds how long a node may take to be ready.
const startTimeout = 60 * time.Second

// Node is one node of the copy.
type Node struct {
	Name, Address, Admin string

	stage *Stage
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has
	tail  *tail
}

func (s *Stage) newNode(name string) (*Node, error) {
	n := &Node{Name: name, stage: s}
	for _, address := range []*string{&n.Address, &n.Admin} {
		var err error
		if *address, err = local.FreeAddress(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// arguments gives how the node is served.
func (n *Node) arguments() []string {
	s := n.stage
	args := append(s.Config.Program[1:len(s.Config.Program):len(s.Config.Program)], "serve", s.modelFile(),
		"--data", s.DataDir(), "--listen", n.Address, "--admin", n.Admin, "--node", n.Name, "--log-level", "warn")
	if s.Config.Timeout > 0 {
		args = append(args, "--request-timeout", s.Config.Timeout.String())
	}
	if s.storeURL != "" {
		args = append(args, "--store", through(s.storeURL, s.StoreLink), "--data", filepath.Join(s.dir, n.Name))
	}
	if s.Bus != nil {
		args = append(args, "--bus", through("nats://"+s.Bus.Addr(), s.BusLink))
	}
	if s.Redis != nil {
		args = append(args, "--cache", through(s.Redis.URL(), s.CacheLink))
	}
	return args
}

// environment gives what a node sees of the environment: nothing that says how Partita is run, since
// that would be how the service itself is run; the rest may be in the model.
func (n *Node) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARTITA_") {
			env = append(env, v)
		}
	}
	return append(env, "PARTITA_JWT_SECRET="+string(n.stage.Secret), "PARTITA_WEBHOOK_SECRET="+n.stage.webhooks, trouble.Variable+"="+n.stage.socket())
}

// Start starts the node, after Kill or Stop too, and returns when it is ready.
func (n *Node) Start(ctx context.Context) error {
	if n.cmd != nil {
		return nil
	}
	cmd := exec.Command(n.stage.Config.Program[0], n.arguments()...)
	cmd.Env = n.environment()
	n.tail = &tail{to: n.stage.Config.Log}
	cmd.Stdout, cmd.Stderr = io.Discard, n.tail
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("a node does not start: %w", err)
	}
	n.cmd, n.ended = cmd, make(chan struct{})
	ended := n.ended
	go func() { cmd.Wait(); close(ended) }() //nolint:errcheck // whoever ends it says why
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	limit := time.NewTimer(startTimeout)
	defer limit.Stop()
	for !n.Ready(ctx) {
		select { // readiness has no signal
		case <-again.C:
		case <-ended:
			n.cmd = nil
			return fmt.Errorf("a node ended before it was ready: %s", n.tail.text())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return fmt.Errorf("a node was not ready within %s: %s", startTimeout, n.tail.text())
		}
	}
	return nil
}

// Running tells whether the node's process is there.
func (n *Node) Running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

// Kill ends the node at once, as a crash does.
func (n *Node) Kill() {
	if n.cmd != nil {
		n.cmd.Process.Kill() //nolint:errcheck // it may be gone already
		<-n.ended
		n.cmd = nil
	}
}

// Stop ends the node in good order.
func (n *Node) Stop() error {
	if n.cmd == nil {
		return nil
	}
	if err := interrupt(n.cmd); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.ended:
	case <-time.After(30 * time.Second):
		n.Kill()
		return fmt.Errorf("a node did not stop within 30 s of being told to")
	}
	code := n.cmd.ProcessState.ExitCode()
	n.cmd = nil
	if code != 0 {
		return fmt.Errorf("a node ended with exit code %d: %s", code, n.tail.text())
	}
	return nil
}

var client = &http.Client{Timeout: 2 * time.Second}

// Ready asks the node whether requests should be sent to it.
func (n *Node) Ready(ctx context.Context) bool {
	status, _, err := get(ctx, "http://"+n.Address+"/readyz")
	return err == nil && status == http.StatusOK
}

// Status is what a node says about itself.
type Status struct {
	State      struct{ State, Words string } `json:"state"`
	Components []Component                   `json:"components"`
}

// Component is one part of it.
type Component struct {
	Name  string    `json:"component"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Cause string    `json:"cause"`
}

// Status asks the node how it is.
func (n *Node) Status(ctx context.Context) (doc Status, err error) {
	code, body, err := get(ctx, "http://"+n.Admin+"/status")
	if err != nil {
		return doc, err
	}
	if code != http.StatusOK {
		return doc, fmt.Errorf("the status answers %d", code)
	}
	return doc, json.Unmarshal(body, &doc)
}

func get(ctx context.Context, address string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	a, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, 4<<20))
	return a.StatusCode, body, err
}

// CPU gives the processor time that the node has used; 0 where it cannot be told.
func (n *Node) CPU() time.Duration {
	if n.cmd == nil {
		return 0
	}
	return cpuOf(n.cmd.Process.Pid)
}

// tail keeps the end of what a node logs, and passes all of it on.
type tail struct {
	to io.Writer

	mu   sync.Mutex
	last []byte
}

const tailBytes = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if n := len(t.last); n > tailBytes {
		t.last = append(t.last[:0], t.last[n-tailBytes:]...)
	}
	if t.to != nil {
		return t.to.Write(p)
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}

// hostOf gives host:port of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	if u.Port() == "" {
		return u.Hostname() + ":5432"
	}
	return u.Host
}

// through gives the URL by which a server is reached through a link, where there is one.
func through(address string, l *Link) string {
	u, err := url.Parse(address)
	if l == nil || err != nil {
		return address
	}
	u.Host = l.Addr()
	return u.String()
}

func withPath(address, path string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("--store must be a URL, such as postgres://USER@HOST/postgres")
	}
	u.Path = path
	return u.String(), nil
}
