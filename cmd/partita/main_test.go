package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/model"
)

// command runs one command line and gives exit code and output.
func command(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &console{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

// must runs a command line that has to go well.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, err := command(t, args...)
	if code != fine {
		t.Fatalf("partita %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, err)
	}
	return out
}

func TestNewWritesAModelThatPasses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	out := must(t, "new", dir)
	file := filepath.Join(dir, "model.yaml")
	if !strings.Contains(out, "partita serve "+file) {
		t.Error(out)
	}
	if out := must(t, "check", file); !strings.Contains(out, "notes") {
		t.Error(out)
	}
	if code, _, err := command(t, "new", dir); code != badCall || !strings.Contains(err, "is there already") {
		t.Error(code, err)
	}
}

const withCode = `service: till
partitions: {shop: {by: shop_id, type: uuid, expect: 10}}
entities: {sale: {in: shop, fields: {total: int}}}
writes: {close: {code: true, in: shop}}
`

func TestExitCodesAndWords(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("service: shop\nreads: {all_orders: {list: order}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, complaints := model.Parse(bad, []byte("service: shop\nreads: {all_orders: {list: order}}\n"), nil)
	shop := "../../examples/shop/shop.yaml"
	code := filepath.Join(t.TempDir(), "code.yaml")
	if err := os.WriteFile(code, []byte(withCode), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"check", bad}, badCall, complaints.Error()},
		{[]string{"check", "--json", bad}, badCall, ""},
		{[]string{"serve", bad}, badCall, complaints.Error()},
		{[]string{"check", "no-such-file.yaml"}, badCall, "partita new"},
		{[]string{"check", "--explain", "nothing", shop}, badCall, "partita: No read or write"},
		{[]string{"check", "../../examples/shop"}, badCall, "is a folder: give the model file in it"},
		{[]string{"check"}, badCall, "`partita check --help`"},
		{[]string{"client", "go"}, badCall, "`partita client go --help`"},
		{[]string{"erase", "ada"}, badCall, "FAMILY/VALUE"},
		{[]string{"check", "--explain", "order", "--access", shop}, badCall, "--access"},
		{[]string{"chekc", shop}, badCall, "--help"},
		{[]string{"serve", shop, "--listen", "nowhere"}, badCall, "--listen"},
		{[]string{"serve", shop, "--cache-size", "lots"}, badCall, "64MiB"},
		{[]string{"serve", shop, "--listen", "0.0.0.0:0", "--data", t.TempDir()}, badCall, "PARTITA_JWT_SECRET"},
		{[]string{"serve", shop, "--jwt-secret-file", "no-such-file"}, badCall, "--jwt-secret-file"},
		{[]string{"serve", shop, "--jwks", "http://issuer.example/keys", "--data", t.TempDir()}, badCall, "--jwks: the key set"},
		{[]string{"serve", shop, "--otlp", "collector:4318", "--data", t.TempDir()}, badCall, "--otlp: the address of the receiver of traces"},
		{[]string{"serve", code, "--data", t.TempDir()}, badCall, "partita.Handle"},
		{[]string{"token"}, badCall, "--sub"},
		{[]string{"token", "--sub", "x", "--claim", "staff", "--data", t.TempDir()}, badCall, "roles=staff"},
		{[]string{"token", "--sub", "x", "--data", "no-such-folder"}, badCall, "start the service first"},
		{[]string{"status", "--admin", "127.0.0.1:1"}, failed, "nothing answers"},
		{[]string{"advise", "--admin", "127.0.0.1:1"}, failed, "nothing answers"},
		{[]string{"import", "ordre", "main_test.go", "--format", "csv", "--model", shop, "--data", t.TempDir()}, badCall, "order"},
		{[]string{"import", "order", "main_test.go", "--model", shop}, badCall, "--format"},
		{[]string{"import", "order", "no-such-file", "--model", shop}, badCall, "cannot be read"},
		{[]string{"import", "order", "no-such-file.csv", "--model", shop, "--data", t.TempDir()}, badCall, "cannot be read"},
		{[]string{"export", "order", "--model", shop, "--data", "no-such-folder"}, badCall, "no store in no-such-folder"},
		{[]string{"views", shop, "--data", "no-such-folder"}, badCall, "no store in no-such-folder"},
		{[]string{"serve", shop, "--log-level", "loud"}, badCall, `"debug","info","warn","error"`},
		{[]string{"--help"}, fine, ""},
		{[]string{"import", "--help"}, fine, ""},
		{[]string{"help"}, fine, ""},
		{[]string{"help", "import"}, fine, ""},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, out, err := command(t, tt.args...)
			if code != tt.code || !strings.Contains(err, tt.err) {
				t.Errorf("exit code %d\n%s%s", code, out, err)
			}
			if strings.Contains(err, "goroutine") || strings.Count(err, "partita: ") > 1 || strings.Contains(err, "Config.") {
				t.Errorf("not fit for a person: %s", err)
			}
		})
	}
}

