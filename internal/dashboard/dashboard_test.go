package dashboard_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

const token = "correct-horse-battery-staple"

// desk is a service that measures, with its admin address.
type desk struct {
	*httptest.Server
	model    *model.Model
	recorder *observe.Recorder
}

func open(t *testing.T, change func(*dashboard.Config)) desk {
	t.Helper()
	source, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", source, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	r := observe.New(observe.Config{Model: m, Version: "v1.2.3", Node: "berlin-1", DataDir: t.TempDir(), Cache: func() cache.Stats {
		return cache.Stats{Bytes: 1 << 20, Bound: 64 << 20, Entries: 1200}
	}, Shared: func() cache.TierStats { return cache.TierStats{Hits: 90, Misses: 10, Puts: 8, Errors: 2} }})
	cfg := dashboard.Config{Recorder: r, Model: m, API: "http://127.0.0.1:8080"}
	if change != nil {
		change(&cfg)
	}
	h, err := dashboard.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.Close(); r.Close() })
	return desk{s, m, r}
}

// traffic measures n reads of orders, of which some fail, and n writes.
func (d desk) traffic(n int) {
	read, write := d.model.Read("orders"), d.model.Write("place_order")
	for i := range n {
		s := engine.ReadSample{Outcome: cache.Hit, Age: time.Second, Total: time.Duration(50+i%50) * time.Microsecond}
		switch i % 20 {
		case 0:
			s = engine.ReadSample{Outcome: cache.Miss, Store: time.Millisecond, Total: 2 * time.Millisecond}
		case 1:
			s = engine.ReadSample{Code: fault.Forbidden, Total: time.Microsecond}
		}
		d.recorder.Read(read, s)
		d.recorder.Write(write, engine.WriteSample{Store: 3 * time.Millisecond, Total: 4 * time.Millisecond})
		d.recorder.Metric(d.model.Metrics[0], nil, 1)
	}
}

