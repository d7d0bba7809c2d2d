// Package runtime is the part of a generated client that is the same for every service: how calls are
// made, repeated and understood. `partita client go` copies it next to the typed part, so a generated
// client needs the standard library only.
package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says how a service is called.
type Config struct {
	// URL is the service's address, such as https://shop.example.com.
	URL string
	// Token gives the bearer token of a call; it is asked each time. nil: calls carry none.
	Token func(context.Context) (string, error)
	// HTTP sends the requests. nil: a client without a time limit of its own, since calls have
	// their context and feeds stay open.
	HTTP *http.Client
	// Attempts is the most requests that one call makes. Default 4; 1 never repeats.
	Attempts int
	// Patience is the longest Retry-After that a call waits for; it fails at once where the service
	// asks for more, or for more than the context has left. Default 30 s.
	Patience time.Duration
}

// Client calls one service. Make one with New and share it: it is safe for concurrent use, remembers
// which versions its own writes made, and never lets repeats become more than a tenth of its calls.
type Client struct {
	base   string
	config Config
	budget budget
	seen   versions
}

// New checks the configuration. It calls nobody.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a service; it looks like https://shop.example.com", c.URL)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{}
	}
	if c.Attempts <= 0 {
		c.Attempts = 4
	}
	if c.Patience <= 0 {
		c.Patience = 30 * time.Second
	}
	return &Client{base: strings.TrimSuffix(c.URL, "/"), config: c}, nil
}

// StaticToken is a Config.Token that always gives the same.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// maxBody bounds the bytes of one answer.
const maxBody = 64 << 20

// request is one call before it is sent.
type request struct {
	method, path string
	query        url.Values
	body         any // JSON; nil: none
	header       http.Header
	partition    string // family/value in lower case: what versions are remembered by
	meta         *Meta
}

// answer is what came back with a status below 400.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a call, and repeats it where that is safe and may help. An answer of 400 or more is a
// *Problem.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("the input cannot be written as JSON: %w", err)
		}
	}
	c.budget.earn()
	for attempt := 1; ; attempt++ {
		a, err := c.once(ctx, r, body)
		if err == nil {
			c.learn(r, a)
			return a, nil
		}
		pause, again := c.pause(ctx, err, attempt)
		if !again {
			if IsKind(err, Behind) {
				c.seen.forget(r.partition)
			}
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// open sends one request and gives its answer, whose body is still to be read and closed.
func (c *Client) open(ctx context.Context, r *request, body []byte) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, target, reader)
	if err != nil {
		return nil, err
	}
	maps.Copy(q.Header, r.header)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if q.Header.Get("Accept") == "" {
		q.Header.Set("Accept", "application/json")
	}
	if c.config.Token != nil {
		token, err := c.config.Token(ctx)
		if err != nil {
			return nil, fmt.Errorf("no token: %w", err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.config.HTTP.Do(q)
	if err != nil {
		return nil, &lost{err}
	}
	return response, nil
}

// lost is the error of a request of which no whole answer came.
type lost struct{ error }

func (l *lost) Unwrap() error { return l.error }

func (c *Client) once(ctx context.Context, r *request, body []byte) (*answer, error) {
	response, err := c.open(ctx, r, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, &lost{err}
	case len(text) > maxBody:
		return nil, fmt.Errorf("the answer to %s is longer than %d bytes", r.path, maxBody)
	case response.StatusCode >= 400:
		return nil, problemOf(response, text)
	}
	return &answer{response.StatusCode, response.Header, text}, nil
}

// learn notes what the headers of an answer say.
func (c *Client) learn(r *request, a *answer) {
	if r.method == http.MethodPost {
		c.seen.note(r.partition, a.header.Get("Partita-Version"))
	}
	if r.meta != nil {
		*r.meta = metaOf(a.header)
	}
}

// decode reads the body of an answer.
func decode[T any](body []byte) (value T, err error) {
	if err := json.Unmarshal(body, &value); err != nil {
		return value, fmt.Errorf("the answer is not what this client knows; was the model changed since it was generated? %w", err)
	}
	return value, nil
}
