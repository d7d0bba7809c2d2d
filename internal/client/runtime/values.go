package runtime

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Date is a day, such as 2026-01-31.
type Date string

// Decimal is a decimal number with its digits as they are, such as 12.50.
type Decimal string

// Opt is a value that may be left out. The zero value leaves it out: an update keeps what is there,
// an insert takes the default.
type Opt[T any] struct {
	value T
	state uint8 // 0 left out, 1 null, 2 given
}

// Some gives a value.
func Some[T any](value T) Opt[T] { return Opt[T]{value, 2} }

// Null clears a field that may be null.
func Null[T any]() Opt[T] { return Opt[T]{state: 1} }

// IsZero tells whether it is left out.
func (o Opt[T]) IsZero() bool { return o.state == 0 }

// MarshalJSON writes the value, or null.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if o.state != 2 {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// put adds a parameter to a query, where it is given. Null asks for rows without a value.
func put[T any](q map[string][]string, name string, o Opt[T]) {
	switch o.state {
	case 1:
		q[name] = []string{""}
	case 2:
		q[name] = []string{text(o.value)}
	}
}

// text writes a value as it stands in an address.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return fmt.Sprint(value) // bool, Date, Decimal, and the names of enumerations
}
