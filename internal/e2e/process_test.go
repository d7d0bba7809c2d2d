package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
)

// process is a node in a process of its own, so that it can be killed. No Store means that everything
// is embedded.
type process struct {
	Source, Dir, Store, Node, Cache string
	Bus                             []string

	cmd  *exec.Cmd
	base string // where its API listens
}

const processEnv = "PARTITA_E2E_NODE"

// runProcess is what such a process does: it says where it listens, and goes on until it is killed or
// the test is gone.
func runProcess(config string) {
	var p process
	err := json.Unmarshal([]byte(config), &p)
	if err == nil {
		err = p.serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func (p *process) serve() error {
	c := partita.Config{
		Model: "test.yaml", ModelSource: []byte(p.Source), DataDir: p.Dir, Store: p.Store, Bus: p.Bus, Node: p.Node, SharedCache: p.Cache,
		Listen: "127.0.0.1:0", Admin: partita.None, RequestTimeout: 5 * time.Second, Logger: slog.New(slog.DiscardHandler),
		Webhooks: partita.Webhooks{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 5 * time.Second},
	}
	if p.Store != "" { // nodes that share a store sign with the same secret
		c.Webhooks.Secrets = []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	}
	app, err := partita.Open(c)
	if err != nil {
		return err
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err = app.Start(context.Background()); err == nil || time.Now().After(until) {
			break // else the store is away now
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("http://" + app.Addr())
	return nil
}

// start starts the process and waits until it serves. It is killed at the end of the test.
func (p *process) start(t *testing.T) {
	t.Helper()
	config, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), processEnv+"="+string(config))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil { // it ends with this process, however that ends
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = c.Process.Kill()
		t.Fatalf("the node does not start: %v", err)
	}
	p.cmd, p.base = c, strings.TrimSpace(line)
	t.Cleanup(func() { stopProcess(c) })
}

// kill kills the process, as kill -9 does.
func (p *process) kill() { stopProcess(p.cmd) }

func stopProcess(c *exec.Cmd) {
	_ = c.Process.Kill() // it may have been killed before
	_ = c.Wait()
}
