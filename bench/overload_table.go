package main

import (
	"fmt"
	"strings"
	"time"
)

// overloadTable is what became of one server.
type overloadTable struct {
	name string
	peak overloaded // in a closed loop
	rows []overloaded
}

// promised is what is to be left of the peak, at each of the multiples, unless what refusing costs leaves less.
var promised = []float64{0, 0.95, 0.90, 0.85}

// refusal gives what a refusal costs the server's processors, as a share r of what an answer does, told from all
// stretches together: the two costs by which their processor times are explained best (least squares).
// False: too few were refused.
func (t *overloadTable) refusal() (r float64, ok bool) {
	var aa, ar, rr, ac, rc, refused float64
	for _, o := range t.rows {
		a, x, c := (o.goodput+o.late)*o.seconds, o.refused*o.seconds, o.cpu.Seconds()
		aa, ar, rr, ac, rc = aa+a*a, ar+a*x, rr+x*x, ac+a*c, rc+x*c
		refused += x
	}
	det := aa*rr - ar*ar
	if refused < 1000 || det <= 0 {
		return 0, false
	}
	answer, refusal := (ac*rr-rc*ar)/det, (rc*aa-ac*ar)/det
	if answer <= 0 {
		return 0, false
	}
	return max(0, refusal/answer), true
}

// bound is what can be left of the peak at k times it, where to refuse costs the share r of an answer.
func bound(r, k float64) float64 { return max(0, min(1, (1-r*k)/(1-r))) }

// each is the server's processor time for one answer.
func (o *overloaded) each() time.Duration {
	if n := (o.goodput + o.late) * o.seconds; n > 0 {
		return time.Duration(float64(o.cpu) / n)
	}
	return 0
}

// line gives one row of the table.
func (t *overloadTable) line(i int) string {
	o, peak := t.rows[i], t.peak.goodput
	cost, least, calm := "–", "–", "–"
	if r, ok := t.refusal(); ok && o.refused > 0 {
		left := bound(r, o.offered/peak)
		cost = fmt.Sprintf("%.1f %%, %.2f", 100*r, left)
		bar, met := min(promised[i], 0.9*left), "**missed**"
		if o.goodput/peak >= bar {
			met = "met"
		}
		least = fmt.Sprintf("%.2f, %s", bar, met)
	}
	if before := t.rows[0].p99; i > 0 && before > 0 {
		calm = fmt.Sprintf("%.1f×", float64(o.p99)/float64(before))
	}
	return fmt.Sprintf("| %s | %.1f× (%.1f×) | %.2f | %s | %.0f | %s | %s | %.0f | %.0f | %.0f | %.0f | %s | %.0f %% | %.0f %% |", t.name, o.times, o.offered/peak, o.goodput/peak, least, o.goodput,
		o.p99.Round(100*time.Microsecond), calm, o.refused, o.late, o.lost, o.none, cost, 100*o.busy, 100*o.share)
}

// overloadText renders the tables of the group.
func (r *report) overloadText() string {
	if len(r.overloads) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nOverload: requests arrive at random at a multiple of the peak (in brackets: of what really arrived), from callers who do not know of each other:\nwho finds none of %d connections free is counted at once, and is not in time (\"no connection\"). In time is %s from when a request was due; callers\ngive up after %s, close the connection and come on a new one. The peak is that of a closed loop over %d connections,\nthe mean of one before all else and one after it, if the server has come back by then.",
		crowd, inTime, patience, r.options.conns)
	if apart() {
		b.WriteString(" The server has one core, and the\nload has another, for the peak and all else; with two threads of Go where it writes, for one waits for the disk.")
	}
	b.WriteString(" What a refusal costs is told from the processor times of all stretches, by least squares;\nof what it leaves, 0.9 is to be reached, or 0.95, 0.90 and 0.85 of the peak where that is less. Of what is marked as hard, HTTP is most of the cost, and the store's part a few microseconds.\n\n")
	b.WriteString("| what | offered | goodput / peak | at least | in time/s | p99 of answers | of that at 0.8× | refused/s | late/s | lost/s | no connection/s | cost of refusing, and what it leaves | the server's core | the load's core |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range r.overloads {
		for i := range t.rows {
			b.WriteString(t.line(i) + "\n")
		}
	}
	b.WriteString("\nOver so many connections an answer itself costs more than over the few of the peak. The server's processor time for one, at the peak and at 0.8×:\n\n| what | peak, answers/s | each, at the peak | each, at 0.8× | so the peak over all connections is |\n|---|---|---|---|---|\n")
	for _, t := range r.overloads {
		many := t.rows[0].each()
		fmt.Fprintf(&b, "| %s | %.0f | %s | %s | %.2f |\n", t.name, t.peak.goodput, t.peak.each().Round(100*time.Nanosecond), many.Round(100*time.Nanosecond), float64(t.peak.each())/float64(max(1, many)))
	}
	return b.String()
}
