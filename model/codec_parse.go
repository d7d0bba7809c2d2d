package model

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxJSONDepth bounds how deep the objects and arrays of a json field may nest.
const MaxJSONDepth = 64

// parse reads the text form of a type into its canonical value.
func (t *Type) parse(text string) (Value, problem) {
	switch t.Kind {
	case KindInt:
		return t.number(text, false)
	case KindDecimal:
		return t.number(text, false)
	case KindFloat:
		return parseFloat(text)
	case KindBool:
		switch text {
		case "true":
			return Bool(true), problem{}
		case "false":
			return Bool(false), problem{}
		}
		return Null, invalid("must be true or false")
	case KindTime:
		return parseTime(text)
	case KindDate:
		return parseDate(text)
	case KindBytes:
		return t.parseBytes(text)
	case KindJSON:
		return t.parseJSON([]byte(text))
	case KindUUID:
		return parseUUID(text)
	}
	return String(text), t.characters(text)
}

// decode reads a well-formed JSON value into the canonical value of a type.
func (t *Type) decode(raw []byte) (Value, problem) {
	if len(raw) == 0 {
		return Null, invalid("must have a value")
	}
	if raw[0] == 'n' {
		if t.Null {
			return Null, problem{}
		}
		return Null, invalid("must not be null")
	}
	if t.Kind == KindJSON {
		return t.parseJSON(raw)
	}
	switch c := raw[0]; {
	case c == '"':
		switch t.Kind {
		case KindInt, KindFloat, KindBool:
			return Null, invalid("must be " + t.wanted() + ", not a string")
		}
		text, ok := unquote(raw)
		if !ok {
			return Null, invalid("must be text in UTF-8")
		}
		return t.parse(text)
	case c == '-' || '0' <= c && c <= '9':
		switch t.Kind {
		case KindInt, KindDecimal:
			return t.number(string(raw), true)
		case KindFloat:
			return parseFloat(string(raw))
		}
		return Null, invalid("must be " + t.wanted() + ", not a number")
	case c == 't' || c == 'f':
		if t.Kind == KindBool {
			return Bool(c == 't'), problem{}
		}
		return Null, invalid("must be " + t.wanted() + ", not a boolean")
	case c == '[':
		return Null, invalid("must be " + t.wanted() + ", not an array")
	}
	return Null, invalid("must be " + t.wanted() + ", not an object")
}

// wanted names the JSON form of a type, with its article.
func (t *Type) wanted() string {
	switch t.Kind {
	case KindInt:
		return "an integer"
	case KindFloat:
		return "a number"
	case KindBool:
		return "a boolean"
	case KindUUID:
		return "a uuid in a string"
	case KindTime:
		return "a time in a string"
	case KindDate:
		return "a date in a string"
	case KindBytes:
		return "a string in base64"
	case KindDecimal:
		return "a decimal number in a string"
	case KindEmail:
		return "an email address in a string"
	case KindURL:
		return "a URL in a string"
	}
	return "a string"
}

// unquote gives the characters of a JSON string.
func unquote(raw []byte) (string, bool) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return string(b), err == nil
}

// holds tells whether v is a canonical value of the type.
func (t *Type) holds(v Value) problem {
	if v.IsNull() {
		if t.Null {
			return problem{}
		}
		return invalid("must not be null")
	}
	if v.kind != t.valueKind() {
		return invalid("must be " + t.wanted())
	}
	switch t.Kind {
	case KindUUID:
		if !canonicalUUID(v.s) {
			return invalid(uuidForm)
		}
	case KindTime:
		if v.n < minTime || v.n > maxTime {
			return outside("must be a time in the years 0 to 9999")
		}
	case KindDate:
		if v.n < minDate || v.n > maxDate {
			return outside("must be a date in the years 0 to 9999")
		}
	case KindDecimal:
		if int(v.scale) != t.Scale {
			return invalid("must have " + strconv.Itoa(t.Scale) + " digits behind the point")
		}
		return t.digits(v.n)
	case KindBytes, KindJSON:
		return t.size(v.s)
	case KindString, KindText, KindEmail, KindURL, KindEnum:
		return t.characters(v.s)
	}
	return problem{}
}

