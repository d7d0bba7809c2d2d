package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/local"
	"github.com/partita-dev/partita/internal/logtest"
)

const secretive = `
service: secretive
partitions: {person: {by: person_id, type: string(20), expect: 1k}}
entities: {note: {in: person, key: n, expect: 10, fields: {n: {type: int, default: next}, text: string(100)}}}
access: {rules: {owner: auth.sub == person_id}, allow: [owner]}
reads: {note: {get: note, fresh: 1m}}
writes: {add: {insert: note, input: [text], emit: added, async: offered}}
events: {added: {data: [note.n], deliver: "${HOOK}"}}
`

// secrets are texts that must be seen nowhere. Each has a part that nothing else has.
var secrets = map[string]string{
	"token secret":   "s3cr3t-jwt-0123456789-0123456789-0123456789",
	"admin token":    "s3cr3t-admin-0123456789",
	"database":       "s3cr3t-database",
	"bus":            "s3cr3t-bus",
	"cache":          "s3cr3t-cache",
	"key set":        "s3cr3t-jwks",
	"traces":         "s3cr3t-otlp",
	"webhook secret": "whsec_" + base64.StdEncoding.EncodeToString([]byte("s3cr3t-webhook-0123456789")),
	"webhook":        "s3cr3t-hook",
	"key":            "s3cr3t-idempotency-key",
	"body":           "s3cr3t-body",
}

// witness keeps all that was said, and complains of secrets in it.
type witness struct {
	t     *testing.T
	token string
}

func (s *witness) look(where, text string) {
	s.t.Helper()
	hidden := map[string]string{"bearer token": s.token, "webhook secret, bare": strings.TrimPrefix(secrets["webhook secret"], "whsec_"), "webhook secret, read": "s3cr3t-webhook"}
	maps.Copy(hidden, secrets)
	for name, secret := range hidden {
		if secret != "" && strings.Contains(text, secret) {
			s.t.Errorf("the secret of %s is in %s:\n%s", name, where, text)
		}
	}
}

// secretEnv is an environment full of secrets. Further variables come last, so that they count.
func secretEnv(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		"PARTITA_JWT_SECRET=" + secrets["token secret"], "PARTITA_ADMIN_TOKEN=" + secrets["admin token"],
		"PARTITA_WEBHOOK_SECRET=" + secrets["webhook secret"], "HOOK=http://127.0.0.1:9/" + secrets["webhook"],
		"PARTITA_LISTEN=127.0.0.1:0", "PARTITA_ADMIN=127.0.0.1:0", "PARTITA_LOG_LEVEL=debug",
	}, more...)
}

