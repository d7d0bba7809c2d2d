package partita_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/certtest"
)

// caller is a client of one connection or more, by HTTP/2 or not.
func caller(t *testing.T, ca *certtest.Authority, two bool, certs ...tls.Certificate) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool, Certificates: certs}, ForceAttemptHTTP2: two}
	if !two {
		tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// fetch asks for something and gives status, protocol and body; the status is 0 where nothing answers.
func fetch(t *testing.T, c *http.Client, method, url, body string) (int, string, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, res.Proto, string(text)
}

func TestTLSServesBothVersionsOfHTTP(t *testing.T) {
	ca := certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour)
	c, _ := config(t, notes)
	c.TLS = partita.TLS{Cert: pair.Cert, Key: pair.Key}
	c.AdminTLS = c.TLS
	app := open(t, c)
	start(t, app)
	for i, two := range []bool{false, true} {
		client := caller(t, ca, two)
		proto := []string{"HTTP/1.1", "HTTP/2.0"}[i]
		for n := range 3 {
			code, with, body := fetch(t, client, "POST", "https://"+app.Addr()+"/v1/add", `{"person_id":"ada","text":"hello"}`)
			if code != http.StatusCreated || with != proto {
				t.Fatal(code, with, body)
			}
			code, with, body = fetch(t, client, "GET", fmt.Sprintf("https://%s/v1/note/ada/%d", app.Addr(), 3*i+n+1), "")
			if code != http.StatusOK || with != proto || !strings.Contains(body, "hello") {
				t.Error(code, with, body)
			}
		}
		if code, with, body := fetch(t, client, "GET", "https://"+app.AdminAddr()+"/status", ""); code != http.StatusOK || with != proto || !strings.Contains(body, "notes") {
			t.Error(code, with, body)
		}
	}
	// Who does not know the certificate's authority, speaks an old TLS or none is not answered.
	if code, _, said := fetch(t, http.DefaultClient, "GET", "https://"+app.Addr()+"/healthz", ""); code != 0 || !strings.Contains(said, "certificate") {
		t.Error(code, said)
	}
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}}} //nolint:gosec // that it is refused is the test
	if code, _, said := fetch(t, old, "GET", "https://"+app.Addr()+"/healthz", ""); code != 0 || !strings.Contains(said, "protocol version") {
		t.Error(code, said)
	}
	if code, body := call(t, "GET", "http://"+app.Addr()+"/healthz", ""); code != http.StatusBadRequest || !strings.Contains(body, "https://") {
		t.Error(code, body)
	}
}

func TestCallersShowCertificates(t *testing.T) {
	ca, stranger := certtest.New(t), certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour)
	c, _ := config(t, notes)
	c.TLS = partita.TLS{Cert: pair.Cert, Key: pair.Key, ClientCA: ca.File}
	app := open(t, c)
	start(t, app)
	for _, two := range []bool{false, true} {
		for name, test := range map[string]struct {
			certs []tls.Certificate
			in    bool
		}{
			"signed":             {[]tls.Certificate{ca.Issue(t, "caller", time.Hour).Load(t)}, true},
			"none":               {nil, false},
			"signed by another":  {[]tls.Certificate{stranger.Issue(t, "caller", time.Hour).Load(t)}, false},
			"signed and expired": {[]tls.Certificate{ca.Issue(t, "caller", -time.Hour).Load(t)}, false},
		} {
			code, _, said := fetch(t, caller(t, ca, two, test.certs...), "GET", "https://"+app.Addr()+"/healthz", "")
			if test.in != (code == http.StatusOK) {
				t.Errorf("HTTP/2 %t: a certificate that is %s: %d %s", two, name, code, said)
			}
		}
	}
}

