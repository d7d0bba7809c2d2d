package main

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// What a flood is made of. Requests arrive at random (a Poisson process), whatever becomes of those
// before: so many callers do not know of each other. Waits count from the moment at which a request was
// due. A caller takes the connection that became free last, or a new one, up to crowd of them. One who
// finds none is counted at once: callers do not stand in a line of their own, in which a request would
// be too old before any server could see it.
const (
	inTime   = 250 * time.Millisecond // what counts as answered in time
	patience = time.Second            // when a caller gives up, and closes the connection
	crowd    = 16 << 10               // connections: more than any server here can answer in time
	regulars = crowd / 2              // of them are there before anything is asked
	warm     = 1500 * time.Millisecond
)

// stream is requests of one kind.
type stream struct {
	want   int // the status of an answer
	next   request
	rate   float64 // per second
	crowd  int     // connections at the most
	closed bool    // a closed loop instead: each connection asks again when it was answered
	tries  int     // how often a caller asks who was refused or left alone; 0: once
	// when requests arrive, since the measured time began; to 0: until its end
	start, end time.Duration

	counts tally
	slices []tally // of each sliceLength of the measured time, where that is asked for

	arrives time.Duration
	free    []*wire // open ones
	shut    []*wire // others that may be opened
	rand    *rand.Rand
}

const sliceLength = 250 * time.Millisecond

// tally is what became of requests.
type tally struct {
	offered, good, refused, late, lost, none int
	took                                     []time.Duration // of what was answered
}

// surge is a stretch of load on its way. It has one thread, which waits for nothing but the next event:
// a goroutine for each connection would be late itself when thousands of answers come at once.
type surge struct {
	to       syscall.Sockaddr
	poll     int
	began    time.Time
	now      time.Duration // since began, at the last look
	from     time.Duration // what is counted
	until    time.Duration
	over     time.Duration // nothing is asked any more
	sliced   bool
	patient  []promise // who has asked, in that order
	again    retries   // who will ask again
	lines    map[int32]*wire
	buffer   []byte
	rand     *rand.Rand
	own, its time.Duration // processor time of the load, and of the server
	behind   time.Duration // by how much the load was late, on average
	arrived  int
	opened   int
}

// promise is when somebody gives up.
type promise struct {
	at  time.Duration
	by  *wire
	nth uint64
}

// retry is a request that is made again.
type retry struct {
	at time.Duration // when
	s  *stream
	of question
}

type retries []retry

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].at < r[j].at }
func (r retries) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// Push implements heap.Interface.
func (r *retries) Push(x any) { *r = append(*r, x.(retry)) }

// Pop implements heap.Interface.
func (r *retries) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

// flood asks for what the streams say. What was due in d is counted, after the beginning has worn off. It goes on until
// all of that is answered: what is asked at the end would be helped by nothing coming behind it.
func flood(server *server, d time.Duration, seed uint64, streams ...*stream) (*surge, error) {
	to, err := netip.ParseAddrPort(server.addr)
	if err != nil {
		return nil, err
	}
	f := &surge{to: &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}, from: warm, until: warm + d, over: warm + d + patience,
		lines: map[int32]*wire{}, buffer: make([]byte, 64<<10), rand: rand.New(rand.NewPCG(seed, 1))}
	if f.poll, err = syscall.EpollCreate1(0); err != nil {
		return nil, err
	}
	defer syscall.Close(f.poll)
	for i, s := range streams {
		s.rand = rand.New(rand.NewPCG(seed, uint64(1000+i)))
		for range s.crowd {
			s.shut = append(s.shut, &wire{s: s, fd: -1})
		}
		ready := min(regulars, s.crowd)
		if s.closed {
			ready = s.crowd
		}
		if err := f.gather(s, ready); err != nil {
			return nil, err
		}
		if f.sliced = f.sliced || s.slices != nil; f.sliced {
			s.slices = make([]tally, (d+sliceLength-1)/sliceLength)
		}
	}
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f.began = time.Now()
	for _, s := range streams {
		if s.start > 0 {
			s.arrives = f.from + s.start
		}
		s.advance(f)
		if s.closed {
			for _, l := range s.free {
				f.ask(l, question{due: 0})
			}
			s.free = nil
		}
	}
	f.run(server, streams)
	for _, s := range streams {
		slices.Sort(s.counts.took)
	}
	for _, l := range f.lines {
		f.drop(l)
	}
	return f, nil
}

