package model

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that every machine knows the same zones
)

// schedules reads what happens by the clock.
func (k *compiler) schedules() {
	for _, p := range k.section("schedules", "schedule") {
		what := quoted("schedule", p.key)
		m, ok := k.mapping(p.value, what, "every zone emit")
		if !ok {
			continue
		}
		s := &Schedule{Name: p.key, Zone: "UTC"}
		for _, key := range []string{"every", "emit"} {
			if m.missing(key) {
				k.refuse(p.spot, "%s has no `%s`", what, key).fix(`write {every: "0 3 * * *", zone: UTC, emit: EVENT}`)
			}
		}
		if n := m.get("every"); n != nil {
			if text, ok := k.scalar(n, what+": every"); ok {
				s.Every = text
				if reason := cronFault(text); reason != "" {
					k.refuse(n.spot, "%s: every is %q: %s", what, cut(text), reason).
						fix("write five fields: minute hour day month weekday, such as \"0 3 * * *\" for 3 o'clock every night")
				}
			}
		}
		if n := m.get("zone"); n != nil {
			if text, ok := k.scalar(n, what+": zone"); ok {
				s.Zone = text
				if !isZone(text) {
					k.refuse(n.spot, "%s: zone is %q, which is no time zone", what, cut(text)).fix("write UTC, or a name such as Europe/Berlin")
				}
			}
		}
		if n := m.get("emit"); n != nil {
			s.Emit = k.event(n, what+" emits")
			if s.Emit != nil && s.Emit.Family != nil {
				k.refuse(n.spot, "%s emits %q, which writes emit too", what, s.Emit.Name).
					why("a schedule has no partition, and no row to take the event's data from").fix("make an event of its own for the schedule")
			}
		}
		k.m.Schedules = append(k.m.Schedules, s)
	}
}

// isZone tells whether a name is one of the time zone database, which the program brings along.
func isZone(name string) bool {
	if name == "UTC" {
		return true
	}
	_, err := time.LoadLocation(name)
	area, place, ok := strings.Cut(name, "/")
	return err == nil && ok && area != "" && place != ""
}

// cronFault says what is wrong with a cron line of five fields; "" if nothing is.
func cronFault(line string) string {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return "a line of five fields is wanted"
	}
	bounds := [...]struct {
		name      string
		low, high int
		words     string
	}{
		{"minute", 0, 59, ""}, {"hour", 0, 23, ""}, {"day", 1, 31, ""}, {"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
		{"weekday", 0, 7, "sun mon tue wed thu fri sat"},
	}
	for i, f := range fields {
		b := bounds[i]
		for part := range strings.SplitSeq(f, ",") {
			span, step, stepped := strings.Cut(part, "/")
			if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > b.high) {
				return "the step of the " + b.name + " is wrong"
			}
			if span == "*" {
				continue
			}
			from, to, ranged := strings.Cut(span, "-")
			low, ok1 := cronValue(from, b.low, b.high, b.words)
			high, ok2 := low, ok1
			if ranged {
				high, ok2 = cronValue(to, b.low, b.high, b.words)
			}
			if !ok1 || !ok2 || low > high {
				return "the " + b.name + " must be from " + strconv.Itoa(b.low) + " to " + strconv.Itoa(b.high)
			}
		}
	}
	return ""
}

func cronValue(s string, low, high int, names string) (int, bool) {
	for i, w := range strings.Fields(names) {
		if strings.EqualFold(w, s) {
			return i + low, true
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= low && n <= high
}
