package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// PostgreSQL counts from 2000-01-01.
const (
	epochMicros = 946_684_800_000_000
	epochDays   = 10_957
)

// value reads a column in PostgreSQL's binary format.
func value(t *model.Type, raw []byte) (model.Value, error) {
	if raw == nil {
		return model.Null, nil
	}
	switch t.Kind {
	case model.KindInt:
		if len(raw) == 8 {
			return model.Int(int64(binary.BigEndian.Uint64(raw))), nil
		}
	case model.KindFloat:
		if len(raw) == 8 {
			return model.Float(math.Float64frombits(binary.BigEndian.Uint64(raw))), nil
		}
	case model.KindBool:
		if len(raw) == 1 {
			return model.Bool(raw[0] != 0), nil
		}
	case model.KindUUID:
		if len(raw) == 16 {
			return model.String(uuidText(raw)), nil
		}
	case model.KindTime:
		if len(raw) == 8 {
			return model.TimeMicro(int64(binary.BigEndian.Uint64(raw)) + epochMicros), nil
		}
	case model.KindDate:
		if len(raw) == 4 {
			return model.DateDays(int64(int32(binary.BigEndian.Uint32(raw))) + epochDays), nil
		}
	case model.KindDecimal:
		if n, ok := unscaled(raw, t.Scale); ok {
			return model.Decimal(n, uint8(t.Scale)), nil
		}
	case model.KindBytes:
		return model.Bytes(string(raw)), nil
	case model.KindJSON:
		return model.JSON(string(raw)), nil
	default:
		return model.String(string(raw)), nil
	}
	return model.Null, fault.New(fault.Internal, "The store gave a value that does not fit the model.")
}

func uuidText(raw []byte) string {
	var b [36]byte
	hex.Encode(b[:8], raw[:4])
	b[8] = '-'
	hex.Encode(b[9:13], raw[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], raw[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], raw[8:10])
	b[23] = '-'
	hex.Encode(b[24:], raw[10:])
	return string(b[:])
}

func uuidBytes(text string) (b [16]byte) {
	var digits [32]byte
	n := 0
	for i := 0; i < len(text) && n < len(digits); i++ {
		if text[i] != '-' {
			digits[n] = text[i]
			n++
		}
	}
	_, _ = hex.Decode(b[:], digits[:]) // canonical by the model: never fails
	return b
}

// unscaled reads a binary numeric as an integer of the given scale; false where it does not fit.
func unscaled(raw []byte, scale int) (int64, bool) {
	if len(raw) < 8 {
		return 0, false
	}
	digits := int(binary.BigEndian.Uint16(raw))
	weight := int(int16(binary.BigEndian.Uint16(raw[2:])))
	sign := binary.BigEndian.Uint16(raw[4:])
	if len(raw) != 8+2*digits || sign != 0 && sign != 0x4000 {
		return 0, false
	}
	// Base 10,000: digit i stands for d × 10^(4 × (weight − i)).
	var n int64
	for i := range digits {
		d := int64(binary.BigEndian.Uint16(raw[8+2*i:]))
		for exp := 4*(weight-i) + scale; exp != 0; {
			if exp > 0 {
				if d > math.MaxInt64/10 {
					return 0, false
				}
				d, exp = d*10, exp-1
			} else {
				d, exp = d/10, exp+1
			}
		}
		n += d
	}
	if sign != 0 {
		n = -n
	}
	return n, true
}

// argument gives a value as one parameter of a statement.
func argument(v model.Value) any {
	switch v.Kind() {
	case model.NullValue:
		return nil
	case model.IntValue:
		return v.Int()
	case model.FloatValue:
		return v.Float()
	case model.BoolValue:
		return v.Bool()
	case model.TimeValue:
		return v.Time()
	case model.DateValue:
		return date(v)
	case model.DecimalValue:
		return numeric(v)
	case model.BytesValue:
		return []byte(v.Text())
	}
	return v.Text()
}

