package bus_test

import (
	"context"
	"sync"
	"testing"

	"github.com/partita-dev/partita/bus"
)

// What was accepted before a moment is done some time, whatever is accepted after it and waits.
func TestBefore(t *testing.T) {
	ctx := limit(t)
	b := open(t, bus.Config{Dir: t.TempDir()})
	const bucket = 3
	put := func(command string) {
		if err := b.Append(ctx, bucket, []byte(command)); err != nil {
			t.Fatal(err)
		}
	}
	before := func() func(context.Context) (bool, error) {
		done, err := b.Before(ctx, bucket)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	is := func(done func(context.Context) (bool, error)) bool {
		yes, err := done(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if !is(before()) {
		t.Error("something waits on a bus that nobody has used")
	}
	put("early")
	early := before()
	put("late")
	late := before()
	if is(early) || is(late) {
		t.Error("it is done before anybody reads")
	}

	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stop()
	held := make(chan struct{})
	reader.Go(func() {
		_ = b.Commands(reading, bus.ShardOf(bucket), func(ctx context.Context, command []byte) error {
			if string(command) == "late" {
				select {
				case <-held:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	eventually(t, "what came first is done", func() bool { return is(early) })
	if n, err := b.Waiting(ctx, bucket); err != nil || n == 0 || is(late) {
		t.Errorf("%d groups wait, %v, while the second is held", n, err)
	}
	close(held)
	eventually(t, "all is done", func() bool { return is(late) && is(before()) })
}