func (s *stream) advance(f *surge) {
	if s.closed {
		s.arrives = f.over + 1
		return
	}
	s.arrives += time.Duration(s.rand.ExpFloat64() / s.rate * float64(time.Second))
	if s.end > 0 && s.arrives >= f.from+s.end {
		s.arrives = f.over + 1
	}
}

// run makes requests due at their times and takes in what comes.
func (f *surge) run(server *server, streams []*stream) {
	events := make([]syscall.EpollEvent, 64)
	counting, counted := false, false
	for {
		f.now = time.Since(f.began)
		if !counting && f.now >= f.from {
			counting, f.own, f.its = true, ownCPU(), server.cpu()
		}
		if counting && !counted && f.now >= f.until {
			counted, f.own, f.its = true, ownCPU()-f.own, server.cpu()-f.its
		}
		if counted && f.settled() {
			return
		}
		f.giveUp()
		next := f.due(streams)
		n, err := wait(f.poll, events, next-time.Since(f.began))
		if err != nil {
			continue
		}
		f.now = time.Since(f.began)
		for i := range n {
			f.heed(&events[i])
		}
	}
}

// settled tells whether all is answered, or given up, that was asked while it was counted.
func (f *surge) settled() bool {
	for _, p := range f.patient { // in the order in which they asked
		if p.by.nth == p.nth {
			return p.at > f.over
		}
	}
	return len(f.again) == 0 || f.now >= f.over
}

// due makes what is due by now, and tells when the next thing is.
func (f *surge) due(streams []*stream) time.Duration {
	next := f.over
	for _, s := range streams {
		for s.arrives <= f.now {
			if s.arrives >= f.from {
				f.behind += f.now - s.arrives
				f.arrived++
			}
			f.give(s, question{due: s.arrives})
			s.advance(f)
		}
		next = min(next, s.arrives)
	}
	for len(f.again) > 0 && f.again[0].at <= f.now {
		r := heap.Pop(&f.again).(retry)
		f.give(r.s, r.of)
	}
	if len(f.again) > 0 {
		next = min(next, f.again[0].at)
	}
	if len(f.patient) > 0 {
		next = min(next, f.patient[0].at)
	}
	return next
}

// give hands a request to a connection.
func (f *surge) give(s *stream, q question) {
	if q.tried == 0 {
		f.count(s, q, func(t *tally) { t.offered++ })
	}
	var l *wire
	if n := len(s.free); n > 0 {
		l, s.free = s.free[n-1], s.free[:n-1]
	} else if n := len(s.shut); n > 0 {
		l, s.shut = s.shut[n-1], s.shut[:n-1]
	} else {
		f.count(s, q, func(t *tally) { t.none++ })
		return
	}
	f.ask(l, q)
}

// count counts in all tallies that a request belongs to.
func (f *surge) count(s *stream, q question, add func(*tally)) {
	if q.due < f.from || q.due >= f.until {
		return
	}
	add(&s.counts)
	if s.slices != nil {
		add(&s.slices[(q.due-f.from)/sliceLength])
	}
}

// became says what became of a request: its status, or 0 where no answer came.
func (f *surge) became(l *wire, status int) {
	s, q := l.s, l.q
	took := f.now - q.due
	if status != s.want && q.tried+1 < s.tries && took < patience {
		q.tried++
		heap.Push(&f.again, retry{f.now + 50*time.Millisecond + time.Duration(f.rand.Int64N(int64(100*time.Millisecond))), s, q})
		return
	}
	f.count(s, q, func(t *tally) {
		switch {
		case status == 503:
			t.refused++
		case status != s.want:
			t.lost++
		case took > inTime:
			t.late++
			t.took = append(t.took, took)
		default:
			t.good++
			t.took = append(t.took, took)
		}
	})
}

// quantile gives how long answers took.
func (t *tally) quantile(q float64) time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	return t.took[min(len(t.took)-1, int(float64(len(t.took))*q))]
}
