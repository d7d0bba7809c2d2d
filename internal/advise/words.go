package advise

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/partita-dev/partita/model"
)

// share writes a part of a whole.
func share(x float64) string {
	switch {
	case x > 0.995 && x < 1:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", math.Min(x*100, 99.99)), "0") + " %"
	case x < 0.1 && x > 0:
		return fmt.Sprintf("%.2g %%", x*100)
	}
	return fmt.Sprintf("%.0f %%", x*100)
}

// length writes seconds as a model does: 1h30m, 15s, 250ms.
func length(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(time.Millisecond)
	switch {
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	}
	return model.DurationText(d)
}

// short writes a short time.
func short(s float64) string {
	switch {
	case s >= 1:
		return fmt.Sprintf("%.2gs", s)
	case s >= 0.001:
		return fmt.Sprintf("%.3gms", s*1e3)
	}
	return fmt.Sprintf("%.3gµs", s*1e6)
}

// count writes a number with its thousands apart.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func few(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.2g", n)
	}
	return count(n)
}

// many writes a number of things.
func many(n float64, one, more string) string {
	if math.Round(n) == 1 {
		return "1 " + one
	}
	return count(n) + " " + more
}

// bytes writes a size.
func bytes(n float64) string {
	unit := "bytes"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n < 1024 {
			break
		}
		n, unit = n/1024, u
	}
	return fmt.Sprintf("%.3g %s", n, unit)
}
