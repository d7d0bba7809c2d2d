package accept

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

/*
A command, as it stands on the bus:

	1  format
	s  revision of the model
	s  write, family, partition as text
	i  now, microseconds since the Unix epoch
	32 hash and fingerprint of the key, and seed; each
	s  If-Match
	1  whether there are claims; then s key, s subject, i expiry in seconds (0: never), and the claims
	s  the body as it was received

s is a length and bytes, u and i are varints. Everything that a caller gave is here as it came: the
node that carries it out reads the body again, and need not trust whoever can write to the bus less
or more than the store.
*/
const commandFormat = 1

// command is one accepted write.
type command struct {
	revision, write   string
	family, partition string
	accepted          engine.Accepted
	ifMatch           string
	claims            *model.Claims
	body              []byte
}

// encode writes a request down. q.Accepted is set.
func encode(q *engine.WriteRequest, revision string) []byte {
	b := make([]byte, 0, 256+len(q.Body))
	b = append(b, commandFormat)
	b = appendText(b, revision)
	b = appendText(b, q.Write.Name)
	b = appendText(b, q.Write.Family.Name)
	b = appendValue(b, q.Args.Values[0])
	b = binary.AppendVarint(b, q.Accepted.Now.UnixMicro())
	b = append(b, q.Accepted.Key.Hash[:]...)
	b = append(b, q.Accepted.Key.Fingerprint[:]...)
	b = append(b, q.Accepted.Seed[:]...)
	b = appendText(b, q.IfMatch)
	b = appendClaims(b, q.Claims)
	b = binary.AppendUvarint(b, uint64(len(q.Body)))
	return append(b, q.Body...)
}

func appendClaims(b []byte, c *model.Claims) []byte {
	if c == nil {
		return append(b, 0)
	}
	b = appendText(append(b, 1), c.Key)
	b = appendText(b, c.Subject)
	expires := int64(0)
	if !c.Expires.IsZero() {
		expires = c.Expires.Unix()
	}
	b = binary.AppendVarint(b, expires)
	return appendAny(b, c.All)
}

var errDamaged = errors.New("accept: a command that is none, or of a later release")

// decode reads a command. The error is errDamaged.
func decode(b []byte) (*command, error) {
	r := reader{rest: b}
	if r.byte() != commandFormat {
		return nil, errDamaged
	}
	c := &command{revision: r.text(), write: r.text(), family: r.text(), partition: r.text()}
	c.accepted.Now = time.UnixMicro(r.int()).UTC()
	copy(c.accepted.Key.Hash[:], r.take(32))
	copy(c.accepted.Key.Fingerprint[:], r.take(32))
	copy(c.accepted.Seed[:], r.take(32))
	c.ifMatch = r.text()
	if r.byte() == 1 {
		c.claims = &model.Claims{Key: r.text(), Subject: r.text()}
		if expires := r.int(); expires != 0 {
			c.claims.Expires = time.Unix(expires, 0).UTC()
		}
		c.claims.All, _ = r.any(0).(map[string]any)
	}
	c.body = []byte(r.text())
	if r.broken || len(r.rest) > 0 {
		return nil, errDamaged
	}
	return c, nil
}

// request makes the request of a command again. Its error says that this model cannot carry it out.
func (c *command) request(m *model.Model) (*engine.WriteRequest, error) {
	w := m.Write(c.write)
	if w == nil {
		return nil, fault.New(fault.UnknownPattern, "The model has no write %s any more.", c.write)
	}
	args, err := model.DecodeArgs(w.Inputs, c.body)
	if err != nil {
		return nil, err
	}
	at, err := place(m, c.family, c.partition)
	if err != nil {
		return nil, err
	}
	if (store.Partition{Family: w.Family, Value: args.Values[0]}) != at {
		return nil, fault.New(fault.UnknownPattern, "The write %s belongs to other partitions than when this was accepted.", c.write)
	}
	accepted := c.accepted
	return &engine.WriteRequest{Write: w, Args: args, Body: c.body, Claims: c.claims, IfMatch: c.ifMatch, Accepted: &accepted}, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendValue writes a value as text.
func appendValue(b []byte, v model.Value) []byte {
	var room [64]byte
	text := model.AppendText(room[:0], v)
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendAny writes a claim: what comes out of JSON, with whole numbers as int64.
func appendAny(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, '0')
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'f')
	case int64:
		return binary.AppendVarint(append(b, 'i'), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v))
	case string:
		return appendText(append(b, 's'), v)
	case []any:
		b = binary.AppendUvarint(append(b, 'l'), uint64(len(v)))
		for _, x := range v {
			b = appendAny(b, x)
		}
		return b
	case map[string]any:
		b = binary.AppendUvarint(append(b, 'm'), uint64(len(v)))
		for name, x := range v {
			b = appendAny(appendText(b, name), x)
		}
		return b
	}
	return appendText(append(b, 's'), fmt.Sprint(v)) // not reached: tokens have no other values
}

// reader takes a command apart. After a broken one everything reads as zero.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) take(n int) []byte {
	if r.broken || n < 0 || n > len(r.rest) {
		r.broken = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.broken = true
		return 0
	}
	r.take(used)
	return n
}

func (r *reader) int() int64 {
	n, used := binary.Varint(r.rest)
	if used <= 0 {
		r.broken = true
		return 0
	}
	r.take(used)
	return n
}

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.broken = true
		return ""
	}
	return string(r.take(int(n)))
}

// maxDepth bounds how deep claims nest. A token is at most a few kilobytes long, so none is deeper.
const maxDepth = 10_000

func (r *reader) any(depth int) any {
	if depth > maxDepth {
		r.broken = true
	}
	switch kind := r.byte(); {
	case r.broken, kind == '0':
		return nil
	case kind == 't', kind == 'f':
		return kind == 't'
	case kind == 'i':
		return r.int()
	case kind == 'd':
		if b := r.take(8); b != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(b))
		}
		return nil
	case kind == 's':
		return r.text()
	case kind == 'l':
		list := []any{}
		for n := r.uint(); n > 0 && !r.broken; n-- {
			list = append(list, r.any(depth+1))
		}
		return list
	case kind == 'm':
		object := map[string]any{}
		for n := r.uint(); n > 0 && !r.broken; n-- {
			name := r.text()
			object[name] = r.any(depth + 1)
		}
		return object
	}
	r.broken = true
	return nil
}
