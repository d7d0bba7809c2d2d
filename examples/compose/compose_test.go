package compose_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/partita-dev/partita/bus/bustest"
	"github.com/partita-dev/partita/internal/local"
	"github.com/partita-dev/partita/internal/redistest"
)

// container is what one of Partita is started with, as tools/manifests prints it.
type container struct {
	Name        string
	Command     []string
	Environment map[string]string
}

var secrets = map[string]string{
	"DATABASE_PASSWORD": "database-password-of-a-test", "ADMIN_TOKEN": "admin-token-of-a-test", "JWT_SECRET": "secret-of-a-test-that-is-long-enough",
}

// manifests reads the files as Compose and Kubernetes do.
func manifests(t *testing.T) map[string][]container {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kubernetes")
	if err := os.CopyFS(dir, os.DirFS("kubernetes")); err != nil {
		t.Fatal(err)
	}
	shop, err := os.ReadFile("../shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir = "../../tools/manifests"
	cmd.Env = os.Environ()
	for name, value := range secrets {
		fmt.Fprintf(&said, "%s=%s\n", name, value)
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	for name, text := range map[string][]byte{"shop.yaml": shop, "secrets.env": []byte(said.String())} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := filepath.Abs("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append(cmd.Args, file, dir)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("Compose or Kubernetes would refuse these files: ", err)
	}
	var all map[string][]container
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// build makes the binary.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "partita")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/partita").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// The names of the environment are those that the binary reads, and both sets of files give the same.
func TestTheEnvironmentIsWhatServeReads(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), build(t), "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := manifests(t)
	if len(all["Compose"]) != 3 || len(all["Kubernetes"]) != 1 {
		t.Fatalf("%d and %d containers of Partita", len(all["Compose"]), len(all["Kubernetes"]))
	}
	names := func(c container) (out []string) {
		for name := range c.Environment {
			if strings.HasPrefix(name, "PARTITA_") {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		return out
	}
	want := names(all["Kubernetes"][0])
	for _, name := range want {
		known := strings.Contains(string(help), "$"+name+")") || name == "PARTITA_JWT_SECRET" || name == "PARTITA_ADMIN_TOKEN"
		if !known {
			t.Errorf("%s is nothing that `partita serve` reads", name)
		}
	}
	for _, c := range all["Compose"] {
		if got := names(c); !slices.Equal(got, want) {
			t.Errorf("%s has %q, and Kubernetes gives %q", c.Name, got, want)
		}
		if c.Environment["PARTITA_NODE"] != c.Name {
			t.Errorf("%s is called %q", c.Name, c.Environment["PARTITA_NODE"])
		}
	}
}

// NATS takes its files as they are.
func TestNATSTakesItsFiles(t *testing.T) {
	for file, name := range map[string]string{"nats.conf": "HOSTNAME", "kubernetes/nats.conf": "POD_NAME"} {
		t.Setenv(name, "nats-1")
		options, err := server.ProcessConfigFile(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		} else if options.ServerName != "nats-1" || !options.SyncAlways || !options.JetStream || len(options.Routes) != 3 {
			t.Errorf("%s: %+v", file, options)
		}
	}
}

// The three nodes and the balancer run, as processes of this machine, with the environment and the file that
// the containers have; only the addresses are others. A killed node is missed by nobody.
func TestItRuns(t *testing.T) {
	postgres, err := local.StartPostgres("")
	if err != nil {
		t.Fatal(err, "; `make setup` installs it")
	}
	t.Cleanup(postgres.Remove)
	database, err := postgres.Make()
	if err != nil {
		t.Fatal(err)
	}
	cache, cluster := redistest.New(t), bustest.Start(t, 3)
	api := freePlaces(t, 4)
	balancer, api := api[0], api[1:]
	places := []string{
		"postgres://partita:" + secrets["DATABASE_PASSWORD"] + "@postgres:5432/partita?sslmode=disable", database, "valkey:6379", cache.Addr(),
		"0.0.0.0:8081", "127.0.0.1:0", "bind :8080", "bind " + balancer, "/etc/partita/model.yaml", absolute(t, "../shop/shop.yaml"),
	}
	for i, url := range cluster.URLs() {
		places = append(places, fmt.Sprintf("nats://nats-%d:4222", i+1), url, fmt.Sprintf("node-%d:8080", i+1), api[i])
	}
	bin, empty := build(t), t.TempDir()
	var nodes []*exec.Cmd
	var page string
	for i, c := range manifests(t)["Compose"] {
		here := strings.NewReplacer(append(places, "0.0.0.0:8080", api[i])...)
		node := exec.CommandContext(t.Context(), bin)
		for _, word := range c.Command {
			node.Args = append(node.Args, here.Replace(word))
		}
		for name, value := range c.Environment {
			node.Env = append(node.Env, name+"="+here.Replace(value))
		}
		node.Dir = empty
		page = begin(t, node)
		nodes = append(nodes, node)
	}
	file, err := os.ReadFile("haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(places...).Replace(string(file))), 0o600); err != nil {
		t.Fatal(err)
	}
	front := exec.CommandContext(t.Context(), "haproxy", "-db", "-f", config)
	front.Stderr = t.Output()
	if err := front.Start(); err != nil {
		t.Fatal(err, "; `make setup` installs it")
	}
	t.Cleanup(func() { end(front) })

	token := run(t, bin, "PARTITA_JWT_SECRET="+secrets["JWT_SECRET"], "token", "--sub", "me", "--claim", "roles=staff")
	ask := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+balancer+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return 0, err.Error()
		}
		return res.StatusCode, string(text)
	}
	// The balancer looks once a second who is ready.
	until(t, "the balancer finds a node", func() bool { status, _ := ask("GET", "/readyz", ""); return status == http.StatusOK })
	const ada = "8f14e45f-ceea-467f-9f1c-6f1f6a4d1a01"
	put := `{"customer_id": "` + ada + `", "name": "Ada", "email": "ada@example.com"}`
	if status, text := ask("POST", "/v1/put_customer", put); status != http.StatusOK && status != http.StatusCreated {
		t.Fatal(status, text)
	}
	until(t, "the page shows all nodes", func() bool {
		said := run(t, bin, "PARTITA_ADMIN_TOKEN="+secrets["ADMIN_TOKEN"], "status", "--admin", page)
		return strings.Contains(said, "node-1") && strings.Contains(said, "node-2") && strings.Contains(said, "node-3")
	})
	if err := nodes[0].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = nodes[0].Wait() // it was killed
	for range 30 {
		if status, text := ask("GET", "/v1/customer/"+ada, ""); status != http.StatusOK || !strings.Contains(text, "Ada") {
			t.Fatal("with one node less: ", status, text)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Error("a node wrote to its folder, which is read-only in the container: ", left, err)
	}
}

// begin starts a node, waits until its log says that it serves, and gives the address of its page. The
// process ends with the test.
func begin(t *testing.T, cmd *exec.Cmd) (page string) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.Log(lines.Text())
		var line struct{ Page string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Page != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }() // so that it never waits for a reader
			return strings.TrimPrefix(line.Page, "http://")
		}
	}
	t.Fatal("it ended too early")
	return ""
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may be gone
	_ = cmd.Wait()
}

func run(t *testing.T, bin, env string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("in a minute it did not come that ", what)
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// freePlaces gives addresses that nobody listens on.
func freePlaces(t *testing.T, n int) (out []string) {
	t.Helper()
	for range n {
		address, err := local.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, address)
	}
	return out
}
