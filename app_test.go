package partita_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/logtest"
)

// notes is a model without access rules, so it is served on loopback only.
const notes = `
service: notes
partitions:
  person: {by: person_id, type: string(20), expect: 1k}
entities:
  note:
    in: person
    key: note_id
    expect: 10
    fields: {note_id: {type: int, default: next}, text: string(100), done: {type: bool, default: false}, at: {type: time, default: now}}
  total: {in: person, fields: {notes: int}}
reads:
  note:  {get: note, fresh: 1m, stale: 1h}
  total: {get: total}
writes:
  add: {insert: note, input: [text]}
`

// config is that of an App for a test: in a folder of its own, on free ports, with its log kept.
func config(t *testing.T, source string) (partita.Config, *logtest.Buffer) {
	log := &logtest.Buffer{}
	return partita.Config{
		Model: "test.yaml", ModelSource: []byte(source), DataDir: t.TempDir(),
		Listen: "127.0.0.1:0", Admin: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}, log
}

func open(t *testing.T, c partita.Config) *partita.App {
	t.Helper()
	app, err := partita.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func start(t *testing.T, app *partita.App) {
	t.Helper()
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, app) })
}

func stop(t *testing.T, app *partita.App) {
	t.Helper()
	if err := app.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// call sends a request over a connection of its own, and gives status and body.
func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
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
	return res.StatusCode, string(text)
}

func TestTwoAppsInOneProcess(t *testing.T) {
	var apps [2]*partita.App
	for i := range apps {
		c, _ := config(t, notes)
		apps[i] = open(t, c)
		start(t, apps[i])
	}
	if apps[0].Addr() == apps[1].Addr() {
		t.Fatal("both listen on", apps[0].Addr())
	}
	code, body := call(t, "POST", "http://"+apps[0].Addr()+"/v1/add", `{"person_id":"ada","text":"hello"}`)
	if code != http.StatusCreated {
		t.Fatal(code, body)
	}
	if code, body := call(t, "GET", "http://"+apps[0].Addr()+"/v1/note/ada/1", ""); code != http.StatusOK || !strings.Contains(body, "hello") {
		t.Error(code, body)
	}
	if code, body := call(t, "GET", "http://"+apps[1].Addr()+"/v1/note/ada/1", ""); code != http.StatusNotFound {
		t.Error("the other App has the row:", code, body)
	}
	for _, app := range apps {
		if code, body := call(t, "GET", "http://"+app.AdminAddr()+"/metrics", ""); code != http.StatusOK || !strings.Contains(body, "partita_") {
			t.Error(code, body)
		}
	}
}

func TestStopGivesEverythingBack(t *testing.T) {
	c, _ := config(t, notes)
	app := open(t, c)
	if err := app.Stop(t.Context()); err != nil {
		t.Error("Stop before Start:", err)
	}
	for range 2 { // what was stopped can be started again
		start(t, app)
		if err := app.Start(t.Context()); err == nil {
			t.Error("a second Start is taken")
		}
		base := "http://" + app.Addr()
		if code, body := call(t, "POST", base+"/v1/add", `{"person_id":"ada","text":"kept"}`); code != http.StatusCreated {
			t.Fatal(code, body)
		}
		stop(t, app)
		stop(t, app)
		if app.Addr() != "" {
			t.Error("the address is still told")
		}
		if open := filesIn(t, c.DataDir); len(open) > 0 {
			t.Error("files are still open:", open)
		}
	}
	start(t, app)
	if code, body := call(t, "GET", "http://"+app.Addr()+"/v1/note/ada/2", ""); code != http.StatusOK {
		t.Error("the row of the second run is gone:", code, body)
	}
}

// filesIn lists the files in a folder that this process has open.
func filesIn(t *testing.T, dir string) (open []string) {
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(fds) == 0 {
		t.Fatal("cannot tell which files are open:", err)
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, dir) {
			open = append(open, target)
		}
	}
	return open
}

