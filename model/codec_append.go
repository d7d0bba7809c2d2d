package model

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendText appends the canonical text of v: the form that Parse reads back; "" for null, so where
// null and the empty string must differ the caller marks null himself.
func AppendText(dst []byte, v Value) []byte {
	switch v.kind {
	case BoolValue:
		return strconv.AppendBool(dst, v.n != 0)
	case IntValue:
		return strconv.AppendInt(dst, v.n, 10)
	case FloatValue:
		return appendFloat(dst, math.Float64frombits(uint64(v.n)))
	case StringValue, JSONValue:
		return append(dst, v.s...)
	case BytesValue:
		return appendBase64(dst, v.s)
	case TimeValue:
		return appendTime(dst, v.n)
	case DateValue:
		return appendDate(dst, v.n)
	case DecimalValue:
		return appendDecimal(dst, v)
	}
	return dst
}

// AppendJSON appends v as JSON. Numbers keep their digits; a decimal is a JSON string. Text that is
// not UTF-8 comes out with replacement characters.
func AppendJSON(dst []byte, v Value) []byte {
	switch v.kind {
	case NullValue:
		return append(dst, "null"...)
	case StringValue:
		return appendQuoted(dst, v.s)
	case BytesValue, TimeValue, DateValue, DecimalValue:
		dst = append(dst, '"')
		dst = AppendText(dst, v)
		return append(dst, '"')
	}
	return AppendText(dst, v)
}

// AppendRow appends the row as a JSON object of the given fields, in their order.
func AppendRow(dst []byte, fields []*Field, row *Row) []byte {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		// Names are lower_snake: nothing in them needs an escape.
		dst = append(dst, '"')
		dst = append(dst, f.Name...)
		dst = append(dst, '"', ':')
		dst = AppendJSON(dst, row.Values[f.Pos])
	}
	return append(dst, '}')
}

// plain tells which bytes stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendFloat writes the shortest digits that give the same number back, as browsers do.
func appendFloat(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func appendBase64(dst []byte, s string) []byte {
	for len(s) > 0 {
		// Chunks of three bytes or a multiple of it join without padding.
		var chunk [48]byte
		n := copy(chunk[:], s)
		dst = base64.StdEncoding.AppendEncode(dst, chunk[:n])
		s = s[n:]
	}
	return dst
}

func appendDecimal(dst []byte, v Value) []byte {
	if v.n < 0 {
		dst = append(dst, '-')
	}
	var room [24]byte
	digits := strconv.AppendUint(room[:0], magnitude(v.n), 10)
	scale := int(v.scale)
	if len(digits) <= scale {
		dst = append(dst, '0')
	} else {
		dst = append(dst, digits[:len(digits)-scale]...)
		digits = digits[len(digits)-scale:]
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendTime writes RFC 3339 in UTC, with as many digits of the microseconds as are needed.
func appendTime(dst []byte, micro int64) []byte {
	day := dayOf(micro)
	rest := micro - day*microsPerDay
	dst = appendDate(dst, day)
	seconds, fraction := int(rest/1_000_000), int(rest%1_000_000)
	dst = append(dst, 'T')
	dst = append2(dst, seconds/3600)
	dst = append(dst, ':')
	dst = append2(dst, seconds/60%60)
	dst = append(dst, ':')
	dst = append2(dst, seconds%60)
	if fraction != 0 {
		dst = append(dst, '.')
		for place := 100_000; fraction != 0; place /= 10 {
			dst = append(dst, byte('0'+fraction/place))
			fraction %= place
		}
	}
	return append(dst, 'Z')
}

func appendDate(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	if year < 0 || year > 9999 {
		dst = strconv.AppendInt(dst, year, 10)
	} else {
		dst = append2(dst, int(year/100))
		dst = append2(dst, int(year%100))
	}
	dst = append(dst, '-')
	dst = append2(dst, month)
	dst = append(dst, '-')
	return append2(dst, day)
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// civil gives the date of a day since the Unix epoch, in the Gregorian calendar carried backwards.
// It counts in eras of 400 years that begin on 1 March, so that a leap day ends its year.
func civil(days int64) (year int64, month, day int) {
	const perEra = 146097
	days += 719468 // since 0000-03-01
	era := days / perEra
	if days%perEra < 0 {
		era--
	}
	d := days - era*perEra
	y := (d - d/1460 + d/36524 - d/146096) / 365
	d -= 365*y + y/4 - y/100
	m := (5*d + 2) / 153
	day = int(d-(153*m+2)/5) + 1
	month = int(m) + 3
	if month > 12 {
		month -= 12
		y++
	}
	return era*400 + y, month, day
}
