package model

import (
	"cmp"
	"math"
	"math/bits"
	"strconv"
)

// number reads an int or a decimal without losing a digit.
func (t *Type) number(text string, exponent bool) (Value, problem) {
	scale := 0
	if t.Kind == KindDecimal {
		scale = t.Scale
	}
	n, state := parseScaled(text, scale, exponent)
	switch {
	case t.Kind == KindInt && state == exact:
		return Int(n), problem{}
	case t.Kind == KindInt && state == tooLarge:
		return Null, outside("must be an integer of at most 64 bits")
	case t.Kind == KindInt:
		return Null, invalid("must be an integer, such as 42")
	case state == notNumber:
		return Null, invalid("must be a decimal number, such as " + string(AppendText(nil, Decimal(1, uint8(t.Scale)))))
	case state == tooFine:
		return Null, outside("must have at most " + strconv.Itoa(t.Scale) + " digits behind the point")
	case state == tooLarge:
		return Null, t.digits(math.MaxInt64)
	}
	return Decimal(n, uint8(t.Scale)), t.digits(n)
}

// digits bounds the digits of a decimal's unscaled part.
func (t *Type) digits(n int64) problem {
	limit := int64(1)
	for range min(t.Precision, 18) {
		limit *= 10
	}
	if n <= -limit || n >= limit {
		return outside("must have at most " + strconv.Itoa(t.Precision-t.Scale) + " digits before the point")
	}
	return problem{}
}

type numberState uint8

const (
	exact numberState = iota
	notNumber
	tooFine  // more digits behind the point than the scale holds
	tooLarge // beyond 64 bits
)

// parseScaled reads a number by the grammar of JSON and gives number × 10^scale, exactly.
func parseScaled(s string, scale int, exponent bool) (int64, numberState) {
	form, ok := scanNumber(s)
	if !ok || form.exponent != "" && !exponent {
		return 0, notNumber
	}
	// Leading and trailing zeros of the digits carry no meaning once the exponent is known.
	shift := scale - len(form.fraction) + clampExponent(form.exponent)
	digits := len(form.whole) + len(form.fraction)
	at := func(i int) byte {
		if i < len(form.whole) {
			return form.whole[i]
		}
		return form.fraction[i-len(form.whole)]
	}
	first := 0
	for first < digits && at(first) == '0' {
		first++
	}
	if first == digits {
		return 0, exact
	}
	for at(digits-1) == '0' {
		digits--
		shift++
	}
	if shift < 0 {
		return 0, tooFine
	}
	if digits-first+shift > 19 {
		return 0, tooLarge
	}
	var n uint64
	for i := range digits - first + shift {
		d := uint64(0)
		if first+i < digits {
			d = uint64(at(first+i) - '0')
		}
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, d, 0)
		if hi != 0 || carry != 0 {
			return 0, tooLarge
		}
		n = sum
	}
	switch {
	case form.negative && n <= 1<<63:
		return -int64(n), exact
	case !form.negative && n <= math.MaxInt64:
		return int64(n), exact
	}
	return 0, tooLarge
}

// numberForm is a number taken apart.
type numberForm struct {
	negative                  bool
	whole, fraction, exponent string // exponent with its sign; "" for none
}

// scanNumber takes a number apart by the grammar of JSON (RFC 8259).
func scanNumber(s string) (f numberForm, ok bool) {
	if s != "" && s[0] == '-' {
		f.negative = true
		s = s[1:]
	}
	f.whole, s = cutDigits(s)
	if f.whole == "" || len(f.whole) > 1 && f.whole[0] == '0' {
		return f, false
	}
	if s != "" && s[0] == '.' {
		if f.fraction, s = cutDigits(s[1:]); f.fraction == "" {
			return f, false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		f.exponent = s[1:]
		rest := s[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		var digits string
		if digits, s = cutDigits(rest); digits == "" {
			return f, false
		}
	}
	return f, s == ""
}

func cutDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

// clampExponent reads an exponent; beyond a million the size no longer matters.
func clampExponent(s string) int {
	const most = 1_000_000
	if s == "" {
		return 0
	}
	negative := s[0] == '-'
	n := 0
	for i := range len(s) {
		if c := s[i]; '0' <= c && c <= '9' {
			n = min(n*10+int(c-'0'), most)
		}
	}
	if negative {
		return -n
	}
	return n
}

func parseFloat(text string) (Value, problem) {
	if _, ok := scanNumber(text); !ok {
		return Null, invalid("must be a number, such as 1.5")
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Null, outside("must be a number that fits in 64 bits")
	}
	return Float(n), problem{}
}

// compareDecimal compares two decimals, of one scale or of two.
func compareDecimal(a, b Value) int {
	if a.scale == b.scale || a.n == 0 || b.n == 0 || (a.n < 0) != (b.n < 0) {
		return cmp.Compare(a.n, b.n)
	}
	if a.scale > b.scale {
		return -compareDecimal(b, a)
	}
	// a has fewer digits behind the point: widen it, to 128 bits.
	hi, lo := uint64(0), magnitude(a.n)
	for range b.scale - a.scale {
		carry, low := bits.Mul64(lo, 10)
		if over, _ := bits.Mul64(hi, 10); over != 0 {
			return sign(a.n) // far beyond 64 bits
		}
		hi, lo = hi*10+carry, low
	}
	if hi != 0 {
		return sign(a.n)
	}
	return sign(a.n) * cmp.Compare(lo, magnitude(b.n))
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func sign(n int64) int { return cmp.Compare(n, 0) }
