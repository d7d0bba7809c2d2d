package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"time"
)

// multiples of the peak that are asked for; the first is for comparison.
var multiples = []float64{0.8, 2, 5, 10}

// overloaded is what one stretch of load came to.
type overloaded struct {
	times, offered   float64 // of the peak; per second
	goodput, refused float64 // per second
	late, lost, none float64 // answered too late; given up or broken off; without a connection, per second
	p99              time.Duration
	cpu              time.Duration // of the server in all
	seconds          float64       // that it lasted
	share            float64       // of what the load may have of the machine
}

// overload measures what is left of a server's throughput when more is asked than it can do.
func (b *run) overload() error {
	if apart() {
		b.apart = true
		defer func() { b.apart = false }()
		defer keepTo(loadCore)()
	}
	place := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
	return errors.Join(
		b.overloadOf("sqlite", "", [2]contender{
			{"read by key: hand-written, without admission", nil, 200, b.get("/v1/order/", nil)},
			{"read by key, fresh 0: Partita", nil, 200, b.get("/v1/order_now/", nil)}}),
		b.overloadOf("sqlite-group", writerThreads, [2]contender{
			{"write: hand-written, group commit, without admission", nil, 201, place},
			{"write: Partita", nil, 201, place}}))
}

// A server that waits for its disk most of the time needs a second thread for that, also on one core: the Go runtime takes
// up to 10 ms to see that the only one is waiting.
const writerThreads = "2"

// overloadOf measures a floor and Partita.
func (b *run) overloadOf(name, threads string, of [2]contender) error {
	if b.apart && threads != "" {
		os.Setenv("GOMAXPROCS", threads)
		defer os.Unsetenv("GOMAXPROCS")
	}
	floor, err := b.startFloor(name)
	if err != nil {
		return err
	}
	p, _, err := b.startPartita(b.data(), b.model)
	if err != nil {
		return err
	}
	for i, s := range []*server{floor, p} {
		c := of[i]
		c.s = s
		if !strings.Contains(c.name, b.rows) {
			continue
		}
		if err := b.overloadOne(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return errors.Join(floor.stop(), p.stop())
}

func (b *run) overloadOne(c contender) error {
	peak := &stream{want: c.want, next: c.next, crowd: b.conns, closed: true}
	if _, err := flood(c.s, b.round, 1, peak); err != nil {
		return err
	}
	t := overloadTable{name: c.name, peak: float64(peak.counts.good) / b.round.Seconds()}
	if t.peak == 0 {
		return errors.New("no answer came in time")
	}
	for i, times := range multiples {
		s := &stream{want: c.want, next: c.next, rate: times * t.peak, crowd: crowd}
		f, err := flood(c.s, b.round, uint64(i), s)
		if err != nil {
			return err
		}
		t.rows = append(t.rows, summary(f, &s.counts, times))
		fmt.Println(t.line(i))
	}
	b.report.overloads = append(b.report.overloads, t)
	return nil
}

// summary counts per second.
func summary(f *surge, s *tally, times float64) overloaded {
	d := (f.until - f.from).Seconds()
	per := func(n int) float64 { return float64(n) / d }
	mine := 1.0 // cores
	if !apart() {
		mine = float64(runtime.NumCPU())
	}
	return overloaded{times: times, offered: per(s.offered), goodput: per(s.good), refused: per(s.refused), late: per(s.late), lost: per(s.lost), none: per(s.none),
		p99: s.quantile(0.99), cpu: f.its, seconds: d, share: f.own.Seconds() / d / mine}
}

// overloadTable is what became of one server.
type overloadTable struct {
	name string
	peak float64 // answers per second in a closed loop
	rows []overloaded
}

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

// line gives one row of the table.
func (t *overloadTable) line(i int) string {
	o := t.rows[i]
	cost := "–"
	if r, ok := t.refusal(); ok && o.refused > 0 {
		k := o.offered / t.peak // (1 − rk)/(1 − r) of the peak is left at k times it
		cost = fmt.Sprintf("%.1f %%, %.2f", 100*r, max(0, min(1, (1-r*k)/(1-r))))
	}
	return fmt.Sprintf("| %s | %.1f× (%.1f×) | %.2f | %.0f | %s | %.0f | %.0f | %.0f | %.0f | %s | %.0f %% |", t.name, o.times, o.offered/t.peak, o.goodput/t.peak, o.goodput,
		o.p99.Round(100*time.Microsecond), o.refused, o.late, o.lost, o.none, cost, 100*o.share)
}

// overloadText renders the tables of the group.
func (r *report) overloadText() string {
	if len(r.overloads) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nOverload: requests arrive at random at a multiple of the peak (in brackets: of what really arrived), from callers who do not know of each other:\nwho finds none of %d connections free is counted at once, and is not in time (\"no connection\"). In time is %s from when a request was due; callers\ngive up after %s, close the connection and come on a new one. The peak is that of a closed loop over %d connections.",
		crowd, inTime, patience, r.options.conns)
	if apart() {
		b.WriteString(" The server has one core, and the\nload has another, for the peak and all else; with two threads of Go where it writes, for one waits for the disk.")
	}
	b.WriteString(" What a refusal costs is told from the processor times of all stretches, by least squares.\n\n")
	b.WriteString("| what | offered | goodput / peak | in time/s | p99 of answers | refused/s | late/s | lost/s | no connection/s | cost of refusing, and what it leaves | the load's share of its core |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range r.overloads {
		for i := range t.rows {
			b.WriteString(t.line(i) + "\n")
		}
	}
	return b.String()
}
