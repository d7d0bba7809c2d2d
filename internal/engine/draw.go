package engine

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// place names one value that a write makes: of which step, for which item of its list, in which
// field. Whatever else happens on the way, the same place has the same value.
type place struct{ step, item, field uint32 }

// handlerStep stands for the function of a `code: true` write; its items are the values in the order
// in which they are made.
const handlerStep = 1<<32 - 1

// chance gives the random bytes for one place: of a seed that was fixed when the write was accepted,
// or, without one, new ones each time.
func chance(seed *[32]byte, at place) io.Reader {
	if seed == nil {
		return crand.Reader
	}
	var b [44]byte
	copy(b[:], seed[:])
	binary.BigEndian.PutUint32(b[32:], at.step)
	binary.BigEndian.PutUint32(b[36:], at.item)
	binary.BigEndian.PutUint32(b[40:], at.field)
	return rand.NewChaCha8(sha256.Sum256(b[:]))
}

// Default gives the value of a field that nobody gave, for a row that tx is about to insert. The
// error, where the field has no default and must not be null, is a *fault.Error of code InvalidInput.
func Default(tx store.Tx, now time.Time, entity *model.Entity, f *model.Field) (model.Value, error) {
	return makeDefault(tx, now, entity, f, nil, place{})
}

// Default is the function of this name for a handler's own inserts: where the write was accepted for
// later, a second run makes the same values as the first.
func (in *Input) Default(tx store.Tx, entity *model.Entity, f *model.Field) (model.Value, error) {
	in.made++
	return makeDefault(tx, in.Now, entity, f, in.seed, place{step: handlerStep, item: in.made})
}

func makeDefault(tx store.Tx, now time.Time, entity *model.Entity, f *model.Field, seed *[32]byte, at place) (model.Value, error) {
	switch f.Default {
	case model.DefaultLiteral:
		return f.DefaultValue, nil
	case model.DefaultNow:
		if f.Type.Kind == model.KindDate {
			return model.DateDays(now.Unix() / (24 * 60 * 60)), nil
		}
		return model.Time(now), nil
	case model.DefaultNew:
		if seed == nil {
			return model.String(uuid.Must(uuid.NewV7()).String()), nil
		}
		return model.String(newID(now, chance(seed, at)).String()), nil
	case model.DefaultRandom:
		return random(f, chance(seed, at)), nil
	case model.DefaultNext:
		n, err := tx.Next(entity, f)
		return model.Int(n), err
	}
	if f.Type.Null {
		return model.Null, nil
	}
	return model.Null, missing(f)
}

// newID makes a UUIDv7 of a time.
func newID(now time.Time, from io.Reader) (id uuid.UUID) {
	fill(id[:], from)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// random makes an unguessable value that fits the field.
func random(f *model.Field, from io.Reader) model.Value {
	switch f.Type.Kind {
	case model.KindUUID:
		var id uuid.UUID
		fill(id[:], from)
		id[6] = id[6]&0x0f | 0x40
		id[8] = id[8]&0x3f | 0x80
		return model.String(id.String())
	case model.KindInt:
		var b [8]byte
		fill(b[:], from)
		return model.Int(int64(binary.BigEndian.Uint64(b[:]) >> 1))
	case model.KindBytes:
		b := make([]byte, f.Type.Size)
		fill(b, from)
		return model.Bytes(string(b))
	}
	// 32 signs that cannot be taken for one another, so that a person can read one out.
	const signs = "0123456789abcdefghjkmnpqrstvwxyz"
	b := make([]byte, min(f.Type.Size, 32))
	fill(b, from)
	for i := range b {
		b[i] = signs[b[i]&31]
	}
	return model.String(string(b))
}

// fill reads random bytes, which no source of chance refuses.
func fill(b []byte, from io.Reader) {
	if _, err := io.ReadFull(from, b); err != nil {
		panic(err)
	}
}
