package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/examples/shop/shopclient"
)

// script answers requests in its own way, without a network: so that time can be a test's own.
type script func(*http.Request) (*http.Response, error)

func (s script) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func response(status int, body string, headers ...string) (*http.Response, error) {
	h := http.Header{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func refusal(status int, kind string, headers ...string) (*http.Response, error) {
	return response(status, `{"type":"urn:partita:problem:`+kind+`","title":"No"}`, append(headers, "Content-Type: application/problem+json")...)
}

func scripted(t *testing.T, s script) *shopclient.Client {
	t.Helper()
	c, err := shopclient.New(shopclient.Config{URL: "http://shop.test", HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCallsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := map[string]int{}
		n := 0
		c := scripted(t, func(r *http.Request) (*http.Response, error) {
			keys[r.Header.Get("Idempotency-Key")]++
			switch n++; n {
			case 1:
				return nil, errors.New("connection reset")
			case 2:
				return refusal(http.StatusServiceUnavailable, "overloaded", "Retry-After: 3")
			}
			return response(http.StatusOK, `{"customer_id":"x","credit":1}`)
		})
		start := time.Now()
		customer, err := c.AddCredit(t.Context(), shopclient.AddCreditInput{CustomerID: "x", Amount: 1})
		if err != nil || customer.Credit != 1 || len(keys) != 1 {
			t.Fatalf("%+v %v, keys %v", customer, err, keys)
		}
		if took := time.Since(start); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("asked to wait for 3 s it took %v", took)
		}
	})
}

func TestCallsAreNotRepeatedInVain(t *testing.T) {
	for name, test := range map[string]struct {
		answer func() (*http.Response, error)
		limit  time.Duration
		want   shopclient.Kind
		calls  int
	}{
		"a guard":   {func() (*http.Response, error) { return refusal(http.StatusConflict, "guard_failed") }, time.Hour, shopclient.GuardFailed, 1},
		"in flight": {func() (*http.Response, error) { return refusal(http.StatusConflict, "in_flight") }, time.Hour, shopclient.InFlight, 4},
		"no patience": {func() (*http.Response, error) {
			return refusal(http.StatusTooManyRequests, "quota_exceeded", "Retry-After: 60")
		}, time.Hour, shopclient.QuotaExceeded, 1},
		"the context ends first": {func() (*http.Response, error) {
			return refusal(http.StatusServiceUnavailable, "unavailable", "Retry-After: 9")
		}, time.Second, shopclient.Unavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				c := scripted(t, func(*http.Request) (*http.Response, error) { calls++; return test.answer() })
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				_, err := c.AddCredit(ctx, shopclient.AddCreditInput{CustomerID: "x", Amount: 1})
				if !shopclient.IsKind(err, test.want) || calls != test.calls {
					t.Errorf("%d calls: %v", calls, err)
				}
			})
		})
	}
}

// With a service that is away for long, repeats become at most a tenth of the calls.
func TestRepeatsHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		c := scripted(t, func(*http.Request) (*http.Response, error) {
			requests++
			return refusal(http.StatusServiceUnavailable, "overloaded")
		})
		const calls = 1000
		for range calls {
			if _, err := c.Customer(t.Context(), "x"); !shopclient.IsKind(err, shopclient.Overloaded) {
				t.Fatal(err)
			}
		}
		if requests < calls || requests > calls*11/10+10 {
			t.Errorf("%d calls made %d requests", calls, requests)
		}
	})
}

// What does not speak as the service does is understood as far as it goes.
func TestStrangeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripted(t, func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "/sales_of_day/") {
				return response(http.StatusOK, `<html>`)
			}
			return response(http.StatusBadGateway, "<html>bad gateway</html>", "Content-Type: text/html")
		})
		_, err := c.Customer(t.Context(), "x")
		if p, ok := errors.AsType[*shopclient.Problem](err); !ok || p.Status != http.StatusBadGateway || p.Kind() != "" {
			t.Errorf("%v", err)
		}
		if _, err := c.SalesOfDay(t.Context(), "2026-01-31"); err == nil {
			t.Error("a page of HTML was taken for sales")
		}
	})
}

// A feed that breaks off goes on where it was, also when nothing had happened yet.
func TestFeedsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var resumed []string
		ctx, enough := context.WithCancel(t.Context())
		defer enough()
		c := scripted(t, func(r *http.Request) (*http.Response, error) {
			resumed = append(resumed, r.Header.Get("Last-Event-ID")+"/"+r.URL.RawQuery)
			switch len(resumed) {
			case 1:
				return response(http.StatusOK, "id: inc.7\n: following\n\n: alive\n\n")
			case 2:
				return nil, errors.New("connection refused")
			case 3:
				return response(http.StatusOK, "id: inc.8\nevent: change\ndata: {\"version\":8,\"changes\":[]}\n\nid: inc.9\nevent: change\ndata: {\"ver")
			case 4:
				return response(http.StatusOK, "event: end\ndata: {\"type\":\"urn:partita:problem:stopping\"}\n\n")
			}
			return response(http.StatusOK, "event: end\ndata: {\"type\":\"urn:partita:problem:gone\",\"detail\":\"Read anew.\"}\n\n")
		})
		var versions []int64
		for change, err := range c.MyOrdersFeed(ctx, "x", shopclient.Now) {
			if err != nil {
				if !shopclient.IsKind(err, shopclient.Gone) {
					t.Errorf("%v", err)
				}
				break
			}
			versions = append(versions, change.Version)
		}
		want := "/ inc.7/ inc.7/ inc.8/ inc.8/"
		if got := strings.Join(resumed, " "); got != want || len(versions) != 1 || versions[0] != 8 {
			t.Errorf("resumed %q, want %q; versions %v", got, want, versions)
		}
	})
}
