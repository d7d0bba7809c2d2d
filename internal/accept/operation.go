package accept

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

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

// newOperation names a write that is about to be accepted, and gives the key of its outcome.
func newOperation(q *engine.WriteRequest) (Operation, store.Key) {
	var key store.Key
	if q.IdempotencyKey != "" {
		key = engine.KeyOf(q)
	} else {
		rand.Read(key.Hash[:]) // never fails
		key.Fingerprint = key.Hash
	}
	op := Operation{Write: q.Write.Name, Place: store.Partition{Family: q.Write.Family, Value: q.Args.Values[0]}, hash: key.Hash}
	copy(op.print[:], key.Fingerprint[:])
	return op, key
}

func (op *Operation) bucket() int { return op.Place.Family.Bucket(op.Place.Value) }

// sign gives the operation's id for the caller who submitted it.
func (op *Operation) sign(secret []byte, claims *model.Claims) string {
	b := make([]byte, 0, 160)
	b = append(b, idFormat)
	b = appendText(b, op.Write)
	b = appendText(b, op.Place.Family.Name)
	b = appendText(b, string(model.AppendText(nil, op.Place.Value)))
	b = append(b, op.hash[:]...)
	b = append(b, op.print[:]...)
	b = append(b, signature(secret, b, claims)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// signature binds an id to the service and to a caller. Without a token there is no caller, and
// whoever knows the id may ask.
func signature(secret, id []byte, claims *model.Claims) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("operation\x00"))
	mac.Write(binary.AppendUvarint(nil, uint64(len(id))))
	mac.Write(id)
	if claims != nil {
		mac.Write([]byte(claims.Key))
	}
	return mac.Sum(nil)[:signSize]
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
	if !hmac.Equal(given, signature(a.secret, b, claims)) && !hmac.Equal(given, signature(a.secret, b, nil)) {
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
	for _, f := range m.Families {
		if f.Name == family {
			v, err := f.By.Parse(partition)
			return store.Partition{Family: f, Value: v}, err
		}
	}
	return p, fault.New(fault.UnknownPattern, "The model has no partitions of %s any more.", family)
}
