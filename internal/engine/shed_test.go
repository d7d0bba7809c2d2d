package engine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

const rings = `
service: rings
partitions:
  house: {by: house_id, type: string(20), expect: 10}
entities:
  ring: {in: house, key: n, expect: 10, fields: {n: int}}
reads:
  latest: {get: ring, stale: 1h, allow: public}
  kept:   {get: ring, fresh: 1m, stale: 1h, allow: public}
`

func parsed(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.Parse("rings.yaml", []byte(rings), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// emptyStore is a store whose reads are another's: of partitions that were never written.
type emptyStore struct {
	store.Store
	read func()
}

func (s *emptyStore) Read(context.Context, store.Partition, *store.Query) (*store.Result, error) {
	s.read()
	return &store.Result{}, nil
}

func empty(t *testing.T, m *model.Model, read func()) *emptyStore {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Model: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &emptyStore{s, read}
}

func ask(r *model.Read) *engine.ReadRequest {
	return &engine.ReadRequest{Read: r, Args: &model.Args{Values: []model.Value{model.String("h"), model.Int(1)}, Given: []bool{true, true}}}
}

// Who was let in for an old answer only begins nothing: those who ask for the same are let in for more, and have it.
func TestWhoMayHaveAnOldAnswerOnlyBeginsNoLoadForOthers(t *testing.T) {
	m := parsed(t)
	var goOn chan struct{}
	s := empty(t, m, func() { <-goOn })
	synctest.Test(t, func(t *testing.T) {
		goOn = make(chan struct{})
		answers := cache.New(cache.Config{})
		defer answers.Close()
		gate := admit.NewGate(admit.GateConfig{})
		e, err := engine.New(engine.Config{Model: m, Store: s, Cache: answers, Reads: gate})
		if err != nil {
			t.Fatal(err)
		}
		door := admit.NewDoor(admit.DoorConfig{Model: m, Reads: gate, Shut: func() bool { return true }})
		shed, in := door.Stream(t.Context(), "GET", "/v1/latest/h/1", "127.0.0.1:1")
		if !in {
			t.Fatal("it is not let in for an old answer")
		}
		defer shed.Idle()
		var all sync.WaitGroup
		read := func(ctx context.Context, want fault.Code) {
			all.Go(func() {
				if r, err := e.Read(ctx, ask(m.Read("latest"))); fault.CodeOf(err) != want || r.Outcome == cache.Stale {
					t.Errorf("%v instead of %q, outcome %d", err, want, r.Outcome)
				}
			})
			synctest.Wait()
		}
		read(t.Context(), "")
		read(admit.WithConn(t.Context(), shed), fault.Overloaded)
		read(t.Context(), "")
		close(goOn)
		all.Wait()
		if n := gate.Figures().Classes[1].Refused; n != 1 {
			t.Errorf("%d were refused, of one", n)
		}
	})
}

// Those who wait for what somebody else has begun are refused with that one, and count each.
func TestWhoIsRefusedWithAnotherCountsToo(t *testing.T) {
	m := parsed(t)
	s := empty(t, m, func() {})
	synctest.Test(t, func(t *testing.T) {
		answers := cache.New(cache.Config{})
		defer answers.Close()
		gate := admit.NewGate(admit.GateConfig{Initial: 1, Least: 1, Most: 1})
		e, err := engine.New(engine.Config{Model: m, Store: s, Cache: answers, Reads: gate})
		if err != nil {
			t.Fatal(err)
		}
		pass, err := gate.Enter(t.Context(), admit.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		const readers = 20
		var all sync.WaitGroup
		var mu sync.Mutex
		after := map[time.Duration]bool{}
		for range readers {
			all.Go(func() {
				_, err := e.Read(t.Context(), ask(m.Read("kept")))
				f, ok := errors.AsType[*fault.Error](err)
				if !ok || f.Code != fault.Overloaded {
					t.Error(err)
					return
				}
				mu.Lock()
				after[f.RetryAfter] = true
				mu.Unlock()
			})
		}
		all.Wait()
		pass.Leave()
		if n := gate.Figures().Classes[1].Refused; n != readers || len(after) < 2 {
			t.Errorf("%d were refused of %d, and are to come again after %v", n, readers, after)
		}
	})
}

// slowTier has nothing, and says so when it is told to.
type slowTier struct{ asked, goOn chan struct{} }

func (s *slowTier) Fetch(context.Context, string, cache.Want) cache.Offer {
	s.asked <- struct{}{}
	<-s.goOn
	return cache.Offer{}
}

func (s *slowTier) Done(context.Context, string, cache.Ticket, *cache.Answer, time.Duration) {}

// A load that outlives the request that asked for it is not taken for the next one on the same connection.
func TestALoadThatOutlivesItsRequestIsNotTheNextRequests(t *testing.T) {
	m := parsed(t)
	loaded := make(chan struct{})
	s := empty(t, m, func() { close(loaded) })
	tier := &slowTier{make(chan struct{}), make(chan struct{})}
	answers := cache.New(cache.Config{Tier: tier})
	defer answers.Close()
	gate := admit.NewGate(admit.GateConfig{})
	e, err := engine.New(engine.Config{Model: m, Store: s, Cache: answers, Reads: gate})
	if err != nil {
		t.Fatal(err)
	}
	door := admit.NewDoor(admit.DoorConfig{Model: m, Reads: gate})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := door.Listen(inner)
	defer listener.Close()
	caller, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	conn := accepted.(*admit.Conn)
	come := func() {
		if _, err := io.WriteString(caller, "GET /v1/kept/h/1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	come()
	ctx, leave := context.WithCancel(admit.WithConn(t.Context(), conn))
	over := make(chan error)
	go func() {
		_, err := e.Read(ctx, ask(m.Read("kept")))
		over <- err
	}()
	<-tier.asked
	leave()
	if err := <-over; fault.CodeOf(err) != fault.Deadline {
		t.Errorf("who leaves is told %v", err)
	}
	conn.Idle()
	come()
	close(tier.goOn)
	<-loaded
	if n := door.Figures().Inside; n != 1 {
		t.Errorf("%d are looked at, where one is", n)
	}
}

// A defect of the store is told, and takes no place before it for ever.
func TestADefectOfTheStoreLeavesItsPlace(t *testing.T) {
	m := parsed(t)
	s := empty(t, m, func() { panic("a defect") })
	answers := cache.New(cache.Config{})
	defer answers.Close()
	gate := admit.NewGate(admit.GateConfig{})
	e, err := engine.New(engine.Config{Model: m, Store: s, Cache: answers, Reads: gate})
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq("latest kept") {
		if _, err := e.Read(t.Context(), ask(m.Read(name))); fault.CodeOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := gate.Figures().Inside; n != 0 {
		t.Errorf("%d are at the store, and nobody is", n)
	}
}