// ask makes one request and gives the answer with its body.
func (d desk) ask(t *testing.T, method, path string, header map[string]string, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if host != "" {
		req.Host = host
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestStatusIsJSONOrText(t *testing.T) {
	d := open(t, nil)
	d.traffic(100)
	place := d.model.Write("place_order")
	d.recorder.Accepts(func(context.Context) accept.Stats {
		return accept.Stats{Known: true, Bytes: 2048, Bound: 1 << 20, Age: 3 * time.Second, Shards: 16}
	})
	for range 5 {
		d.recorder.Accepted(place)
	}
	d.recorder.Carried(place, 20*time.Millisecond, "")
	d.recorder.Carried(place, 20*time.Millisecond, fault.GuardFailed)
	res, body := d.ask(t, "GET", "/status?window=start", nil, "")
	var s observe.Snapshot
	if err := json.Unmarshal([]byte(body), &s); err != nil || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %s", err, body)
	}
	if s.Service != "shop" || s.Version != "v1.2.3" || s.Total.Requests != 200 || s.State.Words != "serving, all well" {
		t.Errorf("snapshot: %+v", s)
	}
	if a := s.Accepted; a == nil || a.Accepted != 5 || a.Settled != 2 || a.Failed != 1 || a.Bytes != 2048 || a.Age != 3 || a.P50 < 0.019 || a.P50 > 0.021 {
		t.Errorf("accepted writes: %+v", a)
	}
	_, text := d.ask(t, "GET", "/status?window=start", map[string]string{"Accept": "text/plain"}, "")
	for _, part := range []string{"shop: serving, all well\n", "since start: ", "\norders ", "forbidden 5", "no requests: customer, order, lines", "orders_placed: 100 since start", "settled 2, of them failed 1", "waiting: 2 KiB, the oldest since 3s", "shared cache: 90 hits, 10 misses, 0 of its answers not taken, 8 put, 2 calls failed"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

func TestAnUnknownWindowIsRefusedInWords(t *testing.T) {
	res, body := open(t, nil).ask(t, "GET", "/live?window=7s", nil, "")
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "10s, 1m, 5m, 1h or start") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestAboutTellsThePlanAndWhatToTry(t *testing.T) {
	_, body := open(t, nil).ask(t, "GET", "/about", nil, "")
	var a struct {
		Try   string
		Paths map[string]string
		Plan  struct{ Reads []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(a.Try, "curl http://127.0.0.1:8080/v1/orders/") || !strings.Contains(a.Try, "partita token --sub") {
		t.Errorf("try: %s", a.Try)
	}
	if a.Paths["orders"] != "GET /v1/orders/{customer_id}?status&placed_at.from&placed_at.to" || len(a.Plan.Reads) == 0 {
		t.Errorf("paths %v, %d reads", a.Paths, len(a.Plan.Reads))
	}
}

func TestProfilesAndMetrics(t *testing.T) {
	d := open(t, nil)
	for path, want := range map[string]string{
		"/metrics":                            "partita_read_duration_seconds_count",
		"/debug/pprof/":                       "goroutine",
		"/debug/pprof/goroutine?debug=1":      "goroutine profile:",
		"/debug/pprof/trace?seconds=0.01":     "trace",
		"/debug/pprof/profile?seconds=0.0001": "",
	} {
		if res, body := d.ask(t, "GET", path, nil, ""); res.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, no %q", path, res.StatusCode, want)
		}
	}
	for path, want := range map[string]int{
		"/debug/pprof/profile?seconds=1e9": http.StatusBadRequest,
		"/debug/pprof/profile?seconds=NaN": http.StatusBadRequest,
		"/debug/pprof/nothing":             http.StatusNotFound,
		"/nothing":                         http.StatusNotFound,
		"/page/index.html":                 http.StatusNotFound,
	} {
		if res, _ := d.ask(t, "GET", path, nil, ""); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, res.StatusCode, want)
		}
	}
}

func TestStrangeHostNamesAreRefused(t *testing.T) {
	d := open(t, func(c *dashboard.Config) { c.Hosts = []string{"Admin.Example.com"} })
	for host, want := range map[string]int{
		"localhost:8081": 200, "LOCALHOST": 200, "127.0.0.1:8081": 200, "[::1]:8081": 200, "admin.example.com": 200, "admin.example.com.:8081": 200,
		"evil.example.com": 421, "localhost.evil.example.com:8081": 421, "127.0.0.1.nip.io": 421, "example.com": 421,
	} {
		for _, path := range []string{"/", "/status", "/js/main.js"} {
			if res, _ := d.ask(t, "GET", path, nil, host); res.StatusCode != want {
				t.Errorf("host %s, %s: status %d, want %d", host, path, res.StatusCode, want)
			}
		}
	}
}

func TestWithATokenAnyHostNameIsAnswered(t *testing.T) {
	d := open(t, func(c *dashboard.Config) { c.Token = token })
	for shown, want := range map[string]int{token: 200, "x" + token: 401} {
		if res, _ := d.ask(t, "GET", "/metrics", map[string]string{"Authorization": "Bearer " + shown}, "node-1.example.com:8081"); res.StatusCode != want {
			t.Errorf("status %d, want %d", res.StatusCode, want)
		}
	}
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	d := open(t, func(c *dashboard.Config) { c.Token = token })
	for _, path := range []string{"/", "/login", "/status", "/css/base.css", "/nothing", "/debug/pprof/"} {
		res, _ := d.ask(t, "GET", path, nil, "")
		policy := res.Header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, rule) {
				t.Errorf("%s: no %s in %q", path, rule, policy)
			}
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
}

func TestWithoutATokenOnlyThisMachineIsAnswered(t *testing.T) {
	d := open(t, nil)
	for remote, want := range map[string]int{"192.0.2.7:999": 403, "127.0.0.1:999": 200, "[::1]:999": 200, "[::ffff:127.0.0.1]:999": 200, "nonsense": 403} {
		req := httptest.NewRequest("GET", "http://127.0.0.1/status", nil)
		req.RemoteAddr = remote
		w := httptest.NewRecorder()
		d.Config.Handler.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("from %s: status %d, want %d", remote, w.Code, want)
		}
	}
}

func TestATokenIsAskedForEverywhere(t *testing.T) {
	d := open(t, func(c *dashboard.Config) { c.Token = token })
	for _, path := range []string{"/status", "/metrics", "/live", "/about", "/debug/pprof/", "/debug/pprof/heap", "/nothing"} {
		for _, header := range []string{"", "Bearer wrong", "Bearer ", "Basic " + token, "Bearer " + token + "x", "Bearer " + token[:10]} {
			res, _ := d.ask(t, "GET", path, map[string]string{"Authorization": header}, "")
			if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %q: status %d", path, header, res.StatusCode)
			}
		}
		if res, _ := d.ask(t, "GET", path, map[string]string{"Cookie": "partita_admin=9999999999.abcdef"}, ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s with a forged cookie: status %d", path, res.StatusCode)
		}
	}
	if res, _ := d.ask(t, "GET", "/", nil, ""); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/login" {
		t.Errorf("the page without a token: status %d", res.StatusCode)
	}
	if res, _ := d.ask(t, "GET", "/status", map[string]string{"Authorization": "Bearer " + token}, ""); res.StatusCode != http.StatusOK {
		t.Errorf("with the token: status %d", res.StatusCode)
	}
}

