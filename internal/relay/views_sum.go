package relay

import (
	"math"
	"math/big"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// sumBits holds every sum of 2^64 floats or integers without rounding: from the smallest bit of a
// float64 to its largest, and 64 for the carry.
const sumBits = 2304

// sum adds numbers of one field exactly, so that what is added and taken away again leaves nothing
// behind, in whatever order. Integers and decimals go in as unscaled integers. The zero sum is ready.
type sum struct {
	total  big.Float
	values int64 // how many; a null is none
}

func newSum() *sum {
	s := &sum{}
	s.total.SetPrec(sumBits)
	return s
}

// parseSum reads what text wrote.
func parseSum(text string, values int64) (*sum, error) {
	s := newSum()
	s.values = values
	if _, _, err := s.total.Parse(text, 0); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "A view's own books are damaged.")
	}
	return s, nil
}

// text gives the exact total.
func (s *sum) text() string { return s.total.Text('p', 0) }

// add adds a value, times 1 or -1.
func (s *sum) add(v model.Value, sign int64) {
	if v.IsNull() {
		return
	}
	var x big.Float
	x.SetPrec(sumBits)
	if v.Kind() == model.FloatValue {
		x.SetFloat64(v.Float())
	} else {
		x.SetInt64(v.Int())
	}
	s.values += sign
	if sign < 0 {
		s.total.Sub(&s.total, &x)
	} else {
		s.total.Add(&s.total, &x)
	}
}

func (s *sum) join(other *sum) {
	s.total.Add(&s.total, &other.total)
	s.values += other.values
}

func (s *sum) take(other *sum) {
	s.total.Sub(&s.total, &other.total)
	s.values -= other.values
}

func (s *sum) none() bool { return s.values == 0 && s.total.Sign() == 0 }

// value gives the total as a field of type t shows it. What the type cannot hold stands at its bound.
func (s *sum) value(t *model.Type) model.Value {
	switch t.Kind {
	case model.KindFloat:
		return model.Float(within(&s.total))
	case model.KindDecimal:
		bound := int64(math.Pow10(t.Precision)) - 1
		n, _ := s.total.Int64() // the nearest bound of 64 bits where it lies outside
		return model.Decimal(max(-bound, min(bound, n)), uint8(t.Scale))
	}
	n, _ := s.total.Int64()
	return model.Int(n)
}

// mean gives the total by the number of values; 0 where there is none. scale is that of the values.
func (s *sum) mean(scale int) model.Value {
	if s.values == 0 {
		return model.Float(0)
	}
	var divisor, quotient big.Float
	divisor.SetPrec(sumBits).SetInt64(s.values)
	for range scale {
		divisor.Mul(&divisor, big.NewFloat(10))
	}
	quotient.SetPrec(sumBits).Quo(&s.total, &divisor)
	return model.Float(within(&quotient))
}

// within rounds to the nearest float64 that is finite.
func within(x *big.Float) float64 {
	f, _ := x.Float64()
	return max(-math.MaxFloat64, min(math.MaxFloat64, f))
}