// What the service is told in confidence is in no output, on no page and in no answer: neither when it
// starts and works, nor when it cannot, and while what it stands on is away.
func TestSecretsAreNeverSaid(t *testing.T) {
	token, err := auth.Mint([]byte(secrets["token secret"]), map[string]any{"sub": "ada"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := &witness{t, token}
	dir := t.TempDir()
	file := filepath.Join(dir, "model.yaml")
	if err := os.WriteFile(file, []byte(secretive), 0o600); err != nil {
		t.Fatal(err)
	}
	program := binary(t)
	t.Run("starts that fail", func(t *testing.T) {
		database, cache := "postgres://me:"+secrets["database"]+"@127.0.0.1:1/x", "redis://:"+secrets["cache"]+"@127.0.0.1:1"
		for name, env := range map[string][]string{
			"no database":         {"PARTITA_STORE=" + database},
			"a broken database":   {"PARTITA_STORE=postgres://me:" + secrets["database"] + "@127.0.0.1:port%zz/x"},
			"another database":    {"PARTITA_STORE=mysql://me:" + secrets["database"] + "@127.0.0.1:1/x"},
			"no URL of a bus":     {"PARTITA_BUS=amqp://me:" + secrets["bus"] + "@127.0.0.1:1"},
			"a broken bus":        {"PARTITA_BUS=nats://me:" + secrets["bus"] + "%zz@127.0.0.1:1"},
			"no URL of a cache":   {"PARTITA_CACHE=memcached://:" + secrets["cache"] + "@127.0.0.1:1"},
			"a broken cache":      {"PARTITA_CACHE=" + cache + "/x%zz"},
			"a key set by http":   {"PARTITA_JWKS=http://me:" + secrets["key set"] + "@issuer.example/keys"},
			"a broken key set":    {"PARTITA_JWKS=https://me:" + secrets["key set"] + "%zz@issuer.example/keys"},
			"no URL of traces":    {"PARTITA_OTLP=ftp://me:" + secrets["traces"] + "@127.0.0.1:1"},
			"broken traces":       {"PARTITA_OTLP=http://me:" + secrets["traces"] + "%zz@127.0.0.1:1"},
			"a short secret":      {"PARTITA_JWT_SECRET=" + secrets["bus"]},
			"a short admin token": {"PARTITA_ADMIN_TOKEN=" + secrets["bus"]},
			"a bad hook secret":   {"PARTITA_WEBHOOK_SECRET=" + secrets["database"]},
			"a bad hook":          {"HOOK=ftp://127.0.0.1/" + secrets["webhook"]},
			"a broken hook":       {"HOOK=http://127.0.0.1/%zz" + secrets["webhook"]},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			cmd := exec.CommandContext(ctx, program, "serve", file, "--data", filepath.Join(dir, "none"))
			cmd.Env = secretEnv(env...)
			out, err := cmd.CombinedOutput()
			cancel()
			if err == nil || len(out) == 0 {
				t.Errorf("%s: %v %s", name, err, out)
			}
			s.look("the output of a start with "+name, string(out))
		}
	})
	t.Run("a service that works, and fails", func(t *testing.T) {
		pg, err := local.StartPostgres("")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pg.Remove)
		redis, err := local.StartRedis("--requirepass", secrets["cache"])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(redis.Remove)
		s.service(program, file, pg, redis)
	})
}

// service runs a service on PostgreSQL and Redis, and looks at all that it says.
func (s *witness) service(program, file string, pg *local.Postgres, redis *local.Redis) {
	t := s.t
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "serve", file, "--data", t.TempDir())
	cmd.Env = secretEnv(
		"PARTITA_STORE=postgres://postgres:"+secrets["database"]+"@"+pg.Addr()+"/postgres",
		"PARTITA_CACHE=redis://:"+secrets["cache"]+"@"+redis.Addr(), "PARTITA_BUS=nats://me:"+secrets["bus"]+"@127.0.0.1:1",
		"PARTITA_OTLP=http://me:"+secrets["traces"]+"@127.0.0.1:1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out := &logtest.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	address := func(word string) string {
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) { // its words have no signal
			if _, rest, ok := strings.Cut(out.String(), word+" "); ok {
				if line, _, whole := strings.Cut(rest, "\n"); whole {
					return strings.Fields(line)[0]
				}
			}
			if len(ended) > 0 {
				break
			}
		}
		t.Fatalf("it does not say where it is: %s", out.String())
		return ""
	}
	api, admin := address("API "), address("Page ")
	ask := func(url, body string, headers ...string) int {
		t.Helper()
		method := "GET"
		if body != "" {
			method = "POST"
		}
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		for _, h := range append(headers, "Content-Type: application/json") {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode >= 300 || strings.HasPrefix(url, admin) {
			s.look(fmt.Sprintf("%s %s %v", method, url, headers), fmt.Sprint(res.StatusCode, res.Header, string(text)))
		}
		return res.StatusCode
	}
	me, key := "Authorization: Bearer "+s.token, "Idempotency-Key: "+secrets["key"]
	requests := func() {
		t.Helper()
		body := func(text string) string { return `{"person_id":"ada","text":"` + text + `"}` }
		for _, r := range []struct {
			path, body string
			headers    []string
		}{
			{"/v1/add", body("one"), []string{me, key}}, {"/v1/add", body("two"), []string{me, key}}, {"/v1/add", body(secrets["body"] + strings.Repeat("x", 200)), []string{me}},
			{"/v1/add", body("one"), []string{me + "x", key}}, {"/v1/add", body("one"), []string{me, key + " and more"}}, {"/v1/add", `{"` + secrets["body"], []string{me}},
			{"/v1/add", body("one"), []string{me, "Prefer: respond-async", key + "-2"}}, {"/v1/note/ada/1", "", []string{me}}, {"/v1/note/eve/1", "", []string{me}},
			{"/v1/note/ada/x", "", []string{me}}, {"/v1/note/ada/1", "", []string{"Authorization: Basic " + s.token}}, {"/v1/operations/" + secrets["key"], "", []string{me}},
			{"/v1/batch", `{"writes":[{"write":"add","input":` + body("x") + `,"idempotency_key":"` + secrets["key"] + ` "}]}`, []string{me}},
		} {
			ask(api+r.path, r.body, r.headers...)
		}
		for _, path := range []string{"/status", "/metrics", "/live", "/about", "/dead", "/debug/pprof/", "/debug/pprof/cmdline"} {
			ask(admin+path, "", "Authorization: Bearer "+secrets["admin token"])
			ask(admin+path, "", "Authorization: Bearer "+secrets["admin token"]+"x")
		}
		ask(admin+"/status", "", "Authorization: Bearer "+secrets["admin token"], "Accept: text/plain")
	}
	requests()
	if code := ask(api+"/v1/note/ada/1", "", me); code != http.StatusOK {
		t.Errorf("the service does not work: %d\n%s", code, out.String())
	}
	redis.Kill()
	pg.Kill()
	requests()
	cancel()
	<-ended
	s.look("the output of the service", out.String())
	if !strings.Contains(out.String(), "level=DEBUG") {
		t.Error("the log has no details, so nothing was tested:", out.String())
	}
}
