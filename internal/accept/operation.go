package accept

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Operation is one accepted write as its id names it: where it belongs, and what its outcome is kept
// under.
//
// The id is signed, together with who submitted it: no other caller's token fits it. With an
// idempotency key, the submission in it is made from that key and the request, so a repeat has the
// same id, and another request under the same key a different one.
type Operation struct {
	Write string // its name
	Place store.Partition
	hash  [32]byte // of the key in the store
	print [8]byte  // the start of its fingerprint
}

const (
	idFormat = 1
	signSize = 16
	maxID    = 8 << 10
)

// newOperation names a write that is about to be accepted, and gives the key of its outcome; random
// makes the key of one without an idempotency key.
func newOperation(q *engine.WriteRequest, random [32]byte) (Operation, store.Key) {
	var key store.Key
	if q.IdempotencyKey != "" {
		key = engine.KeyOf(q)
	} else {
		key.Hash = random
		key.Fingerprint = key.Hash
	}
	op := Operation{Write: q.Write.Name, Place: store.Partition{Family: q.Write.Family, Value: q.Args.Values[0]}, hash: key.Hash}
	copy(op.print[:], key.Fingerprint[:])
	return op, key
}

func (op *Operation) bucket() int { return op.Place.Family.Bucket(op.Place.Value) }

// sign gives the operation's id for the caller who submitted it.
func (op *Operation) sign(s *signer, claims *model.Claims) string {
	var room [256]byte
	b := append(room[:0], idFormat)
	b = appendText(b, op.Write)
	b = appendText(b, op.Place.Family.Name)
	b = appendValue(b, op.Place.Value)
	b = append(b, op.hash[:]...)
	b = append(b, op.print[:]...)
	sum := s.signature(b, claims)
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:]...))
}

// signer makes signatures with the secret of a service. It is safe for concurrent use.
type signer struct{ macs sync.Pool }

func newSigner(secret []byte) *signer {
	return &signer{sync.Pool{New: func() any { return &signing{mac: hmac.New(sha256.New, secret)} }}}
}

// signing is what one signature is made in.
type signing struct {
	mac    hash.Hash
	signed []byte
	sum    [sha256.Size]byte
}

// signature binds an id to the service and to a caller. Without a token there is no caller, and
// whoever knows the id may ask.
func (s *signer) signature(id []byte, claims *model.Claims) (sum [signSize]byte) {
	m := s.macs.Get().(*signing)
	defer s.macs.Put(m)
	m.signed = append(m.signed[:0], "operation\x00"...)
	m.signed = binary.AppendUvarint(m.signed, uint64(len(id)))
	m.signed = append(m.signed, id...)
	if claims != nil {
		m.signed = append(m.signed, claims.Key...)
	}
	m.mac.Reset()
	m.mac.Write(m.signed)
	return [signSize]byte(m.mac.Sum(m.sum[:0]))
}

// errUnknown is the answer to an id that was never given out, and to one that another caller has.
var errUnknown = fault.New(fault.UnknownPattern, "There is no such operation, or it is another caller's.")

// operation reads an id back, for a caller.
func (a *Acceptor) operation(id string, claims *model.Claims) (op Operation, err error) {
	if len(id) > maxID {
		return op, errUnknown
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(b) < signSize {
		return op, errUnknown
	}
	b, given := b[:len(b)-signSize], b[len(b)-signSize:]
	its, anyones := a.signer.signature(b, claims), a.signer.signature(b, nil)
	if !hmac.Equal(given, its[:]) && !hmac.Equal(given, anyones[:]) {
		return op, errUnknown
	}
	r := reader{rest: b}
	format := r.byte()
	op.Write = r.text()
	family, partition := r.text(), r.text()
	copy(op.hash[:], r.take(len(op.hash)))
	copy(op.print[:], r.take(len(op.print)))
	if r.broken || len(r.rest) > 0 || format != idFormat {
		return op, errUnknown
	}
	op.Place, err = place(a.model, family, partition)
	if err != nil { // a family that the model does not have any more
		return op, errUnknown
	}
	return op, nil
}

// place finds a partition by the names that it has outside of the process.
func place(m *model.Model, family, partition string) (p store.Partition, err error) {
	f := m.Family(family)
	if f == nil {
		return p, fault.New(fault.UnknownPattern, "The model has no partitions of %s any more.", family)
	}
	v, err := f.By.Parse(partition)
	return store.Partition{Family: f, Value: v}, err
}
