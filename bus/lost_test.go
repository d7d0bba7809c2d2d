package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/partita-dev/partita/bus/bustest"
)

// The last message of a log goes astray between server and reader, while the connection stays: the
// server has given it away, no later one shows the gap, and the reader finds out by itself.
func TestALostLastMessageIsFound(t *testing.T) {
	c := bustest.Start(t, 1)
	b := join(t, c, "a")
	ctx := limit(t)
	if err := b.Append(ctx, 0, []byte("0")); err != nil { // so that there is a log
		t.Fatal(err)
	}
	done := make(chan string, 100)
	reading, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = b.Commands(reading, 0, func(_ context.Context, command []byte) error {
			done <- string(command)
			return nil
		})
	}()
	defer func() { stop(); <-stopped }()
	<-done

	consumer := readerOf(t, c, "partita_shop_command_0")
	stolen, err := consumer.Fetch(1, jetstream.FetchMaxWait(within))
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for lost := false; !lost; { // the server gives in turn, to the reader and to the thief
		sent++
		if err := b.Append(ctx, 0, fmt.Append(nil, sent)); err != nil {
			t.Fatal(err)
		}
		select {
		case m := <-stolen.Messages():
			if m == nil {
				t.Fatal(stolen.Error())
			}
			lost = true
		case got := <-done:
			if want := fmt.Sprint(sent); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
	select {
	case got := <-done:
		if want := fmt.Sprint(sent); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	case <-ctx.Done():
		t.Fatal("the lost command never came")
	}
}

// The server forgets the reader while nothing happens.
func TestAReaderThatTheServerForgets(t *testing.T) {
	c := bustest.Start(t, 1)
	b := join(t, c, "a")
	ctx := limit(t)
	done := make(chan string, 100)
	reading, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = b.Commands(reading, 0, func(_ context.Context, command []byte) error {
			done <- string(command)
			return nil
		})
	}()
	defer func() { stop(); <-stopped }()
	for i := range 3 {
		if err := b.Append(ctx, 0, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-done:
			if got != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", got, i)
			}
		case <-ctx.Done():
			t.Fatal("the command never came")
		}
		old := readerOf(t, c, "partita_shop_command_0").CachedInfo().Name
		if err := jetStream(t, c).DeleteConsumer(ctx, "partita_shop_command_0", old); err != nil {
			t.Fatal(err)
		}
	}
}

// readerOf waits until a log has one reader, and gives it.
func readerOf(t *testing.T, c *bustest.Cluster, log string) (reader jetstream.Consumer) {
	t.Helper()
	js := jetStream(t, c)
	eventually(t, "the log has a reader", func() bool {
		stream, err := js.Stream(t.Context(), log)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		names := stream.ConsumerNames(t.Context())
		var all []string
		for name := range names.Name() {
			all = append(all, name)
		}
		if err := names.Err(); err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 {
			return false
		}
		reader, err = stream.Consumer(t.Context(), all[0])
		return err == nil
	})
	return reader
}

func jetStream(t *testing.T, c *bustest.Cluster) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(c.URLs()[0], nats.Timeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