// appendParameter encodes a value as a parameter of a type that the server named, and gives its format.
// What has no short binary form is sent as text.
func appendParameter(dst []byte, oid uint32, v model.Value) ([]byte, int16) {
	switch kind := v.Kind(); {
	case kind == model.NullValue:
	case kind == model.BytesValue && oid == pgtype.ByteaOID:
		return append(dst, v.Text()...), pgx.BinaryFormatCode
	case kind == model.IntValue && oid == pgtype.Int8OID:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int())), pgx.BinaryFormatCode
	case kind == model.FloatValue && oid == pgtype.Float8OID:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Float())), pgx.BinaryFormatCode
	case kind == model.TimeValue && oid == pgtype.TimestamptzOID:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int()-epochMicros)), pgx.BinaryFormatCode
	case kind == model.DateValue && oid == pgtype.DateOID:
		return binary.BigEndian.AppendUint32(dst, uint32(v.Int()-epochDays)), pgx.BinaryFormatCode
	case kind == model.StringValue && oid == pgtype.UUIDOID:
		b := uuidBytes(v.Text())
		return append(dst, b[:]...), pgx.BinaryFormatCode
	default:
		return model.AppendText(dst, v), pgx.TextFormatCode
	}
	return dst, pgx.BinaryFormatCode
}

func date(v model.Value) pgtype.Date {
	return pgtype.Date{Time: time.Unix(v.Int()*24*60*60, 0).UTC(), Valid: true}
}

func numeric(v model.Value) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(v.Int()), Exp: -int32(v.Scale()), Valid: true}
}

// array gives a column of values as one parameter, for unnest, and the type to cast it to.
func array(t *model.Type, values []model.Value) any {
	switch t.Kind {
	case model.KindInt:
		return each(values, func(v model.Value) pgtype.Int8 { return pgtype.Int8{Int64: v.Int(), Valid: true} })
	case model.KindFloat:
		return each(values, func(v model.Value) pgtype.Float8 { return pgtype.Float8{Float64: v.Float(), Valid: true} })
	case model.KindBool:
		return each(values, func(v model.Value) pgtype.Bool { return pgtype.Bool{Bool: v.Bool(), Valid: true} })
	case model.KindUUID:
		return each(values, func(v model.Value) pgtype.UUID { return pgtype.UUID{Bytes: uuidBytes(v.Text()), Valid: true} })
	case model.KindTime:
		return each(values, func(v model.Value) pgtype.Timestamptz { return pgtype.Timestamptz{Time: v.Time(), Valid: true} })
	case model.KindDate:
		return each(values, date)
	case model.KindDecimal:
		return each(values, numeric)
	case model.KindBytes:
		out := make([][]byte, len(values))
		for i, v := range values {
			if !v.IsNull() {
				out[i] = append([]byte{}, v.Text()...)
			}
		}
		return pgtype.FlatArray[[]byte](out)
	}
	return each(values, func(v model.Value) pgtype.Text { return pgtype.Text{String: v.Text(), Valid: true} })
}

// each makes an array in which null stays null: the zero value of every pgtype.
func each[T any](values []model.Value, of func(model.Value) T) pgtype.FlatArray[T] {
	out := make(pgtype.FlatArray[T], len(values))
	for i, v := range values {
		if !v.IsNull() {
			out[i] = of(v)
		}
	}
	return out
}

// arrayType names the type of array's result.
func arrayType(t *model.Type) string {
	switch t.Kind {
	case model.KindInt:
		return "bigint[]"
	case model.KindFloat:
		return "double precision[]"
	case model.KindBool:
		return "boolean[]"
	case model.KindUUID:
		return "uuid[]"
	case model.KindTime:
		return "timestamptz[]"
	case model.KindDate:
		return "date[]"
	case model.KindDecimal:
		return "numeric[]"
	case model.KindBytes:
		return "bytea[]"
	}
	return "text[]"
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
