package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// VersionToken names a state of a partition: family, partition, incarnation and version, joined by
// slashes and percent-encoded. Callers send it back as Partita-Min-Version.
func (e *Engine) VersionToken(f *model.Family, partition model.Value, version uint64) string {
	var room [128]byte
	return string(e.AppendVersionToken(room[:0], f, partition, version))
}

// AppendVersionToken appends what VersionToken gives.
func (e *Engine) AppendVersionToken(b []byte, f *model.Family, partition model.Value, version uint64) []byte {
	b = append(b, f.Name...)
	b = append(b, '/')
	b = appendEscaped(b, partition)
	b = append(b, '/')
	b = append(b, e.incarnation...)
	b = append(b, '/')
	return strconv.AppendUint(b, version, 10)
}

// appendEscaped appends a partition's text, percent-encoded only where it has to be.
func appendEscaped(b []byte, v model.Value) []byte {
	from := len(b)
	b = model.AppendText(b, v)
	for _, c := range b[from:] {
		if !plain[c] {
			return append(b[:from], url.PathEscape(string(b[from:]))...)
		}
	}
	return b
}

// plain are the characters that stand for themselves. It is a table, since a processor guesses wrong
// at digits and letters that come in any order.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	return t
}()

// minVersion reads Partita-Min-Version: one or more version tokens, separated by commas. Those of
// other partitions do not concern this request.
func (e *Engine) minVersion(header string, f *model.Family, partition model.Value) (uint64, error) {
	if header == "" {
		return 0, nil
	}
	var least uint64
	for token := range strings.SplitSeq(header, ",") {
		part := strings.Split(strings.TrimSpace(token), "/")
		if len(part) != 4 {
			return 0, badToken()
		}
		value, err := url.PathUnescape(part[1])
		if err != nil {
			return 0, badToken()
		}
		version, err := strconv.ParseUint(part[3], 10, 63)
		if err != nil {
			return 0, badToken()
		}
		if part[0] != f.Name || value != string(model.AppendText(nil, partition)) {
			continue
		}
		if part[2] != e.incarnation {
			return 0, fault.New(fault.Behind,
				"The data was restored from a backup since this version was given; drop Partita-Min-Version and read again.")
		}
		least = max(least, version)
	}
	return least, nil
}

func badToken() error {
	return &fault.Error{Code: fault.BadRequest,
		Message: "Partita-Min-Version is not a version token; send back a Partita-Version header exactly as it came.",
		Details: []fault.Detail{{Pointer: "Partita-Min-Version", Message: "Not a version token."}}}
}

// rowTag is the entity tag of one row as one pattern shows it (RFC 9110, 8.8.3).
func (e *Engine) rowTag(r *model.Read, row *model.Row) string {
	b := make([]byte, 0, 64)
	b = append(b, '"')
	b = append(b, e.incarnation...)
	b = append(b, '.')
	b = strconv.AppendUint(b, row.Version, 10)
	b = append(b, '.')
	b = append(b, r.Hash...)
	b = append(b, '"')
	return string(b)
}

// VersionTag is an entity tag that WriteRequest.IfMatch holds for while a row has this version.
func (e *Engine) VersionTag(version uint64) string {
	return `"` + e.incarnation + "." + strconv.FormatUint(version, 10) + `.row"`
}

// matches tells whether If-Match holds for a row: any tag of the row's incarnation and version
// does, whichever pattern showed it.
func (e *Engine) matches(ifMatch string, row *model.Row) bool {
	if row == nil {
		return false
	}
	for tag := range strings.SplitSeq(ifMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return true
		}
		if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			continue // weak tags never match here
		}
		part := strings.Split(tag[1:len(tag)-1], ".")
		if len(part) == 3 && part[0] == e.incarnation && part[1] == strconv.FormatUint(row.Version, 10) {
			return true
		}
	}
	return false
}

const (
	cursorMAC   = 16 // bytes of the signature
	cursorBound = 4096
)

// cursor signs the place of a row in a list. It is bound to the read, the partition, and
// everything else that makes the query.
func (e *Engine) cursor(q *ReadRequest, row *model.Row) string {
	b := make([]byte, cursorMAC, 96)
	for _, o := range q.Read.Sort {
		b = appendValue(b, row.Values[o.Field.Pos])
	}
	copy(b, e.sign(q, b[cursorMAC:]))
	return base64.RawURLEncoding.EncodeToString(b)
}

// place reads a cursor back.
func (e *Engine) place(q *ReadRequest, cursor string) ([]model.Value, error) {
	bad := func() error {
		return fault.New(fault.BadCursor,
			"The cursor is damaged or belongs to another query; start without it, and pass on next or prev exactly as they came.")
	}
	if len(cursor) > cursorBound {
		return nil, bad()
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < cursorMAC || !hmac.Equal(b[:cursorMAC], e.sign(q, b[cursorMAC:])) {
		return nil, bad()
	}
	b = b[cursorMAC:]
	values := make([]model.Value, len(q.Read.Sort))
	for i, o := range q.Read.Sort {
		var ok bool
		if values[i], b, ok = takeValue(b, o.Field.Type.Scale); !ok {
			return nil, bad()
		}
	}
	return values, nil
}

func (e *Engine) sign(q *ReadRequest, payload []byte) []byte {
	mac := hmac.New(sha256.New, e.secret)
	b := append([]byte(q.Read.Hash), 0)
	for i, v := range q.Args.Values {
		if q.Args.Given[i] {
			b = append(b, 1)
			b = appendValue(b, v)
		} else {
			b = append(b, 0)
		}
	}
	b = appendValue(b, q.From)
	b = appendValue(b, q.To)
	mac.Write(b)
	mac.Write(payload)
	return mac.Sum(nil)[:cursorMAC]
}

// appendValue appends a value so that takeValue reads it back, without regard to readability.
func appendValue(b []byte, v model.Value) []byte {
	b = append(b, byte(v.Kind()))
	switch v.Kind() {
	case model.NullValue:
	case model.StringValue, model.BytesValue, model.JSONValue:
		b = binary.AppendUvarint(b, uint64(len(v.Text())))
		b = append(b, v.Text()...)
	case model.FloatValue:
		b = binary.AppendUvarint(b, floatBits(v))
	case model.BoolValue:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	default:
		b = binary.AppendVarint(b, v.Int())
	}
	return b
}

func takeValue(b []byte, scale int) (v model.Value, rest []byte, ok bool) {
	if len(b) == 0 {
		return v, nil, false
	}
	kind := model.ValueKind(b[0])
	b = b[1:]
	switch kind {
	case model.NullValue:
		return v, b, true
	case model.StringValue, model.BytesValue, model.JSONValue:
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return v, nil, false
		}
		text := string(b[size : size+int(n)])
		b = b[size+int(n):]
		switch kind {
		case model.StringValue:
			return model.String(text), b, true
		case model.BytesValue:
			return model.Bytes(text), b, true
		}
		return model.JSON(text), b, true
	case model.FloatValue:
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return v, nil, false
		}
		return floatOf(n), b[size:], true
	case model.BoolValue:
		if len(b) == 0 {
			return v, nil, false
		}
		return model.Bool(b[0] == 1), b[1:], true
	}
	n, size := binary.Varint(b)
	if size <= 0 {
		return v, nil, false
	}
	b = b[size:]
	switch kind {
	case model.IntValue:
		return model.Int(n), b, true
	case model.TimeValue:
		return model.TimeMicro(n), b, true
	case model.DateValue:
		return model.DateDays(n), b, true
	case model.DecimalValue:
		return model.Decimal(n, uint8(scale)), b, true
	}
	return v, nil, false
}
