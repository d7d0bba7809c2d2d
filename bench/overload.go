package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
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
	busy             float64       // of what the server may have
}

// rival is a floor and Partita, of which the same is asked.
type rival struct {
	floor, threads string
	data, model    string
	of             [2]contender
}

// overload measures what is left of a server's throughput when more is asked than it can do: where the store is what
// is busy, and, the hard case, where HTTP is most of what an answer costs, so that to refuse costs a good part of it.
func (b *run) overload() error {
	if apart() {
		b.apart = true
		defer func() { b.apart = false }()
		defer keepTo(loadCore)()
	}
	data, err := b.importLines()
	if err != nil {
		return err
	}
	change := b.changeLines(lineIDs())
	place := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
	for _, v := range []rival{
		{"lines", "", data, linesModel, [2]contender{
			{"read of 150 rows: hand-written, without admission", nil, 200, b.getLines},
			{"read of 150 rows, fresh 0: Partita", nil, 200, b.getLines}}},
		{"lines-change", writerThreads, data, linesModel, [2]contender{
			{"write of 20 rows: hand-written, group commit, without admission", nil, 200, change},
			{"write of 20 rows: Partita", nil, 200, change}}},
		{"sqlite", "", b.data(), b.model, [2]contender{
			{"hard: read by key: hand-written, without admission", nil, 200, b.get("/v1/order/", nil)},
			{"hard: read by key, fresh 0: Partita", nil, 200, b.get("/v1/order_now/", nil)}}},
		{"sqlite-group", writerThreads, b.data(), b.model, [2]contender{
			{"hard: write of one row: hand-written, group commit, without admission", nil, 201, place},
			{"hard: write of one row: Partita", nil, 201, place}}},
	} {
		err = errors.Join(err, b.overloadOf(v))
	}
	return err
}

// A server that waits for its disk most of the time needs a second thread for that, also on one core: the Go runtime takes
// up to 10 ms to see that the only one is waiting.
const writerThreads = "2"

// overloadOf measures a floor and Partita.
func (b *run) overloadOf(v rival) error {
	if b.apart && v.threads != "" {
		os.Setenv("GOMAXPROCS", v.threads)
		defer os.Unsetenv("GOMAXPROCS")
	}
	for i, c := range v.of {
		wanted, err := regexp.MatchString(b.rows, c.name)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		if i == 0 {
			c.s, err = b.startFloor(v.floor)
		} else {
			c.s, _, err = b.startPartita(v.data, v.model)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(b.overloadOne(c), c.s.stop()); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func (b *run) overloadOne(c contender) error {
	before, err := b.peak(c)
	if err != nil {
		return err
	}
	if before.goodput == 0 {
		return errors.New("no answer came in time")
	}
	t := overloadTable{name: c.name, peak: before}
	for i, times := range multiples {
		s := &stream{want: c.want, next: c.next, rate: times * t.peak.goodput, crowd: crowd}
		f, err := flood(c.s, b.round, uint64(i), s)
		if err != nil {
			return err
		}
		t.rows = append(t.rows, summary(f, &s.counts, times))
		fmt.Println(t.line(i))
	}
	after, err := b.peak(c)
	if err != nil {
		return err
	}
	fmt.Printf("%s: peak %.0f before, %.0f after\n", c.name, before.goodput, after.goodput)
	if after.goodput > 0 { // else it has not come back from what was asked
		t.peak = mean(before, after)
	}
	b.report.overloads = append(b.report.overloads, t)
	return nil
}

// peak measures what comes of a closed loop.
func (b *run) peak(c contender) (overloaded, error) {
	s := &stream{want: c.want, next: c.next, crowd: b.conns, closed: true}
	f, err := flood(c.s, b.round, 1, s)
	if err != nil {
		return overloaded{}, err
	}
	return summary(f, &s.counts, 1), nil
}

// mean takes two stretches for one: what is asked for lasts for half a minute, in which the machine and the store's file change.
func mean(a, b overloaded) overloaded {
	a.goodput, a.late = (a.goodput+b.goodput)/2, (a.late+b.late)/2
	a.cpu, a.seconds = a.cpu+b.cpu, a.seconds+b.seconds
	return a
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
		p99: s.quantile(0.99), cpu: f.its, seconds: d, share: f.own.Seconds() / d / mine, busy: f.its.Seconds() / d / mine}
}
