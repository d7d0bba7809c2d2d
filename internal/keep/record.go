package keep

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// appendRecord appends a JSON array of values, behind numbers that stand first.
func appendRecord(dst []byte, first []uint64, values ...model.Value) []byte {
	dst = append(dst, '[')
	for i, n := range first {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, n, 10)
	}
	for i, v := range values {
		if i > 0 || len(first) > 0 {
			dst = append(dst, ',')
		}
		dst = model.AppendJSON(dst, v)
	}
	return append(dst, ']')
}

func appendRow(dst []byte, row *model.Row) []byte {
	return appendRecord(dst, []uint64{row.Version}, row.Values...)
}

func appendHead(dst []byte, h *store.HeadCopy) []byte {
	relayed := model.Null // nobody follows
	if h.Relayed != store.Unfollowed {
		relayed = model.Int(int64(h.Relayed))
	}
	return appendRecord(dst, nil, h.Partition.Value, model.Int(int64(h.Version)), relayed)
}

func appendChange(dst []byte, c *store.ChangeCopy) ([]byte, error) {
	if !json.Valid(c.Body) {
		return dst, fmt.Errorf("a stored change cannot be read: the store is damaged")
	}
	dst = appendRecord(dst, nil, c.Partition.Value, model.Int(int64(c.Version)), model.String(hex.EncodeToString(c.ID[:])), model.Int(c.At))
	body := c.Body
	if bytes.IndexByte(body, '\n') >= 0 { // of an event that a program made
		var b bytes.Buffer
		if err := json.Compact(&b, body); err != nil {
			return dst, err
		}
		body = b.Bytes()
	}
	dst = append(append(dst[:len(dst)-1], ','), body...)
	return append(dst, ']'), nil
}

func appendOutcome(dst []byte, o *store.KeptOutcome) []byte {
	return appendRecord(dst, nil, o.Partition.Value, model.String(hex.EncodeToString(o.Hash[:])), model.String(hex.EncodeToString(o.Fingerprint[:])),
		model.Int(int64(o.Version)), model.Int(o.Time.UnixMicro()), model.String(base64.StdEncoding.EncodeToString(o.Body)))
}

func appendCounter(dst []byte, c *store.CounterCopy) []byte {
	return appendRecord(dst, nil, c.Partition.Value, model.String(c.Entity), model.String(c.Field), model.Int(c.N))
}

func appendCommand(dst []byte, c Command) []byte {
	return appendRecord(dst, nil, model.Int(int64(c.Shard)), model.String(base64.StdEncoding.EncodeToString(c.Body)))
}

// record reads one line. The first error counts; all methods give zero values then.
type record struct {
	parts []json.RawMessage
	err   error
}

// parse splits a line into its n columns.
func (r *record) parse(line []byte, n int) {
	r.parts, r.err = r.parts[:0], nil
	if err := json.Unmarshal(line, &r.parts); err != nil || len(r.parts) != n {
		r.err = damaged("a record cannot be read")
	}
}

func (r *record) decode(i int, f *model.Field) model.Value {
	if r.err != nil {
		return model.Null
	}
	// Only the form counts, not the bounds: they may have become narrower since the row was written.
	loose := model.Field{Name: f.Name, Type: f.Type}
	loose.Type.Size = 1 << 30
	v, err := loose.DecodeJSON(r.parts[i])
	if err != nil {
		r.err = damaged("a value of %s cannot be read", f.Name)
	}
	return v
}

func (r *record) into(i int, to any) {
	if r.err == nil && json.Unmarshal(r.parts[i], to) != nil {
		r.err = damaged("a record cannot be read")
	}
}

func (r *record) number(i int) (n int64) {
	r.into(i, &n)
	return n
}

func (r *record) text(i int) (s string) {
	r.into(i, &s)
	return s
}

// bytes reads what was written in hexadecimal into to, all of it.
func (r *record) bytes(i int, to []byte) {
	b, err := hex.DecodeString(r.text(i))
	if r.err == nil && (err != nil || copy(to, b) != len(to)) {
		r.err = damaged("a record cannot be read")
	}
}

func (r *record) base64(i int) []byte {
	b, err := base64.StdEncoding.DecodeString(r.text(i))
	if r.err == nil && err != nil {
		r.err = damaged("a record cannot be read")
	}
	return b
}

// partition reads the first column.
func (r *record) partition(f *model.Family) store.Partition {
	return store.Partition{Family: f, Value: r.decode(0, f.By)}
}
