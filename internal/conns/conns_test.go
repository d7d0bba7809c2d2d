package conns_test

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/internal/conns"
)

// pipes is a listener whose connections are in memory, so that time in a test is its own.
type pipes struct {
	take chan net.Conn
	once sync.Once
	done chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.take:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// connect gives a listener, a connection that it handed out, and the caller's end of it.
func connect(t *testing.T) (l *conns.Listener, c, caller net.Conn) {
	t.Helper()
	p := &pipes{take: make(chan net.Conn, 1), done: make(chan struct{})}
	l = conns.Wrap(p)
	ours, theirs := net.Pipe()
	p.take <- ours
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		theirs.Close()
		if err := errors.Join(c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		l.Wait()
	})
	return l, c, theirs
}

// in moves a deadline.
func in(t *testing.T, set func(time.Time) error, d time.Duration) {
	t.Helper()
	if err := set(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
}

// waits reads one byte and gives how long that took.
func waits(c net.Conn) (time.Duration, error) {
	start := time.Now()
	_, err := c.Read(make([]byte, 1))
	return time.Since(start), err
}

func TestDeadlinesAreKeptToATick(t *testing.T) {
	const tick = 500 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		_, c, caller := connect(t)
		in(t, c.SetReadDeadline, 3*time.Second)
		took, err := waits(c)
		if !errors.Is(err, os.ErrDeadlineExceeded) || took < 3*time.Second || took > 3*time.Second+tick {
			t.Errorf("a read without an answer ended after %s with %v", took, err)
		}
		if _, err := waits(c); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read after its time: %v", err)
		}

		in(t, c.SetWriteDeadline, time.Second)
		start := time.Now()
		n, err := c.Write([]byte("nobody reads this"))
		if took := time.Since(start); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || took < time.Second || took > time.Second+tick {
			t.Errorf("a write that nobody reads wrote %d bytes in %s: %v", n, took, err)
		}

		// Both are good again with another deadline, or none.
		in(t, c.SetReadDeadline, time.Minute)
		if err := c.SetWriteDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go func() {
			var b [1]byte
			caller.Read(b[:])
			caller.Write(b[:])
		}()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		if _, err := waits(c); err != nil {
			t.Error(err)
		}
	})
}

func TestADeadlineThatIsPutOffDoesNotEndARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, _ := connect(t)
		in(t, c.SetReadDeadline, time.Second)
		go func() {
			for range 20 {
				time.Sleep(900 * time.Millisecond)
				in(t, c.SetReadDeadline, time.Second)
			}
		}()
		if took, err := waits(c); !errors.Is(err, os.ErrDeadlineExceeded) || took < 19*time.Second {
			t.Errorf("the read ended after %s: %v", took, err)
		}
	})
}

// This is how net/http ends its look for callers who go away.
func TestADeadlineInThePastEndsAReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, caller := connect(t)
		for range 3 {
			ended := make(chan error)
			go func() {
				_, err := waits(c)
				ended <- err
			}()
			synctest.Wait()
			if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			go caller.Write([]byte("x"))
			if _, err := waits(c); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestHurryCutsWhoSendsNothing(t *testing.T) {
	for _, test := range []struct {
		name     string
		deadline time.Duration
		every    time.Duration // something comes; 0: nothing
		from, to time.Duration // when the read is to end
		cut      int
	}{
		{"silent", time.Hour, 0, time.Second, 2 * time.Second, 1},
		{"sending on and on", time.Hour, 300 * time.Millisecond, 10 * time.Second, 11 * time.Second, 1},
		{"whose deadline comes first", 500 * time.Millisecond, 0, 500 * time.Millisecond, time.Second, 0},
		{"without a deadline", 0, 0, time.Minute, 2 * time.Minute, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, c, caller := connect(t)
				if test.deadline > 0 {
					in(t, c.SetReadDeadline, test.deadline)
				} else {
					time.AfterFunc(time.Minute, func() { caller.Close() })
				}
				l.Hurry(time.Second, 10*time.Second)
				var sending sync.WaitGroup
				if test.every > 0 {
					sending.Go(func() {
						for {
							time.Sleep(test.every)
							if _, err := caller.Write([]byte("x")); err != nil {
								return
							}
						}
					})
				}
				start := time.Now()
				var err error
				for err == nil {
					_, err = waits(c)
				}
				if took := time.Since(start); took < test.from || took > test.to || l.Cut() != test.cut {
					t.Errorf("ended after %s with %v; %d cut", took, err, l.Cut())
				}
				caller.Close()
				sending.Wait()
			})
		})
	}
}

// Deadlines come and go while a read waits; nothing that is sent may be lost, and a read ends with an
// error only where its deadline has passed.
func TestDeadlinesMoveWhileReadsWait(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := conns.Wrap(inner)
	caller, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	const bytes = 3000
	var wg sync.WaitGroup
	wg.Go(func() {
		for range bytes {
			if _, err := caller.Write([]byte("x")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, at := range []time.Time{time.Unix(1, 0), {}, time.Now().Add(time.Hour)} {
				if err := c.SetReadDeadline(at); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for got := 0; got < bytes; {
		n, err := c.Read(make([]byte, 1))
		if got += n; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
			break
		}
	}
	close(stop)
	wg.Wait()
	if err := errors.Join(c.Close(), caller.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	l.Wait()
}

// When nobody is waited for any more, neither a read nor a write goes on, whatever time it was given.
func TestEndCutsAll(t *testing.T) {
	for name, call := range map[string]func(c net.Conn) error{
		"a read": func(c net.Conn) error {
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"a write": func(c net.Conn) error {
			_, err := c.Write([]byte("nobody takes it"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, c, caller := connect(t)
				in(t, c.SetDeadline, time.Hour)
				l.End(time.Second)
				start := time.Now()
				err := call(c)
				if took := time.Since(start); took < time.Second || took > 2*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("ended after %s with %v", took, err)
				}
				caller.Close()
			})
		})
	}
}
