package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
)

func TestCommandsComeInOrderAndSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	ctx := limit(t)
	b := open(t, bus.Config{Dir: dir})
	for i := range 100 {
		if err := b.Append(ctx, 17, fmt.Appendf(nil, "command %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(b *bus.Bus, from, to int) {
		t.Helper()
		ctx, stop := context.WithCancel(ctx)
		next := from
		err := b.Commands(ctx, bus.ShardOf(17), func(_ context.Context, command []byte) error {
			if want := fmt.Sprintf("command %d", next); string(command) != want {
				t.Errorf("got %q, want %q", command, want)
			}
			if next++; next == to {
				stop()
			}
			return nil
		})
		if err != nil || next != to {
			t.Fatalf("read %d to %d: %v", from, next, err)
		}
	}
	read(b, 0, 40)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, bus.Config{Dir: dir})
	if n, err := b.Waiting(ctx, 17); err != nil || n < 60 || n > 100 {
		t.Fatalf("%d groups wait, %v", n, err)
	}
	read(b, 40, 100)
	var others sync.WaitGroup
	reading, stop := context.WithCancel(ctx)
	for shard := range bus.Shards { // a group is deleted when no shard has anything in it any more
		if shard != bus.ShardOf(17) {
			others.Go(func() { _ = b.Commands(reading, shard, func(context.Context, []byte) error { return nil }) })
		}
	}
	eventually(t, "the bucket is drained", func() bool { n, err := b.Waiting(ctx, 17); return err == nil && n == 0 })
	eventually(t, "the backlog is empty", func() bool { n, _, _, err := b.Backlog(ctx); return err == nil && n == 0 })
	stop()
	others.Wait()
	messages, size, oldest, err := b.Backlog(ctx)
	if err != nil || messages != 0 || size != 0 || !oldest.IsZero() {
		t.Fatalf("backlog of %d messages, %d bytes since %v: %v", messages, size, oldest, err)
	}
}

func TestAFailedCommandHoldsUpItsShardAndNothingElse(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir()})
	var callers sync.WaitGroup
	for bucket := range 32 { // two shards
		callers.Go(func() {
			if err := b.Append(ctx, bucket, []byte{byte(bucket)}); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()

	reading, stop := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	var seen []byte
	failed := make(chan struct{})
	repaired := make(chan struct{})
	all := make(chan struct{})
	failures := 0
	readers.Go(func() {
		_ = b.Commands(reading, 0, func(_ context.Context, command []byte) error {
			if len(seen) == 5 && failures < 3 {
				if failures++; failures == 1 {
					close(failed)
				}
				<-repaired
				return errors.New("the store is away")
			}
			seen = append(seen, command[0])
			if len(seen) == 16 {
				close(all)
			}
			return nil
		})
	})
	<-failed
	others := make(chan byte, 16)
	readers.Go(func() {
		_ = b.Commands(reading, 1, func(_ context.Context, command []byte) error {
			others <- command[0]
			return nil
		})
	})
	for range 16 {
		<-others
	}
	close(repaired)
	<-all
	slices.Sort(seen)
	for i, c := range seen {
		if int(c) != i {
			t.Fatalf("commands were lost or done twice: %v", seen)
		}
	}
}

func TestAFullBacklogRefuses(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir(), BacklogBytes: 32 << 20})
	command := make([]byte, 100<<10)
	var err error
	n := 0
	for ; err == nil && n < 600; n++ {
		err = b.Append(ctx, 0, command)
	}
	if fault.CodeOf(err) != fault.Overloaded || bus.Unknown(err) || n < 300 {
		t.Fatalf("after %d commands: %v", n, err)
	}
	if err := b.Append(ctx, 255, command); fault.CodeOf(err) != fault.Overloaded {
		t.Fatalf("another shard's command, beyond the bound of all: %v", err)
	}
	if s := b.State(); s.Embedded != true || s.Connected != true {
		t.Fatalf("%+v", s)
	}
}

func TestOrderAndSizeOfConcurrentCallers(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir()})
	const each = 200
	var callers sync.WaitGroup
	for caller := range 16 {
		callers.Go(func() {
			command := make([]byte, 3+caller*1000)
			for i := range each {
				command[0], command[1], command[2] = byte(caller), byte(i>>8), byte(i)
				if err := b.Append(ctx, 3, command); err != nil {
					t.Error(err)
					return
				}
				clear(command)
			}
		})
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	left := 16 * each
	var next [16]int
	err := b.CommandGroups(reading, 0, func(_ context.Context, commands [][]byte) (int, error) {
		for _, c := range commands {
			caller, i := int(c[0]), int(c[1])<<8|int(c[2])
			if next[caller] != i || len(c) != 3+caller*1000 || !bytes.Equal(c[3:], make([]byte, len(c)-3)) {
				t.Errorf("caller %d: number %d of %d bytes, want number %d", caller, i, len(c), next[caller])
			}
			next[caller]++
			if left--; left == 0 {
				stop()
			}
		}
		return len(commands), nil
	})
	callers.Wait()
	if err != nil || left != 0 {
		t.Fatalf("%d commands did not come, %v", left, err)
	}
}

func TestACallerWhoseTimeIsOver(t *testing.T) {
	b := open(t, bus.Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if err := b.Append(ctx, 0, []byte("x")); err != nil && fault.CodeOf(err) != fault.Deadline {
			t.Fatal(err)
		}
	}
}

func TestLostFolderStartsEmpty(t *testing.T) {
	dir := t.TempDir()
	ctx := limit(t)
	b := open(t, bus.Config{Dir: dir})
	if err := b.Append(ctx, 0, []byte("lost")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	b = open(t, bus.Config{Dir: dir})
	if err := b.Append(ctx, 0, []byte("new")); err != nil {
		t.Fatal(err)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	err := b.Commands(reading, 0, func(_ context.Context, command []byte) error {
		if string(command) != "new" {
			t.Errorf("got %q", command)
		}
		stop()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClosedBusTakesNothing(t *testing.T) {
	b := open(t, bus.Config{Dir: t.TempDir()})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for name, err := range map[string]error{
		"Append":   b.Append(ctx, 0, nil),
		"Publish":  b.Publish(ctx, "x", "1", nil),
		"Commands": b.Commands(ctx, 0, func(context.Context, []byte) error { return nil }),
	} {
		if fault.CodeOf(err) != fault.Unavailable || bus.Unknown(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadConfigIsNamed(t *testing.T) {
	for _, c := range []bus.Config{
		{Service: "a.b", Dir: "x"},
		{Service: "shop"},
		{Service: "shop", Dir: "x", URLs: []string{"nats://127.0.0.1"}},
		{Service: "shop", Dir: "x", Replicas: 9},
	} {
		if b, err := bus.Open(t.Context(), c); err == nil {
			_ = b.Close()
			t.Errorf("%+v was taken", c)
		}
	}
}
