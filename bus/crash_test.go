package bus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita/bus"
)

// A child of the crash tests tells on its standard output what happened, a line at a time: what is
// in the pipe outlives it.
var told sync.Mutex

func tell(format string, a ...any) {
	told.Lock()
	defer told.Unlock()
	fmt.Printf(format+"\n", a...)
}

func child(role, dir string) {
	ctx := context.Background()
	c := bus.Config{Dir: dir, Service: "shop", Logger: slog.New(slog.DiscardHandler)}
	if role == "behind" {
		c.BacklogBytes = smallest
	}
	b, err := bus.Open(ctx, c)
	if err != nil {
		tell("error %v", err)
		os.Exit(2)
	}
	switch role {
	case "append": // until it is killed
		for shard := range bus.Shards {
			go func() {
				_ = b.Commands(ctx, shard, func(_ context.Context, command []byte) error {
					tell("done %s", command)
					return nil
				})
			}()
		}
		var callers sync.WaitGroup
		for caller := range 32 {
			callers.Go(func() {
				for i := 0; ; i++ {
					command := fmt.Sprintf("%s/%d %d", os.Getenv("PARTITA_BUS_ROUND"), caller, i)
					if err := b.Append(ctx, caller*8, []byte(command)); err != nil {
						tell("error %v", err)
						return
					}
					tell("accepted %s", command)
				}
			})
		}
		callers.Wait()
	case "behind":
		round, last, _ := strings.Cut(os.Getenv("PARTITA_BUS_ROUND"), " ")
		behind(ctx, b, round, last == "true")
	case "stuck": // until it is killed: one shard of a log fails, the other goes on
		go func() {
			_ = b.Commands(ctx, 0, func(context.Context, []byte) error { return errors.New("not now") })
		}()
		_ = b.Commands(ctx, 1, func(_ context.Context, command []byte) error {
			if string(command) == os.Getenv("PARTITA_BUS_ROUND") {
				tell("enough")
				<-ctx.Done() // never
			}
			tell("done %s", command)
			return nil
		})
	case "handle": // until the last command, or a bad one
		last := make(chan struct{})
		b.OnPoison(func(_ context.Context, command []byte) error {
			tell("aside %s", command)
			return nil
		})
		go func() {
			_ = b.Commands(ctx, 0, func(_ context.Context, command []byte) error {
				if string(command) == "bad" {
					tell("dies")
					os.Exit(3)
				}
				tell("done %s", command)
				if string(command) == "last" {
					close(last)
				}
				return nil
			})
		}()
		<-last
	}
	if err := b.Close(); err != nil {
		tell("error %v", err)
	}
}

// run runs a child and hands each of its lines to line, until that says to kill it or it ends by
// itself.
func run(t *testing.T, role, dir, round string, line func(string) (kill bool)) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), "PARTITA_BUS_CHILD="+role, "PARTITA_BUS_DIR="+dir, "PARTITA_BUS_ROUND="+round)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "error") {
			t.Error(lines.Text())
		}
		if line(lines.Text()) && !killed {
			killed = true
			if err := c.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = c.Wait() // it was killed, or left on purpose
}

// history is what is known of commands named "stream number".
type history struct {
	t        *testing.T
	accepted map[string]bool
	done     map[string]bool
	last     map[string]int // by stream: the highest number done
}

func (h *history) doneWith(command string) {
	if h.done[command] {
		return // again, after a crash
	}
	h.done[command] = true
	stream, n := command, 0
	if _, err := fmt.Sscanf(command, "%s %d", &stream, &n); err != nil {
		h.t.Errorf("a command that nobody sent: %q", command)
	}
	if last, ok := h.last[stream]; ok && n != last+1 || !ok && n != 0 {
		h.t.Errorf("%s: number %d came after %d", stream, n, last)
	}
	h.last[stream] = n
}

