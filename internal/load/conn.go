package load

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"strconv"
	"time"
)

// maxKept bounds what is kept of an answer's body: problems say what they are at the beginning.
const maxKept = 512

// line is one connection to a service. It speaks HTTP/1.1 by hand, since a client library would take
// more of the machine than the service under test. It is not safe for concurrent use.
type line struct {
	addresses []string // of nodes that are as good as each other
	at        int      // the one in use; after a failure the next
	conn      net.Conn
	in        *bufio.Reader
	request   []byte // scratch
	answer    answer
}

// answer is what came back.
type answer struct {
	status  int
	version []byte // of the version token: its last part
	stale   bool   // served beyond fresh, in trouble
	replay  bool   // Idempotency-Replayed
	retry   time.Duration
	place   []byte // Location
	body    []byte // its beginning, of a problem only
}

var errAnswer = errors.New("the answer is no HTTP")

// ask sends a request and reads the answer, until the deadline at most. A broken connection is made
// anew the next time.
func (l *line) ask(request []byte, deadline time.Time) error {
	again := l.conn != nil // a kept connection may have been closed meanwhile
	for {
		err := l.once(request, deadline)
		if err == nil {
			return nil
		}
		l.drop()
		if !again || errors.Is(err, os.ErrDeadlineExceeded) {
			l.at = (l.at + 1) % len(l.addresses)
			return err
		}
		again = false
	}
}

func (l *line) once(request []byte, deadline time.Time) error {
	if l.conn == nil {
		if err := l.connect(deadline); err != nil {
			return err
		}
	}
	if err := l.conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := l.conn.Write(request); err != nil {
		return err
	}
	return l.read()
}

func (l *line) connect(deadline time.Time) error {
	c, err := net.DialTimeout("tcp", l.addresses[l.at], time.Until(deadline))
	if err != nil {
		return err
	}
	l.conn = c
	if l.in == nil {
		l.in = bufio.NewReaderSize(c, 4<<10)
	} else {
		l.in.Reset(c)
	}
	return nil
}

func (l *line) drop() {
	if l.conn != nil {
		_ = l.conn.Close() // given up
		l.conn = nil
	}
}

func (l *line) read() error {
	a := &l.answer
	*a = answer{version: a.version[:0], place: a.place[:0], body: a.body[:0]}
	first, err := l.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(first) < 12 {
		return errAnswer
	}
	if a.status, err = strconv.Atoi(string(first[9:12])); err != nil {
		return errAnswer
	}
	length, chunked, closes := 0, false, false
	for {
		h, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		h = bytes.TrimRight(h, "\r\n")
		if len(h) == 0 {
			break
		}
		name, v, _ := bytes.Cut(h, []byte(":"))
		v = bytes.TrimSpace(v)
		switch len(name) { // first by the length: most headers do not matter here
		case len("Content-Length"):
			if bytes.EqualFold(name, []byte("Content-Length")) {
				if length, err = strconv.Atoi(string(v)); err != nil {
					return errAnswer
				}
			}
		case len("Transfer-Encoding"):
			chunked = chunked || bytes.EqualFold(name, []byte("Transfer-Encoding"))
		case len("Partita-Version"):
			if bytes.EqualFold(name, []byte("Partita-Version")) {
				a.version = append(a.version, v[bytes.LastIndexByte(v, '/')+1:]...)
			}
		case len("Cache-Status"):
			if bytes.EqualFold(name, []byte("Cache-Status")) {
				a.stale = bytes.Contains(v, []byte("detail=stale"))
			}
		case len("Retry-After"):
			if bytes.EqualFold(name, []byte("Retry-After")) {
				a.retry = seconds(v)
			}
		case len("Idempotency-Replayed"):
			a.replay = a.replay || bytes.EqualFold(name, []byte("Idempotency-Replayed"))
		case len("Location"):
			if bytes.EqualFold(name, []byte("Location")) {
				a.place = append(a.place, v...)
			}
		case len("Connection"):
			closes = closes || bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(v, []byte("close"))
		}
	}
	if err := l.readBody(length, chunked); err != nil {
		return err
	}
	if closes {
		l.drop()
	}
	return nil
}

func seconds(v []byte) time.Duration {
	n, err := strconv.Atoi(string(v))
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

func (l *line) readBody(length int, chunked bool) error {
	if !chunked {
		return l.take(length)
	}
	for {
		size, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 32)
		if err != nil {
			return errAnswer
		}
		if err := l.take(int(n)); err != nil {
			return err
		}
		if _, err := l.in.Discard(2); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// take reads n bytes of the body, and keeps the first of those that say what went wrong.
func (l *line) take(n int) error {
	a := &l.answer
	if a.status >= 400 {
		for n > 0 && len(a.body) < maxKept {
			c, err := l.in.ReadByte()
			if err != nil {
				return err
			}
			a.body = append(a.body, c)
			n--
		}
	}
	_, err := l.in.Discard(n)
	return err
}

var problemPrefix = []byte("urn:partita:problem:")

// problem gives the kind of a problem, as the service names it; "" where the body tells none.
func (a *answer) problem() string {
	_, rest, ok := bytes.Cut(a.body, problemPrefix)
	if !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}
