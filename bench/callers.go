package main

import (
	"bufio"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// What callers do that have so many connections and no more, and share them: who finds none free waits for one.
const (
	callerInTime   = 500 * time.Millisecond // what counts as answered in time
	callerPatience = time.Second            // when one gives up
)

// flooding is the load of such callers on its way.
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
	conn, status, err := f.ask(conn, f.began.Add(at+callerPatience), r)
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
		f.told(at+took, status, err == nil && status == f.c.want && took <= callerInTime)
	}
	switch {
	case err != nil || status != f.c.want && status != 503:
		f.lost++
	case status == 503:
		f.refused++
	case took > callerInTime:
		f.late++
		f.took = append(f.took, took)
	default:
		f.good++
		f.took = append(f.took, took)
	}
}
