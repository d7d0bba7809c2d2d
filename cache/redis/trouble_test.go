package redis_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/internal/redistest"
)

// A server that hangs costs a bounded number of calls their deadline; then nobody asks it, until it
// answers a probe.
func TestServerThatHangs(t *testing.T) {
	s := redistest.New(t)
	const most = 8
	n := connected(t, redis.Config{URL: s.URL(), Timeout: 100 * time.Millisecond, MaxCalls: most})
	for range 5 {
		before := n.Stats()
		s.Freeze()
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() {
				if o := n.Fetch(t.Context(), "k", anything); o.Asked || o.Answer != nil {
					t.Errorf("a server that hangs gave %+v", o)
				}
			})
		}
		callers.Wait()
		// Who waits fails in the end, so the failures count those who waited: a full house, and some who
		// came in while the first three had failed and the others not yet.
		st := n.Stats()
		waited, skipped := st.Errors-before.Errors, st.Skipped-before.Skipped
		if waited < 3 || waited > 2*most || waited+skipped != 1000 {
			t.Errorf("of 1,000 callers %d waited, and %d went on at once", waited, skipped)
		}
		if state := n.becomes(t, false); state.Cause != "it does not answer in time" {
			t.Errorf("cause: %s", state.Cause)
		}
		skipped = n.Stats().Skipped
		if o := n.Fetch(t.Context(), "k", anything); o.Asked || n.Stats().Skipped != skipped+1 {
			t.Error("it is not left alone")
		}
		s.Thaw()
		n.becomes(t, true)
		for !n.Fetch(t.Context(), "k", cache.Want{Look: true}).Asked { // a slow machine may need more than one
			runtime.Gosched()
		}
	}
}

// What was on its way to a server that hung arrives when it goes on: with the age that it has by then.
func TestPutBehindAFreeze(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, redis.Config{URL: s.URL(), Timeout: 50 * time.Millisecond})
	other := connected(t, patient(s.URL()))
	ticket := other.Fetch(t.Context(), "k", anything).Ticket
	a := answer(7, "seven")
	frozen := time.Now()
	s.Freeze()
	n.Done(t.Context(), "k", ticket, a, time.Minute) // gives up; the bytes are under way
	for n.State().OK {
		n.Done(t.Context(), "k", ticket, a, time.Minute)
	}
	lasted := time.Since(frozen)
	s.Thaw()
	n.becomes(t, true)
	o := other.Fetch(t.Context(), "k", cache.Want{Age: time.Hour, Patience: 1})
	if o.Answer == nil {
		t.Fatal("it did not arrive")
	}
	if age := time.Since(o.Answer.Time); age < lasted {
		t.Errorf("offered as %v old after %v", age, lasted)
	}
}

func TestServerThatDies(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	for range 3 {
		share(t, n, "k", answer(7, "seven"), time.Minute)
		s.Kill()
		for range 10 {
			if o := n.Fetch(t.Context(), "k", anything); o.Asked {
				t.Fatalf("a server that is dead gave %+v", o)
			}
		}
		if state := n.becomes(t, false); state.Cause != "it cannot be reached" {
			t.Errorf("cause: %s", state.Cause)
		}
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		n.becomes(t, true)
		if o := n.Fetch(t.Context(), "k", anything); !o.Asked || o.Answer != nil || o.Ticket.Token == "" {
			t.Fatalf("a server that came back empty gave %+v", o)
		}
		n.Done(t.Context(), "k", cache.Ticket{}, nil, 0)
		if _, err := s.Do("DEL", "k:lease"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerThatIsNotThereYet(t *testing.T) {
	s := redistest.New(t)
	s.Kill()
	n := open(t, redis.Config{URL: s.URL()})
	if state := n.becomes(t, false); state.Cause != "it cannot be reached" {
		t.Errorf("cause: %s", state.Cause)
	}
	if o := n.Fetch(t.Context(), "k", anything); o.Asked {
		t.Errorf("%+v", o)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	n.becomes(t, true)
}

// What the server refuses is told in words, without secrets, and heals by itself.
func TestServerThatRefuses(t *testing.T) {
	t.Run("password", func(t *testing.T) {
		s := redistest.New(t, "--requirepass", "right-secret")
		var log bytes.Buffer
		n := open(t, redis.Config{URL: "redis://:wrong-secret@" + s.Addr(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if state := n.becomes(t, false); state.Cause != "it does not accept the user and password" {
			t.Errorf("cause: %s", state.Cause)
		}
		connected(t, redis.Config{URL: "redis://:right-secret@" + s.Addr(), Timeout: 10 * time.Second})
		if place := n.Place(); place != "redis://"+s.Addr() {
			t.Errorf("place: %s", place)
		}
		n.Close()
		if strings.Contains(log.String(), "secret") {
			t.Errorf("the log shows the password:\n%s", &log)
		}
	})
	t.Run("memory", func(t *testing.T) {
		s := redistest.New(t, "--maxmemory-policy", "noeviction")
		n := connected(t, redis.Config{URL: s.URL(), Timeout: 10 * time.Second})
		if _, err := s.Do("CONFIG", "SET", "maxmemory", "1"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if o := n.Fetch(t.Context(), "k", anything); o.Asked {
				t.Fatalf("%+v", o)
			}
		}
		if state := n.becomes(t, false); !strings.HasPrefix(state.Cause, "it is full") {
			t.Errorf("cause: %s", state.Cause)
		}
		if _, err := s.Do("CONFIG", "SET", "maxmemory", "0"); err != nil {
			t.Fatal(err)
		}
		n.becomes(t, true)
	})
}

// Scripts that the server lost are sent again.
func TestScriptsAreLost(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	share(t, n, "k", answer(7, "seven"), time.Minute)
	if _, err := s.Do("SCRIPT", "FLUSH"); err != nil {
		t.Fatal(err)
	}
	if o := n.Fetch(t.Context(), "k", anything); o.Answer == nil {
		t.Fatalf("%+v", o)
	}
}

func TestURLs(t *testing.T) {
	for _, bad := range []string{"", "redis", "redis://", "http://host", "redis://user:secret@host:port", "redis://:secret@host/db", "redis://:secret@host/1/2", ":secret@host"} {
		_, err := redis.New(redis.Config{URL: bad})
		if err == nil {
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the complaint shows the password: %v", bad, err)
		}
	}
	for good, place := range map[string]string{
		"redis://host":                                   "redis://host",
		"rediss://user:secret@host:6380/2":               "rediss://host:6380/2",
		"valkey://a:1?addr=b:2&master_set=mine":          "valkey://a:1",
		"unix:///run/redis.sock?db=3&password=notreally": "unix:///run/redis.sock",
	} {
		if n, err := redis.New(redis.Config{URL: good}); err != nil || n.Place() != place {
			t.Errorf("%q: %v", good, err)
		} else {
			n.Close()
		}
	}
}

func TestClosedTier(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	n.Close()
	n.Close()
	if o := n.Fetch(t.Context(), "k", anything); o.Asked || o.Ticket != (cache.Ticket{}) {
		t.Errorf("%+v", o)
	}
	unstarted, err := redis.New(patient(s.URL()))
	if err != nil {
		t.Fatal(err)
	}
	unstarted.Close()
}
