package runtime

import (
	"crypto/rand"
	"net/http"
	"strings"
)

// Option alters one call.
type Option func(*request)

// IdempotencyKey names a write, so that it takes effect once however often it is sent, also by another
// process. Without it each call gets a key of its own, which covers its repeats.
func IdempotencyKey(key string) Option {
	return func(r *request) { r.header.Set("Idempotency-Key", `"`+key+`"`) }
}

// IfMatch lets a write go ahead only while the row of its first step still has this tag.
func IfMatch(etag string) Option {
	return func(r *request) { r.header.Set("If-Match", etag) }
}

// MinVersion asks a read for nothing older than this, such as what another client wrote.
func MinVersion(version string) Option {
	return func(r *request) {
		if own := r.header.Get("Partita-Min-Version"); own != "" {
			version = own + ", " + version
		}
		r.header.Set("Partita-Min-Version", version)
	}
}

// AnyVersion lets a read be older than the client's own writes.
func AnyVersion() Option {
	return func(r *request) { r.header.Del("Partita-Min-Version") }
}

// After lets a write be carried out only after these operations.
func After(operations ...string) Option {
	return func(r *request) { r.header.Set("Partita-After", strings.Join(operations, ", ")) }
}

// WithMeta has the headers of the answer noted in m; of a list, those of each page in turn.
func WithMeta(m *Meta) Option { return func(r *request) { r.meta = m } }

// place names a partition: family and value, in the way versions are remembered.
func place(family, value string) string { return family + "/" + strings.ToLower(value) }

// read begins a read.
func (c *Client) read(path, partition string, options []Option) *request {
	r := &request{method: http.MethodGet, path: path, partition: partition, header: http.Header{}}
	if version := c.seen.get(partition); version != "" {
		r.header.Set("Partita-Min-Version", version)
	}
	for _, set := range options {
		set(r)
	}
	return r
}

// write begins a write.
func (c *Client) write(name, partition string, input any, options []Option) *request {
	r := &request{method: http.MethodPost, path: "/v1/" + name, partition: partition, body: input, header: http.Header{}}
	r.header.Set("Idempotency-Key", `"`+rand.Text()+`"`)
	for _, set := range options {
		set(r)
	}
	return r
}