func TestRunStopsWhenItsContextEnds(t *testing.T) {
	c, log := config(t, notes)
	app := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	start(t, app)
	done := make(chan error)
	go func() { done <- app.Run(ctx) }()
	if code, _ := call(t, "GET", "http://"+app.Addr()+"/readyz", ""); code != http.StatusOK {
		t.Error("not ready:", code)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if app.Addr() != "" {
		t.Error("the App still runs")
	}
	if !strings.Contains(log.String(), "serving notes") {
		t.Errorf("the log does not say so: %s", log)
	}
}

// A node that is to end says so at /readyz for a while, and answers all the same, also over new connections.
func TestAStopIsToldBeforeItComes(t *testing.T) {
	c, _ := config(t, notes)
	c.StopDelay = 4 * time.Second
	app := open(t, c)
	start(t, app)
	address := "http://" + app.Addr()
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(path string) int {
		res, err := fresh.Get(address + path)
		if err != nil {
			return 0
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if code := ask("/readyz"); code != http.StatusOK {
		t.Fatalf("before the end /readyz says %d", code)
	}
	end()
	for ask("/readyz") == http.StatusOK { // the end is noticed in a moment
	}
	if ready, healthy := ask("/readyz"), ask("/healthz"); ready != http.StatusServiceUnavailable || healthy != http.StatusOK {
		t.Errorf("at the end /readyz says %d, /healthz %d", ready, healthy)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if code := ask("/readyz"); code != 0 {
		t.Errorf("after the end /readyz says %d", code)
	}
}

func TestRequestsUnderWayAreFinished(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	c, _ := config(t, coded)
	app := open(t, c)
	partita.Handle(app, "tally", func(_ context.Context, tx *partita.Tx, in tallyInput) (tallyResult, error) {
		close(entered)
		<-leave
		return tallyResult{Notes: 1}, nil
	})
	partita.Handle(app, "ping", func(context.Context, *partita.Tx, struct{}) (struct{}, error) { return struct{}{}, nil })
	start(t, app)
	base := "http://" + app.Addr()
	answered := make(chan int)
	go func() {
		code, _ := call(t, "POST", base+"/v1/tally", `{"person_id":"ada"}`)
		answered <- code
	}()
	<-entered
	stopped := make(chan error)
	go func() { stopped <- app.Stop(context.Background()) }()
	close(leave)
	if code := <-answered; code != http.StatusOK {
		t.Error(code)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestAStalledUploadDoesNotHoldUpAStop(t *testing.T) {
	c, log := config(t, notes)
	app := open(t, c)
	start(t, app)
	conn, err := net.Dial("tcp", app.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/add HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatal(line, err) // now it waits for the body
	}
	if _, err := io.WriteString(conn, `{"person_id":`); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	rest, err := io.ReadAll(answers)
	if err != nil || !strings.Contains(string(rest), "400 Bad Request") || !strings.Contains(string(rest), "did not come in time") {
		t.Errorf("%v\n%s", err, rest)
	}
	if text := log.String(); !strings.Contains(text, "connections were cut") || !strings.Contains(text, "connections=1") {
		t.Error(text)
	}
}

// One who does not take an answer has the time that the stop has, and not the minute that it would have otherwise.
func TestAnAnswerThatIsNotTakenDoesNotHoldUpAStop(t *testing.T) {
	c, _ := config(t, strings.NewReplacer("string(100)", "text(1000000)", "reads:", "reads:\n  notes: {list: note}").Replace(notes))
	app := open(t, c)
	start(t, app)
	for range 10 {
		if code, body := call(t, "POST", "http://"+app.Addr()+"/v1/add", `{"person_id":"ada","text":"`+strings.Repeat("x", 900_000)+`"}`); code != http.StatusCreated {
			t.Fatal(code, body)
		}
	}
	conn, err := net.Dial("tcp", app.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /v1/notes/ada HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "200 OK") {
		t.Fatal(line, err) // now it waits until it is taken
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := app.Stop(ctx); err != nil {
		t.Log(err) // of the time that was over
	}
	if took := time.Since(began); took > 30*time.Second { // half of what an answer has
		t.Errorf("the stop took %v", took)
	}
}

func TestHandlerOfOwnServer(t *testing.T) {
	c, _ := config(t, notes)
	c.Listen, c.Admin = partita.None, partita.None
	app := open(t, c)
	server := httptest.NewServer(app.Handler())
	defer server.Close()
	code, body := call(t, "GET", server.URL+"/v1/note/ada/1", "")
	var problem struct{ Type string }
	if err := json.Unmarshal([]byte(body), &problem); err != nil || code != http.StatusServiceUnavailable || problem.Type != "urn:partita:problem:unavailable" {
		t.Error(code, body)
	}
	start(t, app)
	if code, body := call(t, "GET", server.URL+"/v1/note/ada/1", ""); code != http.StatusNotFound {
		t.Error(code, body)
	}
	if app.Addr() != "" || app.AdminAddr() != "" {
		t.Error("there are listeners")
	}
}

func TestStartFailsClearly(t *testing.T) {
	c, _ := config(t, notes)
	first := open(t, c)
	start(t, first)

	again := open(t, c)
	if err := again.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another process") && !strings.Contains(err.Error(), "in use") {
		t.Error("the same data folder twice:", err)
	}
	other, _ := config(t, notes)
	other.Listen = first.Addr()
	taken := open(t, other)
	if err := taken.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Error("a port that is taken:", err)
	}
	if open := filesIn(t, other.DataDir); len(open) > 0 {
		t.Error("files are still open:", open)
	}
}

// A page of a stranger can give its own name the address 127.0.0.1, and is then of one origin with
// what listens there.
func TestWithoutRulesNoStrangeHostNameIsAnswered(t *testing.T) {
	c, _ := config(t, notes)
	app := open(t, c)
	start(t, app)
	for host, want := range map[string]int{"localhost": 404, "127.0.0.1:80": 404, "notes.localhost": 404, "evil.example:8080": 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+app.Addr()+"/v1/note/ann/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("host %s: status %d, want %d", host, res.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