func TestKilledWhileAppending(t *testing.T) {
	rounds := 5
	if soak() {
		rounds = 300
	}
	dir := t.TempDir()
	h := &history{t: t, accepted: map[string]bool{}, done: map[string]bool{}, last: map[string]int{}}
	for round := range rounds {
		n := 0
		run(t, "append", dir, fmt.Sprint(round), func(line string) bool {
			what, command, _ := strings.Cut(line, " ")
			switch what {
			case "accepted":
				h.accepted[command] = true
			case "done":
				h.doneWith(command)
			}
			n++
			return n > 500+round*397%1000
		})
	}
	b := open(t, bus.Config{Dir: dir})
	ctx, stop := context.WithCancel(limit(t))
	defer stop()
	var mu sync.Mutex
	missing := func() (n int) {
		for command := range h.accepted {
			if !h.done[command] {
				n++
			}
		}
		return n
	}
	var readers sync.WaitGroup
	for shard := range bus.Shards {
		readers.Go(func() {
			err := b.Commands(ctx, shard, func(_ context.Context, command []byte) error {
				mu.Lock()
				defer mu.Unlock()
				h.doneWith(string(command))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the backlog is empty", func() bool {
		messages, _, _, err := b.Backlog(ctx)
		return err == nil && messages == 0
	})
	stop()
	readers.Wait()
	if n := missing(); n > 0 {
		t.Fatalf("%d of %d accepted commands are lost", n, len(h.accepted))
	}
	t.Logf("%d kills, %d commands accepted, %d done", rounds, len(h.accepted), len(h.done))
}

func TestAStuckShardDoesNotMakeAnotherBeginAgain(t *testing.T) {
	const commands = 300
	dir := t.TempDir()
	ctx := limit(t)
	b := open(t, bus.Config{Dir: dir})
	for i := range commands {
		for _, bucket := range []int{0, 16} {
			if err := b.Append(ctx, bucket, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	const killed = 250
	times := make(map[string]int)
	run(t, "stuck", dir, fmt.Sprint(killed), func(line string) bool {
		times[line]++
		return line == "enough"
	})
	run(t, "stuck", dir, "", func(line string) bool {
		times[line]++
		return line == fmt.Sprint("done ", commands-1)
	})
	again := 0
	for i := range commands {
		n := times[fmt.Sprint("done ", i)]
		if n == 0 || n > 2 || n == 2 && i >= killed {
			t.Errorf("command %d was done %d times", i, n)
		}
		again += n - 1
	}
	if again > 64 {
		t.Fatalf("after a kill %d commands were done once more", again)
	}
}

func TestACommandThatEndsTheProcessIsPutAside(t *testing.T) {
	some := []string{"a", "b", "bad", "c", "last"}
	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprint(i))
	}
	many[400], many[599] = "bad", "last"
	for name, c := range map[string]struct {
		commands []string
		grouped  bool
		deaths   int // at most: it is to be found first
	}{
		"one group":   {some, true, 6},
		"some groups": {some, false, 7},
		"many groups": {many, false, 9},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ctx := limit(t)
			b := open(t, bus.Config{Dir: dir})
			if c.grouped {
				appendTogether(t, b, c.commands)
			} else {
				for _, command := range c.commands {
					if err := b.Append(ctx, 0, []byte(command)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			deaths := 0
			seen := map[string]int{}
			for seen["done last"] == 0 && deaths < 20 {
				run(t, "handle", dir, "", func(line string) bool {
					if line == "dies" {
						deaths++
					}
					seen[line]++
					return false
				})
			}
			if deaths < 5 || deaths > c.deaths || seen["aside bad"] != 1 {
				t.Errorf("%d deaths, put aside %d times", deaths, seen["aside bad"])
			}
			for _, command := range c.commands {
				if command != "bad" && (seen["done "+command] == 0 || seen["aside "+command] > 0) {
					t.Errorf("%s: done %d times, put aside %d times", command, seen["done "+command], seen["aside "+command])
				}
			}
			t.Logf("%d deaths", deaths)
		})
	}
}

// appendTogether appends commands in one group.
func appendTogether(t *testing.T, b *bus.Bus, commands []string) {
	t.Helper()
	bus.Hold(b, 0)
	var callers sync.WaitGroup
	for i, c := range commands {
		callers.Go(func() {
			if err := b.Append(t.Context(), 0, []byte(c)); err != nil {
				t.Error(err)
			}
		})
		eventually(t, "it waits", func() bool { return bus.Held(b, 0) == i+1 })
	}
	bus.Unhold(b, 0)
	callers.Wait()
}

func TestACommandThatPanicsIsPutAside(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir()})
	appendTogether(t, b, []string{"a", "bad", "c", "last"})
	var aside, seen []string
	b.OnPoison(func(_ context.Context, command []byte) error {
		aside = append(aside, string(command))
		if len(aside) == 1 {
			return context.DeadlineExceeded // and once more
		}
		return nil
	})
	reading, stop := context.WithCancel(ctx)
	defer stop()
	bad := 0
	err := b.Commands(reading, 0, func(_ context.Context, command []byte) error {
		switch string(command) {
		case "bad":
			bad++
			panic("a defect")
		case "last":
			stop()
		}
		seen = append(seen, string(command))
		return nil
	})
	if got := strings.Join(seen, " "); err != nil || bad != 5 || got != "a a c last" && got != "a c last" {
		t.Fatalf("%d panics, seen %s, %v", bad, got, err)
	}
	if strings.Join(aside, " ") != "bad bad" {
		t.Fatalf("put aside: %v", aside)
	}
}
