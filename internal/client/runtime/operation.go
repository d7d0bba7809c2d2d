package runtime

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Operation is a write that the service has accepted and carries out later, once. Keep its ID to ask
// for it from another process, with Follow.
type Operation[T any] struct {
	ID string

	client    *Client
	partition string
	done      bool // the service carried it out at once
	value     T
}

// Follow gives the operation of an id, for its submitter. T is what the write answers with; struct{}
// for one that answers with nothing. It calls nobody.
func Follow[T any](c *Client, id string) *Operation[T] {
	return &Operation[T]{client: c, ID: strings.TrimPrefix(id, operations)}
}

const operations = "/v1/operations/"

// operationState is how the service tells of an operation.
type operationState struct {
	Status string `json:"status"` // pending, done or failed
	Result struct {
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"result"`
	Problem *Problem `json:"problem"`
}

// accept submits a write to be carried out later.
func accept[T any](ctx context.Context, c *Client, r *request) (*Operation[T], error) {
	r.header.Set("Prefer", "respond-async")
	a, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	o := Follow[T](c, a.header.Get("Location"))
	o.partition = r.partition
	if a.status != http.StatusAccepted {
		o.ID, o.done = "", true
		if len(a.body) > 0 {
			o.value, err = decode[T](a.body)
		}
	}
	return o, err
}

// Wait waits until the operation is settled or ctx ends. A failed one gives its *Problem.
func (o *Operation[T]) Wait(ctx context.Context) (value T, err error) {
	for {
		value, settled, err := o.ask(ctx, "30s")
		if settled || err != nil {
			return value, err
		}
	}
}

// Poll asks how the operation is, without waiting. A failed one is settled and gives its *Problem.
func (o *Operation[T]) Poll(ctx context.Context) (value T, settled bool, err error) {
	return o.ask(ctx, "0s")
}

func (o *Operation[T]) ask(ctx context.Context, wait string) (value T, settled bool, err error) {
	if o.done {
		return o.value, true, nil
	}
	r := &request{method: http.MethodGet, path: operations + url.PathEscape(o.ID), query: url.Values{"wait": {wait}}, header: http.Header{}}
	a, err := o.client.do(ctx, r)
	if err != nil {
		return value, false, err
	}
	state, err := decode[operationState](a.body)
	switch {
	case err != nil || state.Status == "pending":
		return value, false, err
	case state.Problem != nil:
		return value, true, state.Problem
	}
	o.client.seen.note(o.partition, a.header.Get("Partita-Version"))
	if len(state.Result.Body) > 0 {
		value, err = decode[T](state.Result.Body)
	}
	return value, true, err
}
