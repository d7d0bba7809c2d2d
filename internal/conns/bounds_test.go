package conns_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/conns"
)

// bounded accepts connections and sends each a byte, so that callers know that they are in. gone tells
// of each that a caller has left.
func bounded(t *testing.T, b conns.Bounds) (l *conns.Listener, gone chan struct{}) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = conns.Wrap(inner)
	l.Bound(b)
	gone = make(chan struct{}, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := c.Write([]byte("x")); err != nil {
				t.Error(err)
			}
			go func() {
				_, _ = io.Copy(io.Discard, c) // until the caller goes
				c.Close()
				gone <- struct{}{}
			}()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		l.Wait()
		<-ended
	})
	return l, gone
}

// dial connects from an address of the loopback, and tells whether it is let in within d; 0: it waits
// for as long as that takes.
func dial(t *testing.T, l net.Listener, from string, d time.Duration) (net.Conn, bool) {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", l.Addr().String())
	if errors.Is(err, syscall.ECONNRESET) { // it was closed before the call had come back
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if d > 0 {
		if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.Read(make([]byte, 1))
	return c, err == nil
}

func TestOneAddressTakesNotAllConnections(t *testing.T) {
	told := make(chan string, 10)
	l, gone := bounded(t, conns.Bounds{Each: 3, Loopback: true, Tell: func(a string) { told <- a }})
	var first net.Conn
	for range 3 {
		c, in := dial(t, l, "127.0.0.1", 0)
		if !in {
			t.Fatal("not let in")
		}
		first = c
	}
	for range 5 {
		if _, in := dial(t, l, "127.0.0.1", 0); in {
			t.Error("one too many is let in")
		}
	}
	if _, in := dial(t, l, "127.0.0.2", 0); !in {
		t.Error("another address is not let in")
	}
	if n := l.Refused(); n != 5 || len(told) != 1 || <-told != "127.0.0.1" {
		t.Errorf("%d were refused, %d told of", n, len(told))
	}
	first.Close()
	<-gone
	if _, in := dial(t, l, "127.0.0.1", 0); !in {
		t.Error("there is room again, and nobody is let in")
	}
}

func TestThisMachineIsBoundOnlyWhereThatIsSaid(t *testing.T) {
	l, _ := bounded(t, conns.Bounds{Each: 1})
	for range 5 {
		if _, in := dial(t, l, "127.0.0.1", 0); !in {
			t.Error("not let in")
		}
	}
}

func TestFurtherCallersWait(t *testing.T) {
	l, _ := bounded(t, conns.Bounds{Total: 2})
	first, in := dial(t, l, "127.0.0.1", 0)
	if !in {
		t.Fatal("not let in")
	}
	if _, in := dial(t, l, "127.0.0.1", 0); !in {
		t.Fatal("not let in")
	}
	third := make(chan error)
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			defer c.Close()
			_, err = c.Read(make([]byte, 1))
		}
		third <- err
	}()
	select {
	case err := <-third:
		t.Fatal("the third is answered, or lost:", err)
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	if err := <-third; err != nil {
		t.Error(err)
	}
}

func TestAListenerEndsWhileCallersWait(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := conns.Wrap(inner)
	l.Bound(conns.Bounds{Total: 1})
	caller, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	c.Close()
	l.Wait()
}