func TestLogin(t *testing.T) {
	d := open(t, func(c *dashboard.Config) { c.Token = token })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	post := func(value, origin string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", d.URL+"/login", strings.NewReader(url.Values{"token": {value}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	if res := post("wrong", d.URL); res.Request.URL.RawQuery != "wrong" || len(jar.Cookies(res.Request.URL)) > 0 {
		t.Errorf("a wrong token led to %s", res.Request.URL)
	}
	if res := post(token, "https://evil.example.com"); res.StatusCode != http.StatusForbidden {
		t.Errorf("a form on another site: status %d", res.StatusCode)
	}
	res := post(token, d.URL)
	if res.StatusCode != http.StatusOK || res.Request.URL.Path != "/" {
		t.Fatalf("the token led to %s, status %d", res.Request.URL, res.StatusCode)
	}
	made := res.Request.Response.Header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} {
		if !strings.Contains(made, part) {
			t.Errorf("no %s in cookie %s", part, made)
		}
	}
	if strings.Contains(made, token) {
		t.Error("the cookie holds the token itself")
	}
	live, err := client.Get(d.URL + "/live")
	if err != nil {
		t.Fatal(err)
	}
	live.Body.Close()
	if live.StatusCode != http.StatusOK {
		t.Errorf("after login: status %d", live.StatusCode)
	}
}

func TestABadConfigurationIsNamed(t *testing.T) {
	d := open(t, nil)
	for want, cfg := range map[string]dashboard.Config{
		"Config.Recorder": {Model: d.model},
		"Config.Model":    {Recorder: d.recorder},
		"at least 16":     {Model: d.model, Recorder: d.recorder, Token: "short"},
	} {
		if _, err := dashboard.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %s", err, want)
		}
	}
}

func TestFilesAreValidatedByTheirTag(t *testing.T) {
	d := open(t, nil)
	res, _ := d.ask(t, "GET", "/js/main.js", nil, "")
	if res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || res.Header.Get("Etag") == "" {
		t.Fatalf("headers %v", res.Header)
	}
	if again, _ := d.ask(t, "GET", "/js/main.js", map[string]string{"If-None-Match": res.Header.Get("Etag")}, ""); again.StatusCode != http.StatusNotModified {
		t.Errorf("status %d", again.StatusCode)
	}
}
