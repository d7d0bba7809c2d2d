package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/feed"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

const rooms = `
service: rooms
partitions: {room: {by: room_id, type: string(10), expect: 10}}
entities: {line: {in: room, key: seq, expect: 100, fields: {seq: {type: int, default: next}, text: string(20)}}}
reads: {line: {get: line}}
feeds: {live: {of: [line]}}
`

// scene is one room of a store, and how to say something there.
type scene struct {
	*sqlite.Store
	hub  *feed.Hub
	feed *model.Feed
	line *model.Entity
	room store.Partition
	t    *testing.T
}

func open(t *testing.T) *scene {
	t.Helper()
	m, err := model.Parse("rooms.yaml", []byte(rooms), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	hub := feed.NewHub()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Model: m, Options: store.Options{OnChange: hub.Tell}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	e := m.Entity("line")
	return &scene{s, hub, m.Feeds[0], e, store.Partition{Family: e.Family, Value: model.String("tea")}, t}
}

func (p *scene) say() {
	p.t.Helper()
	w := &store.Write{Partition: p.room, Now: time.Now(), Apply: func(tx store.Tx) ([]byte, error) {
		seq, err := tx.Next(p.line, p.line.Key[0])
		if err == nil {
			_, err = tx.Insert(p.line, []model.Value{p.room.Value, model.Int(seq), model.String("hello")})
		}
		return nil, err
	}}
	if p.Commit(p.t.Context(), w); w.Result.Err != nil {
		p.t.Fatal(w.Result.Err)
	}
}

// A reader who was slow for a moment sees all, although more happened meanwhile than waits for one
// reader, and nothing after that.
func TestAFeedWithoutRoomMissesNothing(t *testing.T) {
	p := open(t)
	const changes = 200
	sent, ended := make(chan uint64), make(chan error, 1) // the reader takes nothing so far
	f := &feed.Follower{Log: p, Hub: p.hub, Feed: p.feed, Place: p.room, Beat: time.Hour,
		Check: func(context.Context) error { return nil }, Alive: func(uint64) error { return nil },
		Send: func(version uint64, _ []byte) error { sent <- version; return nil }}
	ctx, stop := context.WithCancel(t.Context())
	p.say()
	go func() { ended <- f.Run(ctx, 0) }()
	if v := <-sent; v != 1 {
		t.Fatal(v)
	}
	for range changes {
		p.say()
	}
	for want := uint64(2); want <= changes+1; want++ {
		if v := <-sent; v != want {
			t.Fatalf("version %d came where %d was next", v, want)
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// While the service is in trouble a feed goes on, and its reader misses nothing and sees nothing before it
// is known that they may; it ends when they must not.
func TestAFeedOutlivesTrouble(t *testing.T) {
	p := open(t)
	var trouble, gone atomic.Bool
	asked, sent, ended := make(chan bool, 1000), make(chan uint64, 10), make(chan error, 1)
	f := &feed.Follower{
		Log: p, Hub: p.hub, Feed: p.feed, Place: p.room, Looks: map[*model.Entity]bool{p.line: true}, Beat: 20 * time.Millisecond,
		Check: func(context.Context) error {
			asked <- true
			switch {
			case gone.Load():
				return fault.New(fault.Forbidden, "No more.")
			case trouble.Load():
				return fault.New(fault.Overloaded, "Too much to do.")
			}
			return nil
		},
		Send:  func(version uint64, _ []byte) error { sent <- version; return nil },
		Alive: func(uint64) error { return nil },
	}
	go func() { ended <- f.Run(t.Context(), 0) }()
	p.say()
	if v := <-sent; v != 1 {
		t.Fatal(v)
	}
	trouble.Store(true)
	p.say()
	p.say()
	for range 5 { // times that it was tried in vain
		<-asked
	}
	select {
	case v := <-sent:
		t.Fatalf("version %d was shown before it was known that it may be", v)
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	default:
	}
	trouble.Store(false)
	for want := uint64(2); want <= 3; want++ {
		if v := <-sent; v != want {
			t.Fatalf("version %d came where %d was next", v, want)
		}
	}
	gone.Store(true)
	if err := <-ended; fault.CodeOf(err) != fault.Forbidden || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
