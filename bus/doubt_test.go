package bus_test

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/bus/bustest"
	"github.com/partita-dev/partita/fault"
)

// proxy stands between a client and a server, and can swallow what the server says.
type proxy struct {
	listener net.Listener
	all      sync.WaitGroup

	mu    sync.Mutex
	mute  bool
	conns map[net.Conn]bool
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{conns: map[net.Conn]bool{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.cut()
		p.all.Wait()
	})
	p.all.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target.Host)
			if err != nil {
				_ = client.Close()
				continue
			}
			p.keep(client, server)
			p.all.Go(func() { p.pass(server, client, false) })
			p.all.Go(func() { p.pass(client, server, true) })
		}
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
}

func (p *proxy) pass(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		swallow := p.mute && answers
		p.mu.Unlock()
		if !swallow {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// silence swallows answers from now on, or lets them through for new connections.
func (p *proxy) silence(on bool) {
	p.mu.Lock()
	p.mute = on
	p.mu.Unlock()
	if !on {
		p.cut()
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

func TestALostAnswerIsDoubt(t *testing.T) {
	c := bustest.Start(t, 1)
	p := newProxy(t, c.URLs()[0])
	b := open(t, bus.Config{URLs: []string{p.url()}, Node: "a"})
	eventually(t, "it connects", func() bool { return b.State().Connected })
	for _, bucket := range []int{0, 16} {
		if err := b.Append(limit(t), bucket, []byte("first")); err != nil {
			t.Fatal(err)
		}
	}

	p.silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := b.Append(ctx, 0, []byte("in doubt"))
	if fault.CodeOf(err) != fault.Deadline || !bus.Unknown(err) {
		t.Fatalf("an answer that did not come: %v", err)
	}

	// One that has the time repeats itself, and is there once. Others are refused meanwhile.
	patient := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		patient <- b.Append(ctx, 16, []byte("patient"))
	}()
	eventually(t, "it is under way", func() bool { return bus.Publishing(b, 1) })
	eventually(t, "others are refused", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := b.Append(ctx, 16, []byte("never"))
		return fault.CodeOf(err) == fault.Unavailable && !bus.Unknown(err)
	})
	p.silence(false)
	if err := <-patient; err != nil {
		t.Fatal(err)
	}
	for shard, want := range []string{"first", "first patient"} {
		if err := b.Append(limit(t), shard*16, []byte("last")); err != nil {
			t.Fatalf("shard %d: %v; %+v", shard, err, b.State())
		}
		got := ""
		reading, stop := context.WithCancel(limit(t))
		defer stop()
		err = b.Commands(reading, shard, func(_ context.Context, command []byte) error {
			if got += string(command) + " "; string(command) == "last" {
				stop()
			}
			return nil
		})
		if err != nil || got != want+" last " && got != "first in doubt last " {
			t.Fatalf("%q, %v", got, err)
		}
	}
}
