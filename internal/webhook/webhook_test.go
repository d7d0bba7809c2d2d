package webhook

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func client(t *testing.T, c Config) *Client {
	t.Helper()
	if c.Secrets == nil {
		c.Secrets = []string{NewSecret()}
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

var hello = &Message{ID: "msg_1", Type: "application/cloudevents+json", Body: []byte(`{"specversion":"1.0"}`)}

// A receiver that verifies with the public library takes what was signed with its secret, also while
// secrets are being exchanged, and nothing else.
func TestReceiversVerifyDeliveries(t *testing.T) {
	first, second := NewSecret(), NewSecret()
	verified := map[string]error{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, secret := range []string{first, second, NewSecret()} {
			wh, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Error(err)
				return
			}
			verified[secret] = wh.Verify(body, r.Header)
		}
		if string(body) != string(hello.Body) || r.Header.Get("Content-Type") != hello.Type || r.Header.Get("Webhook-Id") != "msg_1" {
			t.Errorf("%s %v", body, r.Header)
		}
	}))
	defer srv.Close()
	if err := client(t, Config{Secrets: []string{first, second}, Allow: loopback}).Deliver(t.Context(), srv.URL, hello); err != nil {
		t.Fatal(err)
	}
	good := 0
	for secret, err := range verified {
		if err == nil {
			good++
		} else if secret == first || secret == second {
			t.Error(err)
		}
	}
	if good != 2 {
		t.Errorf("%d of the secrets verify, want the two that are configured", good)
	}
}

func TestWhatAnswersMean(t *testing.T) {
	var status int
	var header http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("a redirect was followed")
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
	}))
	defer srv.Close()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := client(t, Config{Allow: loopback, Now: func() time.Time { return now }})
	after := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	tests := []struct {
		status int
		header http.Header
		want   *Failure
	}{
		{200, nil, nil}, {201, nil, nil}, {202, nil, nil}, {204, nil, nil},
		{301, http.Header{"Location": {"/elsewhere"}}, &Failure{}}, {302, http.Header{"Location": {"/elsewhere"}}, &Failure{}},
		{304, nil, &Failure{}}, {307, http.Header{"Location": {"/elsewhere"}}, &Failure{}}, {308, nil, &Failure{}},
		{400, nil, &Failure{}}, {401, nil, &Failure{}}, {404, nil, &Failure{}}, {422, nil, &Failure{}},
		{410, nil, &Failure{Gone: true, Final: true}},
		{429, after("120"), &Failure{Wait: 2 * time.Minute}},
		{429, nil, &Failure{}},
		{503, after(now.Add(time.Hour).Format(http.TimeFormat)), &Failure{Wait: time.Hour}},
		{503, after(now.Add(-time.Hour).Format(http.TimeFormat)), &Failure{}},
		{503, after("99999999999"), &Failure{Wait: 24 * time.Hour}},
		{503, after("soon"), &Failure{}},
		{500, nil, &Failure{}}, {502, nil, &Failure{}}, {504, nil, &Failure{}},
	}
	for _, tt := range tests {
		status, header = tt.status, tt.header
		err := c.Deliver(t.Context(), srv.URL, hello)
		if tt.want == nil {
			if err != nil {
				t.Errorf("%d: %v", tt.status, err)
			}
			continue
		}
		f, ok := errors.AsType[*Failure](err)
		if !ok || f.Status != tt.status || f.Wait != tt.want.Wait || f.Final != tt.want.Final || f.Gone != tt.want.Gone {
			t.Errorf("%d %v: %+v", tt.status, tt.header, err)
		}
	}
}

// An address that is not public is not called, whatever name leads to it, and nothing of it is read.
func TestPrivateAddressesAreRefused(t *testing.T) {
	called := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, Config{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "0x7f.1"} {
		err := c.Deliver(t.Context(), "http://"+net.JoinHostPort(strings.Trim(host, "[]"), port)+"/secret-path", hello)
		f, ok := errors.AsType[*Failure](err)
		if !ok || strings.Contains(f.Reason, "secret-path") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if called {
		t.Error("a private address was called")
	}
	f, ok := errors.AsType[*Failure](c.Deliver(t.Context(), srv.URL, hello))
	if !ok || !f.Final || !strings.Contains(f.Reason, "--webhook-allow 127.0.0.1/32") {
		t.Errorf("it does not say how to allow it: %v", f)
	}
	if err := client(t, Config{Allow: loopback}).Deliver(t.Context(), srv.URL, hello); err != nil || !called {
		t.Error(err)
	}
}

func TestPublicAddresses(t *testing.T) {
	for _, s := range []string{"8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::8a"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{
		"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.8.8.8", "169.254.169.254", "100.64.0.1", "100.100.100.200",
		"192.0.0.192", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1",
		"::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1", "::127.0.0.1", "fec0::1",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is allowed", s)
		}
	}
	if (guard{}).control(t.Context(), "tcp6", "[fe80::1%eth0]:80", nil) == nil {
		t.Error("a zone gets by")
	}
}

// A receiver that answers without end, or not at all, costs a bounded time and little memory.
func TestReceiversCannotHoldOn(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if err := client(t, Config{Allow: loopback}).Deliver(t.Context(), endless.URL, hello); err != nil {
		t.Error(err)
	}
	quiet, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	err = client(t, Config{Allow: loopback, Timeout: 50 * time.Millisecond}).Deliver(t.Context(), "http://"+quiet.Addr().String(), hello)
	if f, ok := errors.AsType[*Failure](err); !ok || f.Final || !strings.Contains(f.Reason, "in time") {
		t.Error(err)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	for _, bad := range [][]string{nil, {""}, {"whsec_"}, {"whsec_c2hvcnQ="}, {"secret"}, {NewSecret(), "whsec_!!"}} {
		_, err := New(Config{Secrets: bad})
		if err == nil || len(bad) > 0 && len(bad[len(bad)-1]) > 8 && strings.Contains(err.Error(), bad[len(bad)-1]) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The schedule is the one that is recommended, over some three days, and nobody comes too soon.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		attempts := 1
		for failed := 1; ; failed++ {
			wait, again := Wait(failed)
			if !again {
				break
			}
			if wait < schedule[failed-1] || wait > schedule[failed-1]*6/5 {
				t.Errorf("after %d: %v", failed, wait)
			}
			time.Sleep(wait)
			attempts++
		}
		if took := time.Since(start); attempts != 10 || took < 75*time.Hour || took > 91*time.Hour {
			t.Errorf("%d attempts over %v", attempts, took)
		}
	})
}
