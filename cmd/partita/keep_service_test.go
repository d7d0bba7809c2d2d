package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/internal/local"
)

// keptModel is a service whose writes touch two rows each, of which one is in a view.
const keptModel = `service: kept
partitions: {account: {by: account_id, type: string(40), expect: 100}}
entities:
  entry: {in: account, key: n, expect: 1000, fields: {n: int, note: string(60)}}
  twin:  {in: account, key: n, expect: 1000, fields: {n: int}}
views:
  by_note: {from: entry, by: note, fields: [n]}
events:
  added: {data: {n: entry.n, note: entry.note}, deliver: "${HOOK:-}"}
reads:
  entry:   {get: entry, fresh: 1h, stale: 24h}
  entries: {list: entry, page: 1000, fresh: 1h, stale: 24h}
  some:    {list: entry, page: 2}
  twins:   {list: twin, page: 1000}
  noted:   {list: by_note, page: 500, fresh: 100ms, stale: 24h}
writes:
  add:
    steps:
      - {insert: entry, input: [n, note]}
      - {insert: twin, key: {n: = entry.n}}
    emit: {event: added}
    async: offered
  change: {update: entry, input: [note]}
feeds:
  entries: {of: entry}
`

// kept is such a service in processes of its own, on one kind of store.
type kept struct {
	t     *testing.T
	dir   string
	file  string
	args  []string // what nodes share
	env   []string
	nodes []*keptNode
	pg    *local.Postgres // nil: SQLite
}

type keptNode struct {
	cmd        *exec.Cmd
	api, admin string
}

