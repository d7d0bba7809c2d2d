package accessplan

import (
	"math"
	"strconv"

	"github.com/partita-dev/partita/model"
)

// names maps a list; nil stays nil.
func names[T, N any](list []T, name func(T) N) []N {
	var out []N
	for _, x := range list {
		out = append(out, name(x))
	}
	return out
}

func fieldName(f *model.Field) string   { return f.Name }
func entityName(e *model.Entity) string { return e.Name }
func readName(r *model.Read) string     { return r.Name }
func writeName(w *model.Write) string   { return w.Name }
func source(x *model.Expr) string       { return x.Source }

func opText(op model.Op) string {
	switch op {
	case model.OpInsert:
		return "insert"
	case model.OpUpdate:
		return "update"
	case model.OpUpsert:
		return "upsert"
	case model.OpDelete:
		return "delete"
	}
	return "read"
}

func priorityText(p model.Priority) string {
	switch p {
	case model.Bulk:
		return "bulk"
	case model.Critical:
		return "critical"
	}
	return "normal"
}

// countText writes a count in at most three digits and a letter: 40, 1.2k, 10M.
func countText(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.size {
			return digits(n/unit.size) + unit.name
		}
	}
	return digits(n)
}

// bytesText writes a size in bytes: 210 B, 10.2 KiB.
func bytesText(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1 << 40, " TiB"}, {1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}} {
		if n >= unit.size {
			return digits(n/unit.size) + unit.name
		}
	}
	return digits(n) + " B"
}

func digits(n float64) string {
	if n >= 100 || n == math.Trunc(n) {
		return strconv.FormatFloat(math.Round(n), 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
