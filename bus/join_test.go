package bus_test

import (
	"context"
	"sync"
	"testing"

	"github.com/partita-dev/partita/bus"
)

// A folder in which commands wait on two logs is worked off as it is, and has one log from the start
// after that on.
func TestTwoLogsBecomeOne(t *testing.T) {
	dir := t.TempDir()
	at := func() *bus.Bus { return open(t, bus.Config{Dir: dir, Service: "shop", BacklogBytes: 64 << 20}) }
	ctx := limit(t)
	first, last := 0, bus.Buckets-1
	put := func(b *bus.Bus, commands ...string) {
		for _, command := range commands {
			for _, bucket := range []int{first, last} {
				if err := b.Append(ctx, bucket, []byte(command)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	get := func(b *bus.Bus, want ...string) {
		var readers sync.WaitGroup
		defer readers.Wait()
		reading, stop := context.WithCancel(ctx)
		defer stop()
		for _, bucket := range []int{first, last} {
			came := make(chan string, 10)
			for shard := range bus.Shards { // each has to be read, so that what is done can be deleted
				if shard != bus.ShardOf(bucket) && (bucket == last || shard == bus.ShardOf(last)) {
					continue
				}
				readers.Go(func() {
					_ = b.Commands(reading, shard, func(_ context.Context, command []byte) error {
						if shard == bus.ShardOf(bucket) {
							came <- string(command)
						}
						return nil
					})
				})
			}
			for _, w := range want {
				select {
				case got := <-came:
					if got != w {
						t.Errorf("bucket %d: %q came, not %q", bucket, got, w)
					}
				case <-ctx.Done():
					t.Fatal(ctx.Err())
				}
			}
		}
		eventually(t, "nothing waits", func() bool {
			messages, _, _, err := b.Backlog(ctx)
			return err == nil && messages == 0
		})
	}

	b := at()
	bus.Split(b)
	put(b, "a", "b")
	b.Close()

	b = at()
	if n, _ := bus.Logs(ctx, b); n != 2 {
		t.Errorf("%d logs while commands wait on two", n)
	}
	put(b, "c")
	get(b, "a", "b", "c")
	b.Close()

	b = at()
	if n, bound := bus.Logs(ctx, b); n != 1 || bound != 64<<20 {
		t.Errorf("%d logs, the first of %d bytes, when nothing waits any more", n, bound)
	}
	put(b, "d", "e")
	get(b, "d", "e")
	b.Close()

	b = at()
	if n, bound := bus.Logs(ctx, b); n != 1 || bound != 64<<20 {
		t.Errorf("%d logs, the first of %d bytes, at the next start", n, bound)
	}
	b.Close()

	// As when the process ended between the end of the second log and the new bound of the first; a
	// bound that was raised since takes the same way, and a wider one stays.
	for _, bound := range []struct{ configured, want int64 }{{128 << 20, 128 << 20}, {64 << 20, 128 << 20}} {
		b = open(t, bus.Config{Dir: dir, Service: "shop", BacklogBytes: bound.configured})
		if n, got := bus.Logs(ctx, b); n != 1 || got != bound.want {
			t.Errorf("%d logs, the first of %d bytes, with %d configured", n, got, bound.configured)
		}
		b.Close()
	}
}
