package relay_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/relay"
)

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func at(text string) *clock {
	c := &clock{}
	c.set(text)
	return c
}

func (c *clock) set(text string) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// turn has the schedules of all shards looked at once, without a relay that runs.
func (s *service) turn() {
	s.t.Helper()
	for i := range relay.Shards {
		if _, err := s.events.Turn(s.t.Context(), relay.Shard{Index: i}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// fired gives the nominal times for which the schedule's event was emitted.
func (s *service) fired() (list []string) {
	s.t.Helper()
	p := partition(s, "partita_clock", "at_three")
	changes, err := s.store.Changes(s.t.Context(), p, 0, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range changes {
		for range c.Events {
			list = append(list, c.Time.UTC().Format(time.RFC3339))
		}
	}
	return list
}

func TestSchedulesFireOnceForEachNominalTime(t *testing.T) {
	c := at("2026-06-01T12:00:00Z")
	dir := t.TempDir()
	s := serveModel(t, notes, options{dir: dir, now: c.read, quiet: true})
	expect := func(doing string, want ...string) {
		t.Helper()
		s.turn()
		s.turn()
		if got := s.fired(); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: it fired at %v, want %v", doing, got, want)
		}
	}
	expect("a new one waits for its next time")
	c.set("2026-06-02T00:59:59Z")
	expect("it is not time")
	c.set("2026-06-02T01:00:00Z") // 3 o'clock in Berlin
	expect("it is time", "2026-06-02T01:00:00Z")
	c.set("2026-06-02T00:30:00Z") // the clock goes back
	expect("the clock went back", "2026-06-02T01:00:00Z")
	c.set("2026-06-02T01:00:30Z")
	expect("the same time again", "2026-06-02T01:00:00Z")
	c.set("2026-06-06T09:00:00Z")
	expect("an outage of days", "2026-06-02T01:00:00Z", "2026-06-06T01:00:00Z")
	s.halt()
	s = serveModel(t, notes, options{dir: dir, now: c.read, quiet: true})
	expect("a restart", "2026-06-02T01:00:00Z", "2026-06-06T01:00:00Z")
	c.set("2027-06-06T09:00:00Z") // far ahead, by mistake
	expect("a jump ahead", "2026-06-02T01:00:00Z", "2026-06-06T01:00:00Z", "2027-06-06T01:00:00Z")
	c.set("2026-06-07T00:00:00Z")
	s.turn()
	c.set("2026-06-07T01:00:01Z")
	expect("right again", "2026-06-02T01:00:00Z", "2026-06-06T01:00:00Z", "2027-06-06T01:00:00Z", "2026-06-07T01:00:00Z")
	s.halt()
	s = serveModel(t, strings.Replace(notes, "0 3 * * *", "0 4 * * *", 1), options{dir: dir, now: c.read, quiet: true})
	c.set("2026-06-07T01:30:00Z")
	s.turn()
	c.set("2026-06-07T02:00:00Z")
	expect("another plan", "2026-06-02T01:00:00Z", "2026-06-06T01:00:00Z", "2027-06-06T01:00:00Z", "2026-06-07T01:00:00Z", "2026-06-07T02:00:00Z")
}

// In the hour that summer time leaves out or repeats, an hourly schedule follows the sun, not the
// clock on the wall.
func TestSchedulesOverTheChangeOfTheHour(t *testing.T) {
	c := at("2026-10-24T23:30:00Z")
	s := serveModel(t, strings.Replace(notes, "0 3 * * *", "0 * * * 7", 1), options{now: c.read, quiet: true})
	s.turn()
	for _, now := range []string{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"} {
		c.set(now)
		s.turn()
	}
	if got := fmt.Sprint(s.fired()); got != "[2026-10-25T00:00:00Z 2026-10-25T01:00:00Z 2026-10-25T02:00:00Z]" {
		t.Error(got)
	}
}

// A schedule's event is told and followed like any other.
func TestASchedulesEventIsTold(t *testing.T) {
	c := at("2026-06-01T12:00:00Z")
	var h heard
	s := serveModel(t, notes, options{now: c.read, endpoints: []*relay.Endpoint{{Lane: "x", Events: []string{"nightly"}, Prompt: true,
		Do: func(_ context.Context, ev *relay.Event, _ int) error { h.hear(ev); return nil }}}})
	s.wait("it is planned", func() bool { return len(s.rows("partita_timer")) == 1 })
	c.set("2026-06-02T01:00:00Z")
	s.wait("it is told", func() bool { return len(h.all()) == 1 })
	if ev := h.all()[0]; string(ev.Data) != `{"schedule":"at_three","at":"2026-06-02T01:00:00Z"}` || ev.Partition != "at_three" {
		t.Errorf("%s %s", ev.Data, ev.Partition)
	}
}

func TestEventsThatHappenLater(t *testing.T) {
	start := time.Now()
	c := &clock{now: start}
	var h heard
	dir := t.TempDir()
	o := options{dir: dir, now: c.read, endpoints: []*relay.Endpoint{{Lane: "x", Events: []string{"reminded"},
		Do: func(_ context.Context, ev *relay.Event, _ int) error { h.hear(ev); return nil }}}}
	s := serveModel(t, notes, o)
	for i := range 20 {
		s.must("plan", fmt.Sprintf(`{"person_id":"p","text":"%02d"}`, i))
	}
	s.wait("they wait", func() bool { return len(s.rows("partita_job")) == 20 })
	c.set(start.Add(59 * time.Minute).Format(time.RFC3339))
	s.halt() // a restart changes nothing
	s = serveModel(t, notes, o)
	time.Sleep(10 * time.Millisecond)
	if len(h.all()) > 0 || len(s.rows("copy")) > 0 {
		t.Error("they happen too soon")
	}
	c.set(start.Add(61 * time.Minute).Format(time.RFC3339))
	s.wait("they have happened", func() bool { return len(h.all()) == 20 && len(s.rows("copy")) == 20 && s.settled() })
	for i, row := range s.rows("copy") {
		if row["text"] != fmt.Sprintf("%02d", i) || row["person_id"] != "diary" {
			t.Error(row)
		}
	}
	p := partition(s, "person", "diary")
	if v, err := s.store.Head(t.Context(), p); err != nil || v != 20 {
		t.Error(v, err)
	}
}
