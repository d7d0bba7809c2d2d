package main

import (
	"bytes"
	"errors"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// wire is one connection of a flood, which may be closed.
type wire struct {
	s     *stream
	fd    int // -1: closed
	state state
	q     question
	asked time.Duration // when the request was sent
	nth   uint64        // requests on it, so that nobody gives up another one
	out   []byte
	in    []byte // of an answer that has not come as a whole
}

// question is a request, by the time at which it was due.
type question struct {
	due   time.Duration
	tried int
}

type state uint8

const (
	idle state = iota
	connecting
	waiting
)

// watch prepares a connection, and has its events told.
func (f *surge) watch(l *wire) error {
	// Who gives up is gone at once, so that the ports of the machine suffice.
	gone := syscall.Linger{Onoff: 1}
	if err := syscall.SetsockoptLinger(l.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &gone); err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(l.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return err
	}
	f.lines[int32(l.fd)] = l
	const edge = 1 << 31 // EPOLLET
	return syscall.EpollCtl(f.poll, syscall.EPOLL_CTL_ADD, l.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | edge, Fd: int32(l.fd)})
}

// ask sends a request, on a new connection if there is none.
func (f *surge) ask(l *wire, q question) {
	l.q = q
	l.nth++
	l.out = l.s.next(f.rand, l.out[:0])
	f.patient = append(f.patient, promise{f.now + patience, l, l.nth})
	if l.fd < 0 {
		if !f.connect(l) {
			f.fail(l)
		}
		return
	}
	f.send(l)
}

// open makes a socket. Callers come from several addresses, or the ports of one would become scarce, and
// to look for a free one would take long.
func (f *surge) open(l *wire) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.fd = fd
	const bindAddressNoPort = 24 // the port is found by connect
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1); err != nil {
		return err
	}
	f.opened++
	return syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + f.opened%8)}})
}

// connect begins a connection; an event says when it is there.
func (f *surge) connect(l *wire) bool {
	if f.open(l) != nil || syscall.SetNonblock(l.fd, true) != nil || f.watch(l) != nil {
		return false
	}
	l.state = connecting
	err := syscall.Connect(l.fd, f.to)
	return err == nil || err == syscall.EINPROGRESS
}

// gather opens connections of callers who have been there for a while, one after the other.
func (f *surge) gather(s *stream, n int) error {
	for range n {
		l := s.shut[len(s.shut)-1]
		if err := errors.Join(f.open(l), syscall.Connect(l.fd, f.to), syscall.SetNonblock(l.fd, true), f.watch(l)); err != nil {
			return err
		}
		s.shut = s.shut[:len(s.shut)-1]
		s.free = append(s.free, l)
	}
	return nil
}

// send writes a request, which always finds room.
func (f *surge) send(l *wire) {
	l.state = waiting
	n, err := write(l.fd, l.out)
	if err != nil || n < len(l.out) {
		f.fail(l)
	}
}

// heed takes in an event.
func (f *surge) heed(e *syscall.EpollEvent) {
	l := f.lines[e.Fd]
	if l == nil {
		return
	}
	if l.state == connecting {
		if e.Events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
			f.fail(l)
		} else if e.Events&syscall.EPOLLOUT != 0 {
			f.send(l)
		}
		return
	}
	if e.Events&(syscall.EPOLLIN|syscall.EPOLLERR|syscall.EPOLLHUP) == 0 {
		return
	}
	for {
		n, err := read(l.fd, f.buffer)
		if err == syscall.EAGAIN {
			return
		}
		if err != nil || n == 0 || l.state != waiting {
			f.fail(l)
			return
		}
		b := f.buffer[:n]
		if len(l.in) > 0 {
			l.in = append(l.in, b...)
			b = l.in
		}
		status, whole := parse(b)
		if whole {
			l.in = l.in[:0]
			f.answered(l, status)
			return
		}
		if len(l.in) == 0 {
			l.in = append(l.in, b...)
		}
	}
}

// parse gives the status of an answer with a Content-Length; whether all of it is there.
func parse(b []byte) (status int, whole bool) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 12 {
		return 0, false
	}
	status, _ = strconv.Atoi(string(b[9:12]))
	_, rest, ok := bytes.Cut(b[:end], []byte("Content-Length: "))
	if !ok {
		return status, true
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r"))
	length, _ := strconv.Atoi(string(digits))
	return status, len(b) >= end+4+length
}

// answered frees a connection.
func (f *surge) answered(l *wire, status int) {
	l.state = idle
	l.nth++
	f.became(l, status)
	if l.s.closed {
		if f.now < f.until {
			f.ask(l, question{due: f.now})
		}
		return
	}
	l.s.free = append(l.s.free, l)
}

// fail closes a connection, and counts its request if there was one.
func (f *surge) fail(l *wire) {
	if l.state != idle {
		l.nth++
		f.became(l, 0)
	} else {
		for i, free := range l.s.free {
			if free == l {
				l.s.free = append(l.s.free[:i], l.s.free[i+1:]...)
				break
			}
		}
	}
	f.drop(l)
	l.s.shut = append(l.s.shut, l)
}

func (f *surge) drop(l *wire) {
	if l.fd >= 0 {
		delete(f.lines, int32(l.fd))
		syscall.Close(l.fd)
	}
	l.fd, l.state, l.in = -1, idle, l.in[:0]
}

// giveUp lets those go who have waited for long enough.
func (f *surge) giveUp() {
	n := 0
	for ; n < len(f.patient); n++ {
		p := f.patient[n]
		if p.by.nth == p.nth {
			if p.at > f.now {
				break
			}
			f.fail(p.by)
		}
	}
	f.patient = f.patient[n:]
}

// The calls below do not tell the Go scheduler: they do not block, or are to block the thread.

func read(fd int, b []byte) (int, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return came(n, e)
}

func write(fd int, b []byte) (int, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return came(n, e)
}

func came(n uintptr, e syscall.Errno) (int, error) {
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

const sysEpollPwait2 = 441 // Linux 5.11; package syscall does not name it

// wait waits for events, for d at the most.
func wait(poll int, events []syscall.EpollEvent, d time.Duration) (int, error) {
	t := syscall.NsecToTimespec(int64(max(0, d)))
	n, _, e := syscall.Syscall6(sysEpollPwait2, uintptr(poll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&t)), 0, 0)
	return came(n, e)
}
