// Package webhook delivers events to the web addresses that a model names, by Standard Webhooks
// 1.0.0: signed, with a stable id, and with its rules for what an answer means. It makes one attempt;
// when to try again is the caller's matter, Wait gives the schedule.
package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is what a Client is made of. Secrets is required.
type Config struct {
	// Secrets are the signing secrets, each "whsec_" and 24 to 64 bytes in base64. Every delivery is
	// signed with all of them, so that receivers can change from one to the next.
	Secrets []string
	// Allow are networks that may be called although they are not public, such as 127.0.0.0/8.
	Allow []netip.Prefix
	// Timeout bounds one attempt. Default: 15 s.
	Timeout time.Duration
	// Agent is the User-Agent. Default: "Partita".
	Agent string
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// Instead answers deliveries in the place of those that they are for. Default: they are made.
	Instead http.RoundTripper
}

// Client makes deliveries. Make one with New. It is safe for concurrent use.
type Client struct {
	config Config
	keys   [][]byte
	http   *http.Client
}

// Message is one event for one receiver.
type Message struct {
	ID   string // the same for every attempt; no dot in it
	Type string // content type of the body
	Body []byte
}

// Failure says what came of an attempt that did not succeed.
type Failure struct {
	Reason string        // for people, without the address's path and without secrets
	Status int           // of the answer; 0 where there was none
	Wait   time.Duration // as the receiver asked for; 0: it did not
	Final  bool          // another attempt would go the same way
	Gone   bool          // the receiver wants nothing any more (410)
}

// Error gives the reason.
func (f *Failure) Error() string { return f.Reason }

// longestWait bounds what a receiver may ask for.
const longestWait = 24 * time.Hour

// New makes a Client. The error says what is wrong with a secret, without showing it.
func New(c Config) (*Client, error) {
	keys, err := parseSecrets(c.Secrets)
	if err != nil {
		return nil, err
	}
	if c.Timeout <= 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Agent == "" {
		c.Agent = "Partita"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	dialer := &net.Dialer{Timeout: c.Timeout, ControlContext: guard{c.Allow}.control}
	client := &Client{config: c, keys: keys, http: &http.Client{
		Timeout: c.Timeout,
		// A redirect is a failure: the address to call is the one that was agreed on.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // no proxy: the guard must see the address that is called
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    c.Timeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        90 * time.Second,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}}
	if c.Instead != nil {
		client.http.Transport = c.Instead
	}
	return client, nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Deliver makes one attempt. nil means that the receiver has taken it; any other error is a *Failure.
func (c *Client) Deliver(ctx context.Context, address string, m *Message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(string(m.Body)))
	if err != nil {
		return &Failure{Reason: "the address cannot be called", Final: true}
	}
	at := c.config.Now()
	req.Header.Set("Content-Type", m.Type)
	req.Header.Set("User-Agent", c.config.Agent)
	req.Header["webhook-id"] = []string{m.ID}
	req.Header["webhook-timestamp"] = []string{strconv.FormatInt(at.Unix(), 10)}
	req.Header["webhook-signature"] = []string{sign(c.keys, m.ID, at, m.Body)}
	resp, err := c.http.Do(req)
	if err != nil {
		return unanswered(err)
	}
	defer resp.Body.Close()
	const most = 16 << 10 // of an answer that nobody reads: enough to use the connection again
	_, _ = io.CopyN(io.Discard, resp.Body, most)
	return judge(resp, at)
}

// unanswered says why there was no answer.
func unanswered(err error) *Failure {
	if refused, ok := errors.AsType[*forbidden](err); ok {
		return &Failure{Reason: refused.Error(), Final: true}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() {
			return &Failure{Reason: "there was no answer in time"}
		}
		err = e.Err // the address stays out of it
	}
	return &Failure{Reason: "there was no answer: " + err.Error()}
}

// judge says what an answer means.
func judge(resp *http.Response, now time.Time) error {
	status := resp.StatusCode
	f := &Failure{Status: status, Reason: fmt.Sprintf("the answer was %d %s", status, http.StatusText(status))}
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		f.Reason += ": redirects are not followed, so give the new address in the model"
	case status == http.StatusGone:
		f.Gone, f.Final = true, true
	default:
		f.Wait = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	return f
}

// retryAfter reads the header of that name, in seconds or as a date; 0 if it says nothing.
func retryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		wait = time.Duration(min(max(seconds, 0), int64(longestWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}

// schedule is the one that Standard Webhooks recommends: the first attempt is made at once, and then
// these times pass before each of the others.
var schedule = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// Wait gives the time until the next attempt after so many that failed, with jitter; false: that was
// the last one.
func Wait(failed int) (time.Duration, bool) {
	if failed < 1 {
		return 0, true
	}
	if failed > len(schedule) {
		return 0, false
	}
	d := schedule[failed-1]
	return d + rand.N(d/5), true
}
