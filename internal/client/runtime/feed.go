package runtime

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Now follows a feed from what happens next.
const Now int64 = -1

// follow reads a feed live, and comes again where it broke off, from where it was. It ends when ctx
// does, when the reader stops, or with an error that coming again does not help.
func follow[T any](ctx context.Context, c *Client, path string, after int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s := &stream[T]{client: c, path: path}
		if after != Now {
			s.last = strconv.FormatInt(after, 10)
		}
		for failures := 0; ; {
			got, err := s.read(ctx, yield)
			if ctx.Err() != nil || errors.Is(err, errEnough) {
				return
			}
			if got {
				failures = 0
			}
			if p, ok := errors.AsType[*Problem](err); ok && !passing(p) {
				var none T
				yield(none, err)
				return
			}
			failures++
			pause := rand.N(min(firstPause<<min(failures, 8), longestOwn*4)) + time.Millisecond
			if p, ok := errors.AsType[*Problem](err); ok {
				pause += p.RetryAfter
			}
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	}
}

// errEnough ends a stream whose reader wants no more.
var errEnough = errors.New("enough")

type stream[T any] struct {
	client *Client
	path   string
	last   string // id of the last event; "" before the first
}

// read reads one connection until it breaks. got tells whether anything came.
func (s *stream[T]) read(ctx context.Context, yield func(T, error) bool) (got bool, err error) {
	r := &request{method: http.MethodGet, path: s.path, query: url.Values{}, header: http.Header{"Accept": {"text/event-stream"}}}
	if strings.Contains(s.last, ".") {
		r.header.Set("Last-Event-ID", s.last)
	} else if s.last != "" {
		r.query.Set("after", s.last)
	}
	response, err := s.client.open(ctx, r, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return false, problemOf(response, body)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxBody)
	var id, event, data string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data += value
		}
		if lines.Text() != "" { // an empty line ends an event
			continue
		}
		switch event {
		case "change":
			change, err := decode[T]([]byte(data))
			if err != nil {
				return got, err
			}
			if got = true; !yield(change, nil) {
				return got, errEnough
			}
			s.last = id
		case "end":
			return got, ended(data)
		case "":
			if id != "" { // where it stands, before anything happened
				s.last = id
			}
		}
		id, event, data = "", "", ""
	}
	return got, lines.Err()
}

// ended turns the last event of a feed into an error. A token that is over is no reason to stop: the
// next request brings a new one, and is refused if it does not.
func ended(data string) error {
	p := &Problem{Title: "The feed has ended", Status: http.StatusServiceUnavailable}
	if json.Unmarshal([]byte(data), p) == nil && (p.Kind() == Gone || p.Kind() == Forbidden) {
		p.Status = http.StatusForbidden
	}
	return p
}