// A certificate is replaced while requests and a stream go on: none fails, and new connections get the
// new one. One that cannot be used is told of, and changes nothing.
func TestCertificatesAreReplacedWithoutACut(t *testing.T) {
	ca := certtest.New(t)
	pair := ca.Issue(t, "first", time.Hour)
	c, log := config(t, notes)
	c.TLS = partita.TLS{Cert: pair.Cert, Key: pair.Key}
	app := open(t, c)
	start(t, app)

	kept := []*http.Client{caller(t, ca, false), caller(t, ca, true)}
	ctx, end := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for _, client := range kept {
		asking.Go(func() {
			for ctx.Err() == nil {
				if code, _, said := fetch(t, client, "GET", "https://"+app.Addr()+"/healthz", ""); code != http.StatusOK && ctx.Err() == nil {
					t.Error(code, said)
				}
			}
		})
	}
	name := func() string {
		conn, err := tls.Dial("tcp", app.Addr(), &tls.Config{RootCAs: ca.Pool})
		if err != nil {
			t.Error(err)
			return ""
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	until := func(what string, so func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !so(); {
			if time.Now().After(deadline) {
				t.Fatal(what, log.String())
			}
			<-time.After(20 * time.Millisecond) // files tell nobody when they change
		}
	}
	ca.IssueInto(t, pair, "second", time.Hour)
	until("the new certificate is not used", func() bool { return name() == "second" })
	ca.IssueInto(t, pair, "third", -time.Hour)
	until("nobody says that the certificate cannot be used", func() bool { return strings.Contains(log.String(), "the last one stays in use") })
	if got := name(); got != "second" {
		t.Errorf("the certificate of %q is used", got)
	}
	end()
	asking.Wait()
}

// Many requests of one connection of HTTP/2 go through the same admission as others, and streams that
// are given up at once leave nothing behind.
func TestStreamsOfHTTP2(t *testing.T) {
	ca := certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour)
	c, _ := config(t, notes)
	c.TLS = partita.TLS{Cert: pair.Cert, Key: pair.Key}
	app := open(t, c)
	start(t, app)
	client := caller(t, ca, true)
	if code, with, body := fetch(t, client, "POST", "https://"+app.Addr()+"/v1/add", `{"person_id":"ada","text":"hello"}`); code != http.StatusCreated || with != "HTTP/2.0" {
		t.Fatal(code, with, body)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				req, err := http.NewRequestWithContext(ctx, "GET", "https://"+app.Addr()+"/v1/note/ada/1", nil)
				if err != nil {
					t.Error(err)
				}
				go cancel() // before, in or after the answer
				if res, err := client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, res.Body) // it may be cut off
					res.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	for range 100 {
		if code, _, body := fetch(t, client, "GET", "https://"+app.Addr()+"/v1/note/ada/1", ""); code != http.StatusOK {
			t.Fatal(code, body)
		}
	}
	// Headers without end are refused, by both versions.
	long := strings.Repeat("x", 64<<10)
	for _, two := range []bool{false, true} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+app.Addr()+"/v1/note/ada/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Long", long)
		res, err := caller(t, ca, two).Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Error("long headers are answered", res.Status)
			}
		} else if !two {
			t.Error(err)
		}
	}
}

const followed = `
service: followed
partitions: {person: {by: person_id, type: string(20), expect: 1k}}
entities: {note: {in: person, key: n, expect: 10, fields: {n: {type: int, default: next}, text: string(100)}}}
writes: {add: {insert: note, input: [text]}}
feeds: {news: {of: note}}
`

// Feeds work over HTTP/2, and end when the node stops.
func TestAFeedOverHTTP2(t *testing.T) {
	ca := certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour)
	c, _ := config(t, followed)
	c.TLS = partita.TLS{Cert: pair.Cert, Key: pair.Key}
	app := open(t, c)
	start(t, app)
	client := caller(t, ca, true)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+app.Addr()+"/v1/feeds/news/ada", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Proto != "HTTP/2.0" {
		t.Fatal(res.Status, res.Proto)
	}
	if code, _, body := fetch(t, client, "POST", "https://"+app.Addr()+"/v1/add", `{"person_id":"ada","text":"hello"}`); code != http.StatusCreated {
		t.Fatal(code, body)
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), "hello") {
	}
	stop(t, app)
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	if !strings.Contains(rest.String(), "stopping") {
		t.Errorf("the feed ends with %q, %v", rest.String(), lines.Err())
	}
}
