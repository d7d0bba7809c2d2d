package cluster

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

/*
A change on its way to another node:

	1  format
	1  flags: bare — the rows are left out
	s  incarnation of the store
	s  name of the family
	s  partition, as text
	u  version
	16 id
	i  time, microseconds since the Unix epoch
	…  the body as it is stored, empty if bare

s is a length and bytes, u and i are varints. A format that a node does not know is passed over:
to it the message is lost, which is allowed.
*/
const (
	changeFormat = 1
	bare         = 1
)

// mostBytes bounds a message. A change that is larger goes without its rows.
const mostBytes = 192 << 10

var errFrame = errors.New("cluster: a message that is no message")

// appendChange writes a change of the store of that incarnation.
func appendChange(dst []byte, incarnation string, c *store.Change) []byte {
	start := len(dst)
	dst = append(dst, changeFormat, 0)
	dst = appendText(dst, incarnation)
	dst = appendText(dst, c.Partition.Family.Name)
	at := len(dst)
	dst = append(dst, 0, 0)
	dst = model.AppendText(dst, c.Partition.Value)
	binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	dst = binary.AppendUvarint(dst, c.Version)
	dst = append(dst, c.ID[:]...)
	dst = binary.AppendVarint(dst, c.Time.UnixMicro())
	body := len(dst)
	dst = store.EncodeChange(dst, c)
	if len(dst)-start > mostBytes {
		dst = dst[:body]
		dst[start+1] |= bare
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// frame is a message taken apart.
type frame struct {
	bare                           bool
	incarnation, family, partition string
	version                        uint64
	id                             [16]byte
	time                           time.Time
	body                           []byte
}

func parseChange(b []byte) (f frame, err error) {
	if len(b) < 2 || b[0] != changeFormat {
		return f, errFrame
	}
	r := reader{b: b[2:]}
	f.bare = b[1]&bare != 0
	f.incarnation, f.family, f.partition = r.text(), r.text(), r.text()
	f.version = r.uvarint()
	copy(f.id[:], r.take(16))
	f.time = time.UnixMicro(r.varint()).UTC()
	f.body = r.b
	return f, r.err
}

// reader reads what a message is made of; after an error it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.b, r.err = nil, errFrame
		return nil
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) text() string {
	n := r.take(2)
	if n == nil {
		return ""
	}
	return string(r.take(int(binary.BigEndian.Uint16(n))))
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		n = -1
	}
	r.take(n)
}
