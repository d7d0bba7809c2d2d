package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
)

// smallest is the smallest bound that a bus takes.
const smallest = 32 << 20

// padded makes a command of 32 KiB that begins with some words.
func padded(words string) []byte {
	return append([]byte(words+"\n"), make([]byte, 32<<10)...)
}

func wordsOf(command []byte) string {
	words, _, _ := strings.Cut(string(command), "\n")
	return words
}

// appendAgain appends, again and again while more is accepted than is done, or a busy disk is slow.
func appendAgain(ctx context.Context, b *bus.Bus, bucket int, command []byte) error {
	for {
		err := b.Append(ctx, bucket, command)
		if code := fault.CodeOf(err); code != fault.Overloaded && code != fault.Unavailable {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readAll reads all shards until stop is called.
func readAll(ctx context.Context, b *bus.Bus, handle func(shard int, command []byte) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	for shard := range bus.Shards {
		readers.Go(func() {
			_ = b.Commands(ctx, shard, func(_ context.Context, command []byte) error { return handle(shard, command) })
		})
	}
	return func() { cancel(); readers.Wait() }
}

// One shard is stuck while the others carry out several times what the log holds. They are not held up by
// it, it takes no more than its share, and when it can go on everything that it took is there, in order.
func TestAStuckShardDoesNotFillTheLogForTheOthers(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir(), BacklogBytes: smallest})
	var repaired atomic.Bool
	var done []string
	stop := readAll(ctx, b, func(shard int, command []byte) error {
		if shard != 0 {
			return nil
		}
		if !repaired.Load() {
			return errors.New("not now")
		}
		done = append(done, wordsOf(command))
		return nil
	})
	defer stop()

	var taken []string
	refused := false
	for i := range 3 * smallest / (32 << 10) {
		if err := appendAgain(ctx, b, 16+i%200, padded("other")); err != nil {
			t.Fatalf("another shard's command, number %d: %v", i, err)
		}
		if i%10 > 0 {
			continue
		}
		words := fmt.Sprint("stuck ", i)
		switch err := b.Append(ctx, 1, padded(words)); fault.CodeOf(err) {
		case "":
			taken = append(taken, words)
		case fault.Overloaded:
			refused = true
		default:
			t.Fatal(err)
		}
	}
	if apart := bus.Apart(b, 0); !refused || apart < smallest/16 {
		t.Errorf("the stuck shard has %d bytes apart, was refused: %v", apart, refused)
	}
	if n, err := b.Waiting(ctx, 1); err != nil || n == 0 {
		t.Errorf("%d groups wait of the stuck shard, %v", n, err)
	}
	before, err := b.Before(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := before(ctx); done || err != nil {
		t.Errorf("all is done before anything is: %v, %v", done, err)
	}
	if got := standing(ctx, t, b, 0); !slices.Equal(got, taken) {
		t.Errorf("%d commands stand in the logs, of %d that were taken; or in another order", len(got), len(taken))
	}

	repaired.Store(true)
	eventually(t, "all before is done", func() bool { done, err := before(ctx); return done && err == nil })
	eventually(t, "nothing waits", func() bool { n, err := b.Waiting(ctx, 1); return n == 0 && err == nil })
	eventually(t, "the logs are empty", func() bool { n, _, _, err := b.Backlog(ctx); return n == 0 && err == nil })
	if err := b.Append(ctx, 1, padded("last")); err != nil {
		t.Errorf("a command of the shard that was stuck: %v", err)
	}
	eventually(t, "the last is done", func() bool { n, err := b.Waiting(ctx, 1); return n == 0 && err == nil })
	stop()
	if got := firsts(done); !slices.Equal(got, append(taken, "last")) {
		t.Errorf("%d commands were done, of %d that were taken; or in another order", len(got), len(taken)+1)
	}
}

// firsts drops what was there before.
func firsts(list []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// standing gives the commands of a shard that stand in the logs, each where it comes first.
func standing(ctx context.Context, t *testing.T, b *bus.Bus, shard int) (list []string) {
	t.Helper()
	err := b.Each(ctx, func(of int, command []byte) error {
		if of == shard {
			list = append(list, wordsOf(command))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return firsts(list)
}

// While nothing can be carried out, as without the store, moving would make no room: the whole bound is
// there for whoever comes, also for one shard, while others have nothing to do.
func TestNothingIsMovedWhileAllAreStuck(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir(), BacklogBytes: smallest})
	failed := make(chan struct{}, 1)
	stop := readAll(ctx, b, func(int, []byte) error {
		select {
		case failed <- struct{}{}:
		default:
		}
		return errors.New("the store is away")
	})
	defer stop()
	n := 0
	var err error
	for ; err == nil && n < 2000; n++ {
		err = b.Append(ctx, n%20, padded("x"))
	}
	if fault.CodeOf(err) != fault.Overloaded || n < 900 {
		t.Fatalf("after %d commands: %v", n, err)
	}
	for range 4 { // they look whether they are behind, and go on
		<-failed
	}
	if apart := bus.Apart(b, 0) + bus.Apart(b, 1); apart > 0 {
		t.Fatalf("%d bytes stand apart", apart)
	}
}

// The process is killed again and again while a shard is stuck and its commands are moved apart.
func TestKilledWhileAShardIsStuck(t *testing.T) {
	rounds := 6
	if soak() {
		rounds = 200
	}
	dir := t.TempDir()
	h := &history{t: t, accepted: map[string]bool{}, done: map[string]bool{}, last: map[string]int{}}
	apart := false
	for round := range rounds + 1 {
		most := 300 + round*397%800
		if round == rounds {
			most = 1 << 30 // until all is done
		}
		n := 0
		run(t, "behind", dir, fmt.Sprint(round, " ", round == rounds), func(line string) bool {
			what, command, _ := strings.Cut(line, " ")
			switch what {
			case "accepted":
				h.accepted[command] = true
				n++
			case "done":
				h.doneWith(command)
			case "apart":
				apart = true
			}
			return n > most
		})
	}
	missing := 0
	for command := range h.accepted {
		if !h.done[command] {
			missing++
		}
	}
	if missing > 0 || !apart {
		t.Fatalf("%d of %d accepted commands are lost; some stood apart: %v", missing, len(h.accepted), apart)
	}
	t.Logf("%d kills, %d commands accepted, %d done", rounds, len(h.accepted), len(h.done))
}

// behind is a child that accepts and carries out until it is killed, while shard 0 fails; or in its last
// round carries out all that is there.
func behind(ctx context.Context, b *bus.Bus, round string, last bool) {
	stop := readAll(ctx, b, func(shard int, command []byte) error {
		if shard == 0 && !last {
			return errors.New("not now")
		}
		tell("done %s", wordsOf(command))
		return nil
	})
	defer stop()
	if last {
		for {
			n, _, _, err := b.Backlog(ctx)
			if err == nil && n == 0 {
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	var callers sync.WaitGroup
	for caller := range 16 {
		callers.Go(func() {
			for i := 0; ; i++ {
				words := fmt.Sprintf("%s/%d %d", round, caller, i)
				if err := appendAgain(ctx, b, caller*9, padded(words)); bus.Unknown(err) {
					return // the next would leave a gap, or not
				} else if err != nil {
					tell("error %v", err)
					return
				}
				tell("accepted %s", words)
				if caller == 0 && bus.Apart(b, 0) > 0 {
					tell("apart")
				}
			}
		})
	}
	callers.Wait()
}

// A command that panics is put aside also from where it stands apart.
func TestACommandThatPanicsIsPutAsideFromApart(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir(), BacklogBytes: smallest})
	var repaired atomic.Bool
	var done, aside []string
	b.OnPoison(func(_ context.Context, command []byte) error {
		aside = append(aside, wordsOf(command))
		return nil
	})
	for _, words := range []string{"first", "bad", "second"} {
		if err := b.Append(ctx, 0, padded(words)); err != nil {
			t.Fatal(err)
		}
	}
	stop := readAll(ctx, b, func(shard int, command []byte) error {
		switch {
		case shard != 0:
			return nil
		case !repaired.Load():
			return os.ErrDeadlineExceeded
		case wordsOf(command) == "bad":
			panic("a defect")
		}
		done = append(done, wordsOf(command))
		return nil
	})
	defer stop()
	for bus.Apart(b, 0) == 0 {
		if err := appendAgain(ctx, b, 99, padded("other")); err != nil {
			t.Fatal(err)
		}
	}
	repaired.Store(true)
	eventually(t, "nothing waits", func() bool { n, err := b.Waiting(ctx, 0); return n == 0 && err == nil })
	stop()
	if got := firsts(done); !slices.Equal(got, []string{"first", "second"}) || !slices.Equal(aside, []string{"bad"}) {
		t.Fatalf("done %v, put aside %v", got, aside)
	}
}
