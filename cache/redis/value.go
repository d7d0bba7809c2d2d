package redis

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/partita-dev/partita/cache"
)

// headRoom is more than the first line of a value ever takes.
const headRoom = 64

// encode writes an answer as a value, or that it is too large to be one.
func encode(a *cache.Answer, born int64, bound int) []byte {
	flags := 0
	if a.Found {
		flags |= flagFound
	}
	large := headRoom+len(a.ETag)+len(a.Body) > bound
	if large {
		flags |= flagLarge
	}
	b := make([]byte, 0, headRoom+len(a.ETag)+len(a.Body))
	b = append(b, format...)
	for _, n := range []int64{int64(a.Version), born, int64(flags), int64(len(a.ETag))} {
		b = append(b, ' ')
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, '\n')
	if large {
		return b
	}
	b = append(b, a.ETag...)
	return append(b, a.Body...)
}

var errValue = errors.New("redis: a value that is none of ours")

// decode reads a value back. Its time is left for the caller.
func decode(b []byte) (a *cache.Answer, born int64, err error) {
	head, rest, ok := bytes.Cut(b, []byte{'\n'})
	fields := bytes.Fields(head)
	if !ok || len(fields) != 5 || string(fields[0]) != format {
		return nil, 0, errValue
	}
	var n [4]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(string(fields[i+1]), 10, 64); err != nil || n[i] < 0 {
			return nil, 0, errValue
		}
	}
	if n[2]&flagLarge != 0 || n[3] > int64(len(rest)) {
		return nil, 0, errValue
	}
	a = &cache.Answer{Found: n[2]&flagFound != 0, Version: uint64(n[0]), ETag: string(rest[:n[3]])}
	if body := rest[n[3]:]; a.Found {
		a.Body = body
	}
	return a, n[1], nil
}

// in gives a duration in a unit, as the scripts take it. What is not whole is cut off, so that a bound
// is rather too tight; nothing is younger than a negative one.
func in(unit, d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return strconv.FormatInt(int64(d/unit), 10)
}
