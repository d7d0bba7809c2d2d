package model

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	durationForm = regexp.MustCompile(`^(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d))+$`)
	durationPart = regexp.MustCompile(`(\d+(?:\.\d+)?)(ms|s|m|h|d)`)
	countForm    = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,6})?)(k|M|G)?$`)
	rateForm     = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,6})?)(k|M|G)?/(s|m|h|d)$`)
	sizeForm     = regexp.MustCompile(`^(\d{1,12})(KiB|MiB|GiB)?$`)
	percentForm  = regexp.MustCompile(`^(\d{1,3}(?:\.\d{1,6})?)%$`)

	perUnit = map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}
	times = map[string]float64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
)

const longest = 100 * 365 * 24 * time.Hour // of a duration

// duration reads 500ms, 10s, 5m, 1h30m or 90d; zero as 0.
func (c *complaints) duration(n *node, what string) (time.Duration, bool) {
	text, ok := c.scalar(n, what)
	if !ok {
		return 0, false
	}
	if text == "0" {
		return 0, true
	}
	if len(text) > 60 || !durationForm.MatchString(text) {
		c.refuse(n.spot, "%s is %q, which is no duration", what, cut(text)).fix("write a number and its unit: 500ms, 10s, 5m, 2h, 90d")
		return 0, false
	}
	d := 0.0
	for _, m := range durationPart.FindAllStringSubmatch(text, -1) {
		d += number(m[1]) * float64(perUnit[m[2]])
	}
	if d > float64(longest) {
		c.refuse(n.spot, "%s is longer than 100 years", what).fix("write a shorter duration")
		return 0, false
	}
	return time.Duration(math.Round(d)), true
}

// count reads 40, 5k or 10M.
func (c *complaints) count(n *node, what string) (float64, bool) {
	text, ok := c.scalar(n, what)
	if !ok {
		return 0, false
	}
	m := countForm.FindStringSubmatch(text)
	if m == nil || number(m[1]) == 0 {
		c.refuse(n.spot, "%s is %q, which is no count", what, cut(text)).fix("write a number above 0: 40, 5k, 10M")
		return 0, false
	}
	return number(m[1]) * times[m[2]], true
}

// rate reads 800/s or 5k/s, and gives it per second; 0 where it is none.
func (c *complaints) rate(n *node, what string) float64 {
	text, ok := c.scalar(n, what)
	if !ok {
		return 0
	}
	m := rateForm.FindStringSubmatch(text)
	if m == nil || number(m[1]) == 0 {
		c.refuse(n.spot, "%s is %q, which is no rate", what, cut(text)).fix("write a number above 0 and what it is per: 800/s, 5k/s, 10/m")
		return 0
	}
	return number(m[1]) * times[m[2]] / perUnit[m[3]].Seconds()
}

// whole reads a whole number within bounds.
func (c *complaints) whole(n *node, what string, low, high int) (int, bool) {
	text, ok := c.scalar(n, what)
	if !ok {
		return 0, false
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < low || v > high {
		c.refuse(n.spot, "%s is %q", what, cut(text)).fix("write a whole number from %d to %d", low, high)
		return 0, false
	}
	return v, true
}

// truth reads true or false.
func (c *complaints) truth(n *node, what string) (value, ok bool) {
	text, ok := c.scalar(n, what)
	if !ok {
		return false, false
	}
	if text != "true" && text != "false" {
		c.refuse(n.spot, "%s is %q", what, cut(text)).fix("write true or false")
		return false, false
	}
	return text == "true", true
}

// choice reads one of a few words.
func (c *complaints) choice(n *node, what string, among ...string) (int, bool) {
	text, ok := c.scalar(n, what)
	if !ok {
		return 0, false
	}
	for i, word := range among {
		if text == word {
			return i, true
		}
	}
	c.refuse(n.spot, "%s is %q", what, cut(text)).fix("write %s", strings.Join(among, " or "))
	return 0, false
}

func number(digits string) float64 {
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0
	}
	return f
}