func TestCheckPrintsPlans(t *testing.T) {
	shop := "../../examples/shop/shop.yaml"
	for _, args := range [][]string{{}, {"--access"}, {"--explain", "orders"}} {
		args = append([]string{"check", shop}, args...)
		if out := must(t, args...); !strings.Contains(out, "orders") {
			t.Error(args, out)
		}
		var doc map[string]any
		if out := must(t, append(args, "--json")...); json.Unmarshal([]byte(out), &doc) != nil || len(doc) == 0 {
			t.Error(args, out)
		}
	}
	for _, args := range [][]string{{"openapi", shop}, {"schema"}} {
		var doc map[string]any
		if out := must(t, args...); json.Unmarshal([]byte(out), &doc) != nil || len(doc) == 0 {
			t.Error(args, out)
		}
	}
}

func TestTokenHasItsClaims(t *testing.T) {
	dir := t.TempDir()
	token := strings.TrimSpace(must(t, "token", "--data", dir, "--sub", "me", "--claim", "roles=staff",
		"--claim", "team=a,b", "--claim", "level:=3", "--claim", "tag=x", "--claim", "tag=y"))
	key, err := auth.DevKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.New(t.Context(), auth.Config{Secret: key})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(map[string]any{"roles": claims.All["roles"], "team": claims.All["team"], "level": claims.All["level"], "tag": claims.All["tag"]})
	if want := `{"level":3,"roles":["staff"],"tag":["x","y"],"team":"a,b"}`; err != nil || string(got) != want || claims.Subject != "me" {
		t.Errorf("got %s, want %s (%v)", got, want, err)
	}
}

func TestRowsGoInAndOut(t *testing.T) {
	shop, data := "../../examples/shop/shop.yaml", t.TempDir()
	at := []string{"--model", shop, "--data", data}
	file := filepath.Join(t.TempDir(), "order.csv")
	rows := "customer_id,order_id,number,status,total,note,placed_at\n" +
		"c0000000-0000-4000-8000-000000000001,0d000000-0000-4000-8000-000000000001,n1,paid,500,,2026-01-01T00:00:00Z\n" +
		"c0000000-0000-4000-8000-000000000001,0d000000-0000-4000-8000-000000000002,n2,lost,500,\"\",2026-01-01T00:00:00Z\n"
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, append([]string{"import", "order", file}, at...)...)
	if code != failed || out != "1 row of order put in, 0 there already, 1 refused\n" {
		t.Error(code, out, errs)
	}
	list, err := os.ReadFile(file + ".refused")
	if err != nil || !strings.HasPrefix(string(list), "line 3: status") {
		t.Error(string(list), err)
	}
	exported := must(t, append([]string{"export", "order", "--format", "csv"}, at...)...)
	if want := strings.Join(strings.SplitAfter(rows, "\n")[:2], ""); exported != want {
		t.Errorf("exported:\n%s", exported)
	}
	whole := filepath.Join(t.TempDir(), "out.ndjson")
	must(t, append([]string{"export", "order", whole}, at...)...)
	again := must(t, append([]string{"import", "order", whole}, at...)...)
	if again != "0 rows of order put in, 1 there already, 0 refused\n" {
		t.Error(again)
	}
	if _, err := os.Stat(whole + ".refused"); err == nil {
		t.Error("an empty list of refused rows is left")
	}
}