// keepService makes what the service stands on.
func keepService(t *testing.T, postgres bool) *kept {
	t.Setenv("PARTITA_ADMIN_TOKEN", adminToken) // of the service and of the commands that ask it
	k := &kept{t: t, dir: t.TempDir()}
	k.file = filepath.Join(k.dir, "model.yaml")
	if err := os.WriteFile(k.file, []byte(keptModel), 0o600); err != nil {
		t.Fatal(err)
	}
	if !postgres {
		k.args = []string{"--data", filepath.Join(k.dir, "data")}
		return k
	}
	pg, err := local.StartPostgres("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Remove)
	k.pg = pg
	b, err := bus.StartLocal(filepath.Join(k.dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	k.args = []string{"--bus", "nats://" + b.Addr()}
	redis, err := local.StartRedis()
	if err != nil && !errors.Is(err, local.ErrMissing) {
		t.Fatal(err)
	}
	if err == nil {
		t.Cleanup(redis.Remove)
		k.args = append(k.args, "--cache", redis.URL())
	}
	k.env = []string{"PARTITA_WEBHOOK_SECRET=whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
	k.args = append(k.args, "--store", k.database(), "--data", filepath.Join(k.dir, "data"))
	return k
}

// database makes an empty one.
func (k *kept) database() string {
	k.t.Helper()
	url, err := k.pg.Make()
	if err != nil {
		k.t.Fatal(err)
	}
	return url
}

// place gives the arguments that name store and bus of the service.
func (k *kept) place(names ...string) (args []string) {
	for i := 0; i < len(k.args); i += 2 {
		if slices.Contains(names, k.args[i]) {
			args = append(args, k.args[i:i+2]...)
		}
	}
	return args
}

// move makes another store and folder the service's own.
func (k *kept) move() {
	for i := 0; i < len(k.args); i += 2 {
		switch k.args[i] {
		case "--store":
			k.args[i+1] = k.database()
		case "--data":
			k.args[i+1] += "-anew"
		}
	}
}

// start starts nodes and waits until they are ready.
func (k *kept) start(n int) {
	k.t.Helper()
	for range n {
		x := &keptNode{}
		for _, address := range []*string{&x.api, &x.admin} {
			var err error
			if *address, err = local.FreeAddress(); err != nil {
				k.t.Fatal(err)
			}
		}
		x.cmd = exec.Command(binary(k.t), append([]string{"serve", k.file, "--listen", x.api, "--admin", x.admin, "--webhook-allow", "127.0.0.0/8"}, k.args...)...)
		x.cmd.Env = append(os.Environ(), k.env...)
		var log bytes.Buffer
		x.cmd.Stderr = &log
		if err := x.cmd.Start(); err != nil {
			k.t.Fatal(err)
		}
		k.nodes = append(k.nodes, x)
		k.t.Cleanup(func() {
			x.kill()
			if k.t.Failed() {
				k.t.Logf("%s said:\n%s", x.api, log.String())
			}
		})
		k.until("a node is ready", func() bool {
			res, err := http.Get("http://" + x.api + "/readyz")
			if err != nil {
				return false
			}
			res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
}

func (x *keptNode) kill() {
	_ = x.cmd.Process.Kill() // it may have been killed before
	_ = x.cmd.Wait()
}

// lose ends all nodes at once.
func (k *kept) lose() {
	for _, x := range k.nodes {
		x.kill()
	}
	k.nodes = nil
}

func (k *kept) until(what string, ok func() bool) {
	k.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   string
}

// call asks a node, with headers as name, value, … A node that cannot be reached gives status 0.
func (k *kept) call(node int, method, path, body string, headers ...string) answer {
	req, err := http.NewRequestWithContext(k.t.Context(), method, "http://"+k.nodes[node].api+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// get asks a node and wants an answer of that status.
func (k *kept) get(node int, path string, status int, headers ...string) answer {
	k.t.Helper()
	a := k.call(node, http.MethodGet, path, "", headers...)
	if a.status != status {
		k.t.Fatalf("GET %s with %v answers %d, want %d: %s", path, headers, a.status, status, a.body)
	}
	return a
}

// add adds an entry, and tells whether that was acknowledged.
func (k *kept) add(node int, account string, n int, note string, later bool) answer {
	var headers []string
	if later {
		headers = []string{"Prefer", "respond-async"}
	}
	return k.call(node, http.MethodPost, "/v1/add", fmt.Sprintf(`{"account_id":%q,"n":%d,"note":%q}`, account, n, note), headers...)
}

// numbers reads the n of all rows of a list.
func (k *kept) numbers(node int, read, account string) (list []int) {
	k.t.Helper()
	var page struct{ Items []struct{ N int } }
	a := k.get(node, "/v1/"+read+"/"+account, http.StatusOK, "Cache-Control", "no-cache")
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		k.t.Fatal(err)
	}
	for _, row := range page.Items {
		list = append(list, row.N)
	}
	slices.Sort(list)
	return list
}

// versions reads the whole history of an account and gives its length.
func (k *kept) versions(node int, account string) (n int) {
	k.t.Helper()
	for {
		var page struct {
			Changes []struct{ Version int }
			Next    int
			More    bool
		}
		a := k.get(node, "/v1/feeds/entries/"+account+"?after="+strconv.Itoa(n), http.StatusOK)
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			k.t.Fatal(err)
		}
		for _, c := range page.Changes {
			if n++; c.Version != n {
				k.t.Fatalf("%s: version %d comes where %d should: %s", account, c.Version, n, a.body)
			}
		}
		if !page.More {
			return n
		}
	}
}

// A backup goes into a folder under a name of its own, and a "/" at its end says that a folder is meant,
// also where there is none yet.
func TestABackupGoesIntoAFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "seen.yaml")
	if err := os.WriteFile(file, []byte(seen), 0o600); err != nil {
		t.Fatal(err)
	}
	app, err := partita.Open(partita.Config{Model: file, DataDir: filepath.Join(dir, "data"), Listen: partita.None, Admin: partita.None})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup := func(out string) (int, string) {
		code, _, said := command(t, "backup", file, "--data", filepath.Join(dir, "data"), "--out", out, "--quiet")
		return code, said
	}
	for name, made := range map[string]bool{"there": true, "new": false, "deep/new": false} {
		folder := filepath.Join(dir, name)
		out := folder
		if !made {
			out += "/"
		} else if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if code, said := backup(out); code != fine {
			t.Fatalf("--out %s: %d %s", out, code, said)
		}
		if list, err := os.ReadDir(folder); err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Name(), "seen") {
			t.Errorf("--out %s: %v, %v", out, list, err)
		}
	}
	if code, said := backup(file + "/"); code != badCall || !strings.Contains(said, "--out") {
		t.Errorf("a folder below a file: %d %s", code, said)
	}
}