// valueKind gives the kind of the values of a type.
func (t *Type) valueKind() ValueKind {
	switch t.Kind {
	case KindInt:
		return IntValue
	case KindFloat:
		return FloatValue
	case KindBool:
		return BoolValue
	case KindTime:
		return TimeValue
	case KindDate:
		return DateValue
	case KindBytes:
		return BytesValue
	case KindJSON:
		return JSONValue
	case KindDecimal:
		return DecimalValue
	}
	return StringValue
}

// characters checks the text of a string, text, email, url or enum.
func (t *Type) characters(s string) problem {
	if t.Kind == KindEnum {
		if slices.Contains(t.Enum, s) {
			return problem{}
		}
		return invalid("must be one of " + strings.Join(t.Enum, ", "))
	}
	if !utf8.ValidString(s) {
		return invalid("must be text in UTF-8")
	}
	if strings.IndexByte(s, 0) >= 0 {
		return invalid("must not contain the NUL character")
	}
	switch t.Kind {
	case KindEmail:
		if !validEmail(s) {
			return invalid("must be an email address, such as ada@example.org")
		}
		return t.size(s)
	case KindURL:
		if !validURL(s) {
			return invalid("must be a whole http or https URL, such as https://example.org/a")
		}
		return t.size(s)
	}
	if t.Size > 0 && len(s) > t.Size && utf8.RuneCountInString(s) > t.Size {
		return outside("must have at most " + strconv.Itoa(t.Size) + " characters")
	}
	return problem{}
}

// size bounds the bytes of a value.
func (t *Type) size(s string) problem {
	if t.Size > 0 && len(s) > t.Size {
		return outside("must have at most " + strconv.Itoa(t.Size) + " bytes")
	}
	return problem{}
}

func (t *Type) parseBytes(text string) (Value, problem) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return Null, invalid("must be bytes in base64, with padding")
	}
	return Bytes(string(b)), t.size(string(b))
}

func (t *Type) parseJSON(raw []byte) (Value, problem) {
	// A copy, because compacting works in place. Duplicate names are refused by the check of
	// validity and would not be by compacting.
	b := jsontext.Value(bytes.Clone(raw))
	if depthOver(b, MaxJSONDepth) {
		return Null, outside("must not nest deeper than " + strconv.Itoa(MaxJSONDepth) + " levels")
	}
	if !b.IsValid() || b.Compact() != nil {
		return Null, invalid("must be valid JSON without duplicate names")
	}
	if b[0] == 'n' {
		if t.Null {
			return Null, problem{}
		}
		return Null, invalid("must not be null")
	}
	return JSON(string(b)), t.size(string(b))
}

// depthOver tells whether raw nests deeper than most, without recursion. On text that is not JSON
// the answer means nothing, and does no harm.
func depthOver(raw []byte, most int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

const (
	minDate = -719528 // 0000-01-01
	maxDate = 2932896 // 9999-12-31

	microsPerDay = 24 * 60 * 60 * 1_000_000
	minTime      = minDate * microsPerDay
	maxTime      = (maxDate+1)*microsPerDay - 1
)

func parseTime(text string) (Value, problem) {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return Null, invalid("must be a time by RFC 3339, such as 2026-05-01T12:30:00Z")
	}
	n := t.UnixMicro()
	if n < minTime || n > maxTime {
		return Null, outside("must be a time in the years 0 to 9999")
	}
	return TimeMicro(n), problem{}
}

func parseDate(text string) (Value, problem) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Null, invalid("must be a date, such as 2026-05-01")
	}
	return DateDays(dayOf(t.UnixMicro())), problem{}
}

// dayOf gives the day, since the Unix epoch in UTC, of a time in microseconds.
func dayOf(micro int64) int64 {
	day := micro / microsPerDay
	if micro%microsPerDay < 0 {
		day--
	}
	return day
}
