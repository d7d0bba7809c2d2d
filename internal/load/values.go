package load

import (
	"encoding/hex"
	"math"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/model"
)

// mix is one step of splitmix64: it spreads a number over all bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash makes one number of several.
func hash(parts ...uint64) uint64 {
	h := uint64(0x5bd1e995)
	for _, p := range parts {
		h = mix(h ^ p)
	}
	return h
}

// Ranges that whole numbers are drawn from. What has a default is taken for a balance or a counter,
// and is large, what is given anew for an amount, and small: so a guard that compares them holds
// more often than not.
const (
	largest  = 1_000_000
	smallest = 100
)

// value draws a value that the field takes; h decides which.
func value(f *model.Field, h uint64, now time.Time) model.Value {
	t := &f.Type
	switch t.Kind {
	case model.KindInt:
		return model.Int(whole(f, h))
	case model.KindDecimal:
		most := int64(math.Pow10(min(t.Precision, 9))) - 1
		n := within(int64(h%uint64(most+1)), bound(f.Min, -most, t.Scale), bound(f.Max, most, t.Scale))
		return model.Decimal(n, uint8(t.Scale))
	case model.KindFloat:
		x := float64(h%1_000_000) / 1000
		if !f.Min.IsNull() {
			x = max(x, f.Min.Float())
		}
		if !f.Max.IsNull() {
			x = min(x, f.Max.Float())
		}
		return model.Float(x)
	case model.KindBool:
		return model.Bool(h&1 == 1)
	case model.KindUUID:
		return model.String(uuid(h))
	case model.KindTime:
		back := time.Duration(h % uint64(30*24*time.Hour))
		return model.TimeMicro(within(now.Add(-back).UnixMicro(), bound(f.Min, math.MinInt64, 0), bound(f.Max, math.MaxInt64, 0)))
	case model.KindDate:
		day := now.Unix()/86400 - int64(h%30)
		return model.DateDays(within(day, bound(f.Min, math.MinInt64, 0), bound(f.Max, math.MaxInt64, 0)))
	case model.KindBytes:
		text := letters(h, 32)
		return model.Bytes(text[:min(len(text), max(1, t.Size))])
	case model.KindJSON:
		return model.JSON(`{"n":` + strconv.FormatUint(h%1000, 10) + `}`)
	case model.KindEmail:
		return model.String(letters(h, 12) + "@example.com")
	case model.KindURL:
		return model.String("https://example.com/" + letters(h, 12))
	case model.KindEnum:
		return model.String(t.Enum[h%uint64(len(t.Enum))])
	}
	return model.String(text(f, h))
}

func whole(f *model.Field, h uint64) int64 {
	n := 1 + int64(h%smallest)
	if f.Default == model.DefaultLiteral {
		n = largest/2 + int64(h%(largest/2))
	}
	return within(n, bound(f.Min, math.MinInt64, 0), bound(f.Max, math.MaxInt64, 0))
}

// bound gives a field's bound as a whole number of its smallest unit.
func bound(v model.Value, otherwise int64, scale int) int64 {
	switch v.Kind() {
	case model.NullValue:
		return otherwise
	case model.DecimalValue:
		return v.Int() * int64(math.Pow10(max(0, scale-int(v.Scale()))))
	case model.IntValue:
		return v.Int() * int64(math.Pow10(scale))
	}
	return v.Int()
}

func within(n, low, high int64) int64 { return max(low, min(n, high)) }

// uuid makes a random-looking UUID of version 4.
func uuid(h uint64) string {
	var b [16]byte
	for i, half := range [2]uint64{mix(h), mix(h ^ 0xabcdef)} {
		for k := range 8 {
			b[8*i+k] = byte(half >> (8 * k))
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var t [36]byte
	hex.Encode(t[:8], b[:4])
	hex.Encode(t[9:13], b[4:6])
	hex.Encode(t[14:18], b[6:8])
	hex.Encode(t[19:23], b[8:10])
	hex.Encode(t[24:], b[10:])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	return string(t[:])
}

// letters makes n lower-case letters.
func letters(h uint64, n int) string {
	b := make([]byte, n)
	for i := range b {
		if i%12 == 0 {
			h = mix(h)
		}
		b[i] = 'a' + byte(h%26)
		h /= 26
	}
	return string(b)
}

// text makes a text that the field takes: of a length that people write, and by the field's pattern.
func text(f *model.Field, h uint64) string {
	size := f.Type.Size
	if size <= 0 {
		size = 40
	}
	if f.Pattern == nil {
		return letters(h, min(size, 12+int(h%29)))
	}
	parsed, err := syntax.Parse(f.Pattern.String(), syntax.Perl)
	if err != nil {
		return letters(h, min(size, 12))
	}
	m := matching{h: h}
	m.write(parsed.Simplify())
	return m.b.String()
}

// matching writes a text that a regular expression matches.
type matching struct {
	b strings.Builder
	h uint64
}

func (m *matching) choose(n int) int {
	m.h = mix(m.h)
	return int(m.h % uint64(n))
}

func (m *matching) write(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		m.b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		m.class(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		m.b.WriteByte('a' + byte(m.choose(26)))
	case syntax.OpCapture, syntax.OpPlus:
		m.write(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		if m.choose(2) == 1 {
			m.write(re.Sub[0])
		}
	case syntax.OpAlternate:
		m.write(re.Sub[m.choose(len(re.Sub))])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			m.write(sub)
		}
	case syntax.OpRepeat:
		for range max(re.Min, 1) {
			m.write(re.Sub[0])
		}
	}
}

// class picks a sign of a character class, a plain one where it has any.
func (m *matching) class(pairs []rune) {
	var plain []rune
	for c := '0'; c <= 'z'; c++ {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] <= c && c <= pairs[i+1] && (c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a') {
				plain = append(plain, c)
			}
		}
	}
	switch {
	case len(plain) > 0:
		m.b.WriteRune(plain[m.choose(len(plain))])
	case len(pairs) > 0:
		m.b.WriteRune(pairs[0])
	}
}