// lines is a console's output that can be waited for.
type lines struct {
	mu   sync.Mutex
	text string
	more chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.text += string(p)
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// after waits for a line that begins so, and gives the word behind it.
func (l *lines) after(t *testing.T, begin string) string {
	t.Helper()
	line := l.line(t, func(line string) bool { return strings.HasPrefix(line, begin) })
	return strings.Fields(line[len(begin):])[0]
}

// line waits for a line that is wanted.
func (l *lines) line(t *testing.T, wanted func(line string) bool) string {
	t.Helper()
	for {
		l.mu.Lock()
		for line := range strings.Lines(l.text) {
			if strings.HasSuffix(line, "\n") && wanted(line) {
				l.mu.Unlock()
				return line
			}
		}
		l.mu.Unlock()
		select {
		case <-l.more:
		case <-t.Context().Done():
			t.Fatal("the server ended too early")
		}
	}
}

func TestServeUntilItIsToldToStop(t *testing.T) {
	shop, data := "../../examples/shop/shop.yaml", t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	out := &lines{more: make(chan struct{}, 1)}
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"serve", shop, "--data", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"},
			&console{out: out, err: io.Discard})
	}()
	api, admin := out.after(t, "API "), out.after(t, "Page ")

	token := strings.TrimSpace(must(t, "token", "--sub", "me", "--claim", "roles=staff", "--data", data))
	req, err := http.NewRequestWithContext(t.Context(), "GET", api+"/v1/open_orders/c0000000-0000-4000-8000-000000000001", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || string(body) != `{"items":[]}` {
		t.Error(res.Status, string(body), err)
	}
	res.Body.Close()

	admin = strings.TrimPrefix(admin, "http://")
	if text := must(t, "status", "--admin", admin); !strings.Contains(text, "shop: serving") {
		t.Error(text)
	}
	var doc struct{ Service string }
	if text := must(t, "status", "--json", "--admin", admin); json.Unmarshal([]byte(text), &doc) != nil || doc.Service != "shop" {
		t.Error(text)
	}
	if text := must(t, "advise", "--admin", admin); !strings.Contains(text, "Nothing to advise so far") || !strings.Contains(text, "of 200 requests") {
		t.Error(text)
	}
	code, _, errs := command(t, "export", "order", "--model", shop, "--data", data)
	if code != failed || !strings.Contains(errs, "another process") || !strings.Contains(errs, "`partita backup`") || strings.Contains(errs, "folder of its own") {
		t.Error("an export beside the running service:", code, errs)
	}
	stop()
	if code := <-ended; code != fine {
		t.Error("exit code", code)
	}
	must(t, "export", "order", "--model", shop, "--data", data)
}

func TestAnImportThatIsStoppedSaysHowToGoOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "order.ndjson")
	if err := os.WriteFile(file, []byte(`{"customer_id":"8f14e45f-ceea-467f-9f1c-6f1f6a4d1a01","total":1}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	source := stopping{stop}
	var out, told bytes.Buffer
	args := []string{"import", "order", "-", "--format", "ndjson", "--model", "../../examples/shop/shop.yaml", "--data", t.TempDir()}
	code := run(ctx, args, &console{in: source, out: &out, err: &told})
	if code != failed || !strings.Contains(told.String(), "the import was stopped after 0 rows") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), told.String())
	}
	data := t.TempDir()
	for i, want := range []string{"1 row of order put in, 0 there already", "0 rows of order put in, 1 there already"} {
		if out := must(t, "import", "order", file, "--model", "../../examples/shop/shop.yaml", "--data", data); !strings.Contains(out, want) {
			t.Errorf("import %d says %s", i+1, out)
		}
	}
}

// stopping is an input at whose first row the command is asked to stop.
type stopping struct{ stop func() }

func (s stopping) Read(p []byte) (int, error) {
	s.stop()
	return copy(p, `{"customer_id":"8f14e45f-ceea-467f-9f1c-6f1f6a4d1a01","total":1}`+"\n"), nil
}

func TestStatusKnowsWhatIsNoAdminAddress(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	address := strings.TrimPrefix(other.URL, "http://")
	if code, _, err := command(t, "status", "--admin", address); code != failed || !strings.Contains(err, "not the admin address") {
		t.Error(code, err)
	}
	if code, _, err := command(t, "status", "--admin", "https://"+address); code != failed || !strings.Contains(err, "http://") {
		t.Error(code, err)
	}
}

func TestAShortAdminTokenIsBadUsage(t *testing.T) {
	t.Setenv("PARTITA_ADMIN_TOKEN", "short")
	code, _, err := command(t, "serve", "../../examples/shop/shop.yaml", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != badCall || !strings.Contains(err, "PARTITA_ADMIN_TOKEN has 5 characters") {
		t.Error(code, err)
	}
}
