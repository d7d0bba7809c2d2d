package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// What an overload is made of. Requests arrive at random (a Poisson process), whatever becomes of those
// before. Waits count from the moment at which a request was due. A caller takes a connection that is
// free, or a new one, up to crowd of them; what finds none waits, and is given up in the end.
const (
	inTime   = 500 * time.Millisecond // what counts as answered in time
	patience = time.Second            // when a caller gives up
	crowd    = 4096
)

// multiples of the peak that are asked for; the first is for comparison.
var multiples = []float64{0.8, 2, 5, 10}

// overloaded is what one stretch of load came to.
type overloaded struct {
	times, offered   float64 // of the peak; per second
	goodput, refused float64 // per second
	late, lost       float64 // answered too late; given up or broken off, per second
	p99              time.Duration
	cost             time.Duration // processor time of the server for one answer, all counted
	cpu              time.Duration // of the server in all
	seconds          float64       // that it lasted
	share            float64       // of the load's process in the machine
}

// overload measures what is left of a server's throughput when more is asked than it can do.
func (b *run) overload() error {
	p, _, err := b.startPartita(b.data(), b.model)
	if err != nil {
		return err
	}
	read, err := b.startFloor("sqlite")
	if err != nil {
		return err
	}
	write, err := b.startFloor("sqlite-group")
	if err != nil {
		return err
	}
	place := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
	for _, c := range []contender{
		{"read by key: hand-written, without admission", read, 200, b.get("/v1/order/", nil)},
		{"read by key, fresh 0: Partita", p, 200, b.get("/v1/order_now/", nil)},
		{"write: hand-written, group commit, without admission", write, 201, place},
		{"write: Partita", p, 201, place},
	} {
		if err := b.overloadOne(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return errors.Join(p.stop(), read.stop(), write.stop())
}

func (b *run) overloadOne(c contender) error {
	peak, err := load(c.s.addr, b.conns, b.round, 1, c.want, c.next)
	if err != nil {
		return err
	}
	t := overloadTable{name: c.name, peak: peak.Rate}
	for i, times := range multiples {
		t.rows = append(t.rows, flood(c, times, times*peak.Rate, b.round, uint64(i)))
		fmt.Println(t.line(i))
	}
	b.report.overloads = append(b.report.overloads, t)
	return nil
}

// flood asks for more than is good.
func flood(c contender, times, rate float64, d time.Duration, seed uint64) overloaded {
	f := &flooding{c: c, seed: seed, crowd: crowd, hold: patience}
	f.seat(crowd / 2)
	its, own := c.s.cpu(), ownCPU()
	f.arrive(rate, d)
	its, own = c.s.cpu()-its, ownCPU()-own
	s := d.Seconds()
	o := overloaded{times: times, offered: float64(f.offered) / s, goodput: float64(f.good) / s, refused: float64(f.refused) / s, late: float64(f.late) / s, lost: float64(f.lost) / s,
		cpu: its, seconds: s, share: own.Seconds() / time.Since(f.began).Seconds() / float64(runtime.NumCPU())}
	if n := f.good + f.late; n > 0 {
		o.cost = its / time.Duration(n)
	}
	slices.Sort(f.took)
	if n := len(f.took); n > 0 {
		o.p99 = f.took[n*99/100]
	}
	return o
}

// flooding is a stretch of load on its way.
type flooding struct {
	c     contender
	began time.Time
	seed  uint64
	work  sync.WaitGroup
	crowd int                                           // connections at most
	hold  time.Duration                                 // how long a caller waits for one that is free
	told  func(at time.Duration, status int, good bool) // when something has become of a request: since the start; nil: nobody

	mu      sync.Mutex
	idle    []chan time.Duration
	waiting []time.Duration
	lines   int
	closed  bool

	offered, good, refused, late, lost int
	took                               []time.Duration // of what was answered
}

// seat lets callers be there who have been there for a while.
func (f *flooding) seat(callers int) {
	for range callers {
		conn, err := net.Dial("tcp", f.c.s.addr)
		if err != nil {
			break
		}
		f.lines++
		n := uint64(f.lines)
		f.work.Go(func() { f.drive(newLine(conn), rand.New(rand.NewPCG(f.seed, n))) })
	}
}

// arrive lets requests become due, at random, and returns when something has become of the last.
func (f *flooding) arrive(rate float64, d time.Duration) {
	f.began = time.Now()
	r := rand.New(rand.NewPCG(f.seed, 99))
	for at := time.Duration(0); ; {
		at += time.Duration(r.ExpFloat64() / rate * float64(time.Second))
		if at >= d {
			break
		}
		if wait := at - time.Since(f.began); wait > 200*time.Microsecond {
			time.Sleep(wait)
		}
		f.give(at)
	}
	f.close()
}

// give hands a request to a connection that is free, or to a new one.
func (f *flooding) give(at time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offered++
	switch n := len(f.idle); {
	case n > 0:
		f.idle[n-1] <- at
		f.idle = f.idle[:n-1]
	case f.lines < f.crowd:
		f.lines++
		n := uint64(f.lines)
		f.work.Go(func() {
			r := rand.New(rand.NewPCG(f.seed, n))
			f.drive(f.one(nil, at, r), r)
		})
	default:
		f.waiting = append(f.waiting, at)
	}
}

// next gives a connection its next request.
func (f *flooding) next(mine chan time.Duration) (time.Duration, bool) {
	f.mu.Lock()
	for len(f.waiting) > 0 {
		at := f.waiting[0]
		f.waiting = f.waiting[1:]
		if took := time.Since(f.began) - at; took >= f.hold {
			f.noteLocked(at, took, 0, os.ErrDeadlineExceeded)
			continue
		}
		f.mu.Unlock()
		return at, true
	}
	if f.closed {
		f.mu.Unlock()
		return 0, false
	}
	f.idle = append(f.idle, mine)
	f.mu.Unlock()
	at, ok := <-mine
	return at, ok
}

func (f *flooding) close() {
	f.mu.Lock()
	f.closed = true
	for _, c := range f.idle {
		close(c)
	}
	f.idle = nil
	f.mu.Unlock()
	f.work.Wait()
}

// line is a connection and what is read from it.
type line struct {
	net.Conn
	in *bufio.Reader
}

func newLine(conn net.Conn) *line { return &line{conn, bufio.NewReaderSize(conn, 2<<10)} }

// drive is one connection.
func (f *flooding) drive(conn *line, r *rand.Rand) {
	mine := make(chan time.Duration, 1)
	for {
		at, more := f.next(mine)
		if !more {
			break
		}
		conn = f.one(conn, at, r)
	}
	if conn != nil {
		conn.Close()
	}
}

// one is one request. A caller that gives up closes the connection; nil: there is none any more.
func (f *flooding) one(conn *line, at time.Duration, r *rand.Rand) *line {
	conn, status, err := f.ask(conn, f.began.Add(at+patience), r)
	f.note(at, time.Since(f.began)-at, status, err)
	return conn
}

func (f *flooding) ask(conn *line, deadline time.Time, r *rand.Rand) (*line, int, error) {
	if conn == nil {
		c, err := net.DialTimeout("tcp", f.c.s.addr, time.Until(deadline))
		if err != nil {
			return nil, 0, err
		}
		conn = newLine(c)
	}
	conn.SetDeadline(deadline)
	_, err := conn.Write(f.c.next(r, nil))
	status := 0
	if err == nil {
		status, err = answer(conn.in)
	}
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	return conn, status, nil
}

func (f *flooding) note(at, took time.Duration, status int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noteLocked(at, took, status, err)
}

func (f *flooding) noteLocked(at, took time.Duration, status int, err error) {
	if f.told != nil {
		f.told(at+took, status, err == nil && status == f.c.want && took <= inTime)
	}
	switch {
	case err != nil || status != f.c.want && status != 503:
		f.lost++
	case status == 503:
		f.refused++
	case took > inTime:
		f.late++
		f.took = append(f.took, took)
	default:
		f.good++
		f.took = append(f.took, took)
	}
}

// overloadTable is what became of one server.
type overloadTable struct {
	name string
	peak float64 // answers per second in a closed loop
	rows []overloaded
}

// refusal gives what refusing costs, as a share r of what answering costs at 80 % of the peak, and what
// that leaves of the peak at k times it: (1 − rk)/(1 − r). It is told from the processor time that was not
// spent on answers, so it is no more than an estimate where the machine has other work.
func (t *overloadTable) refusal(i int) (r, left float64) {
	o, answer := t.rows[i], t.rows[0].cost.Seconds()
	if o.refused*o.seconds >= 100 && answer > 0 {
		rest := o.cpu.Seconds() - (o.goodput+o.late)*o.seconds*answer
		r = min(0.99, max(0, rest/(o.refused*o.seconds)/answer))
	}
	k := o.offered / t.peak
	return r, max(0, min(1, (1-r*k)/(1-r)))
}

// line gives one row of the table.
func (t *overloadTable) line(i int) string {
	o := t.rows[i]
	cost := "–"
	if r, left := t.refusal(i); o.refused*o.seconds >= 100 {
		cost = fmt.Sprintf("%.1f %%, %.2f", 100*r, left)
	}
	return fmt.Sprintf("| %s | %.1f× (%.1f×) | %.2f | %.0f | %s | %.0f | %.0f | %.0f | %s | %.0f %% |", t.name, o.times, o.offered/t.peak, o.goodput/t.peak, o.goodput,
		o.p99.Round(100*time.Microsecond), o.refused, o.late, o.lost, cost, 100*o.share)
}

// overloadText renders the tables of the group.
func (r *report) overloadText() string {
	if len(r.overloads) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nOverload: requests arrive at random at a multiple of the peak (in brackets: of what really arrived), over up to %d connections; in time is\n%s from when a request was due, callers give up after %s. The peak is that of a closed loop over %d connections.\n\n",
		crowd, inTime, patience, r.options.conns)
	b.WriteString("| what | offered | goodput / peak | in time/s | p99 of answers | refused/s | late/s | lost/s | cost of refusing, and what it leaves | the load's share of the machine |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range r.overloads {
		for i := range t.rows {
			b.WriteString(t.line(i) + "\n")
		}
	}
	return b.String()
}
