package runtime

import (
	"context"
	"iter"
	"maps"
	"net/url"
)

// get makes a call that answers with something.
func get[T any](ctx context.Context, c *Client, r *request) (value T, err error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return value, err
	}
	return decode[T](a.body)
}

// tell makes a write that answers with nothing.
func tell(ctx context.Context, c *Client, r *request) error {
	_, err := c.do(ctx, r)
	return err
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // cursor of the page behind it; "" on the last
	Prev  string `json:"prev"` // cursor of the page before it
}

// Cursor says which page of a list is wanted. The zero value is the first.
type Cursor struct {
	After  string // Page.Next: the page behind it
	Before string // Page.Prev: the page before it
}

// list begins the reads of a list's pages.
func (c *Client) list(path, partition string, query url.Values, options []Option) func(Cursor) *request {
	return func(at Cursor) *request {
		r := c.read(path, partition, options)
		r.query = url.Values{}
		maps.Copy(r.query, query)
		if at.After != "" {
			r.query.Set("after", at.After)
		}
		if at.Before != "" {
			r.query.Set("before", at.Before)
		}
		return r
	}
}

// all reads a list page by page, for as long as it is asked for more.
func all[T any](ctx context.Context, c *Client, list func(Cursor) *request) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := (Cursor{}); ; {
			page, err := get[Page[T]](ctx, c, list(at))
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			at.After = page.Next
		}
	}
}
