package redis_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/internal/redistest"
)

func TestWhatOneNodeLoadsAnotherIsOffered(t *testing.T) {
	s := redistest.New(t)
	a, b := connected(t, patient(s.URL())), connected(t, patient(s.URL()))
	for name, want := range map[string]*cache.Answer{
		"a row":           answer(7, `{"a":1}`),
		"not found":       {Version: 3, Time: time.Now()},
		"a new partition": {Found: true, Body: []byte(`{"items":[]}`), Time: time.Now()},
	} {
		share(t, a, name, want, time.Minute)
		o := b.Fetch(t.Context(), name, anything)
		if o.Answer == nil || !o.Asked || o.Waited {
			t.Fatalf("%s: %+v", name, o)
		}
		got := o.Answer
		if got.Version != want.Version || string(got.Body) != string(want.Body) || got.ETag != want.ETag || got.Found != want.Found {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Time.After(want.Time) {
			t.Errorf("%s: offered as younger than it is", name)
		}
	}
	if st := b.Stats(); st.Hits != 3 || st.Misses != 0 {
		t.Errorf("%+v", st)
	}
}

// The tier counts from when the lease was given, or, if that is earlier, from the answer's own time.
func TestAgesAddUp(t *testing.T) {
	s := redistest.New(t)
	a, b := connected(t, patient(s.URL())), connected(t, patient(s.URL()))
	old := answer(7, "old")
	old.Time = time.Now().Add(-30 * time.Second) // such as a view's, which was behind
	share(t, a, "k", old, time.Minute)
	o := b.Fetch(t.Context(), "k", anything)
	if o.Answer == nil || o.Answer.Time.After(old.Time) || time.Since(o.Answer.Time) > 40*time.Second {
		t.Fatalf("an answer 30 s old was offered as %v old", time.Since(o.Answer.Time))
	}
	if o := b.Fetch(t.Context(), "k", cache.Want{Age: 29 * time.Second}); o.Answer != nil {
		t.Error("an answer older than wanted was offered")
	}
	if left, err := s.Do("PTTL", "k"); err != nil || len(left) > 5 || left <= "0" {
		t.Errorf("an answer for a minute, 30 s old, is kept for another %s ms", left)
	}
}

func TestOnlyWhatIsNewerIsSet(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	late := n.Fetch(t.Context(), "k", anything).Ticket
	early := late
	early.Time -= 5_000_000
	put := func(version uint64, body string, ticket cache.Ticket) {
		a := answer(version, body)
		n.Done(t.Context(), "k", ticket, a, time.Minute)
	}
	for _, step := range []struct {
		version uint64
		body    string
		ticket  cache.Ticket
		want    string
	}{
		{7, "seven", late, "seven"},
		{6, "six", late, "seven"},
		{7, "seven, older", early, "seven"},
		{8, "eight", early, "eight"},
		{8, "eight, younger", late, "eight, younger"},
	} {
		put(step.version, step.body, step.ticket)
		if o := n.Fetch(t.Context(), "k", anything); o.Answer == nil || string(o.Answer.Body) != step.want {
			t.Fatalf("after %q: %+v", step.body, o.Answer)
		}
	}
}

// What was under way for longer than its time is not kept.
func TestPutThatComesTooLate(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	ticket := n.Fetch(t.Context(), "k", anything).Ticket
	ticket.Time -= 61_000_000
	n.Done(t.Context(), "k", ticket, answer(7, "late"), time.Minute)
	if o := n.Fetch(t.Context(), "k", anything); o.Answer != nil {
		t.Fatal("it was kept")
	}
}

func TestTermsAreLookedAtByTheServer(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	share(t, n, "k", answer(7, "seven"), time.Minute)
	for name, w := range map[string]cache.Want{
		"version": {Age: time.Minute, Version: 8},
		"since":   {Age: time.Minute, Since: time.Now()},
		"age":     {Age: time.Microsecond},
	} {
		w.Look = true
		if o := n.Fetch(t.Context(), "k", w); o.Answer != nil || !o.Asked || o.Ticket != (cache.Ticket{}) {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if o := n.Fetch(t.Context(), "k", cache.Want{Age: time.Minute, Version: 7, Since: time.Now().Add(-time.Minute)}); o.Answer == nil {
		t.Error("an answer that meets the terms was not offered")
	}
}

func TestTooLargeToShare(t *testing.T) {
	s := redistest.New(t)
	n := connected(t, patient(s.URL()))
	large := answer(7, strings.Repeat("x", 1<<20))
	share(t, n, "k", large, time.Minute)
	for range 2 { // nobody waits for it, and nobody has a lease
		if o := n.Fetch(t.Context(), "k", anything); o.Answer != nil || o.Waited || o.Ticket.Token != "" || o.Ticket.Time == 0 {
			t.Fatalf("%+v", o)
		}
	}
	if size, err := s.Do("STRLEN", "k"); err != nil || len(size) > 2 {
		t.Errorf("%s bytes were kept of it", size)
	}
	n.Done(t.Context(), "k", n.Fetch(t.Context(), "k", anything).Ticket, answer(8, "small"), time.Minute)
	if o := n.Fetch(t.Context(), "k", anything); o.Answer == nil || string(o.Answer.Body) != "small" {
		t.Fatalf("a later answer that is small: %+v", o)
	}
	if n.Stats().Large != 1 {
		t.Errorf("%+v", n.Stats())
	}
	if o := n.Fetch(t.Context(), strings.Repeat("k", 1000), anything); o.Asked {
		t.Error("a key of 1,000 bytes was asked for")
	}
}

// 1,000 readers on 3 nodes ask for one expired answer.
func TestOneLoadOverAllNodes(t *testing.T) {
	s := redistest.New(t)
	var nodes [3]*cache.Cache
	for i := range nodes {
		nodes[i] = cache.New(cache.Config{Tier: connected(t, patient(s.URL()))})
		t.Cleanup(nodes[i].Close)
	}
	var head, loaded atomic.Uint64
	load := loads(func(context.Context) (*cache.Answer, error) {
		loaded.Add(1)
		return answer(head.Load(), fmt.Sprint("version ", head.Load())), nil
	})
	read := func(c *cache.Cache, version uint64) {
		a, _, err := c.Load(t.Context(), "p", "a", 1, minute, load)
		if err != nil || a.Version != version {
			t.Errorf("version %d: %v", a.Version, err)
		}
	}
	// A node that was only just started loads by itself what may have been read before its start. Each
	// has the answer once, so that from then on it knows by the version what it may take.
	head.Store(1)
	for _, c := range nodes {
		read(c, 1)
	}
	for version := uint64(2); version < 22; version++ {
		head.Store(version)
		for _, c := range nodes { // what they have is over
			c.Apply(cache.Message{Partition: "p", Version: version, All: true})
		}
		loaded.Store(0)
		var readers sync.WaitGroup
		for i := range 1000 {
			readers.Go(func() { read(nodes[i%len(nodes)], version) })
		}
		readers.Wait()
		if n := loaded.Load(); n != 1 {
			var stats [len(nodes)]cache.Stats
			for i, c := range nodes {
				stats[i] = c.Stats()
			}
			t.Fatalf("version %d: %d loads; %+v", version, n, stats)
		}
	}
}

// A node that dies with the lease holds up the others for as long as the lease lasts, then one of them
// loads for all.
func TestLeaseOfADeadNode(t *testing.T) {
	s := redistest.New(t)
	c := patient(s.URL())
	c.Lease = 50 * time.Millisecond
	dead := connected(t, c)
	if o := dead.Fetch(t.Context(), "k", anything); o.Ticket.Token == "" {
		t.Fatalf("no lease: %+v", o)
	}
	leases, offers := fetchBy(t, 5, patient(s.URL()))
	if leases != 1 || offers != 4 {
		t.Fatalf("%d nodes loaded, %d waited for them", leases, offers)
	}
}

// A load that takes longer than others wait for it is made by each node once.
func TestLeaseOfASlowNode(t *testing.T) {
	s := redistest.New(t)
	slow := connected(t, patient(s.URL()))
	ticket := slow.Fetch(t.Context(), "k", anything).Ticket
	c := patient(s.URL())
	c.Wait = 30 * time.Millisecond
	var nodes sync.WaitGroup
	for range 4 {
		n := connected(t, c)
		nodes.Go(func() {
			o := n.Fetch(t.Context(), "k", anything)
			if o.Answer != nil || !o.Waited || o.Ticket.Token != "" || o.Ticket.Time == 0 {
				t.Errorf("%+v", o)
			}
			if st := n.Stats(); st.Waits != 1 || st.Vain != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
	nodes.Wait()
	slow.Done(t.Context(), "k", ticket, answer(7, "at last"), time.Minute)
	if o := slow.Fetch(t.Context(), "k", anything); o.Answer == nil {
		t.Error("what the slow node loaded was not kept")
	}
}

// A load that failed, or that is not to be shared, is left to the next.
func TestLeaseIsGivenBack(t *testing.T) {
	s := redistest.New(t)
	a, b := connected(t, patient(s.URL())), connected(t, patient(s.URL()))
	o := a.Fetch(t.Context(), "k", anything)
	b.Done(t.Context(), "k", cache.Ticket{Token: "another's"}, nil, 0)
	if left, _ := s.Do("EXISTS", "k:lease"); left != "1" {
		t.Fatal("a node ended the lease of another")
	}
	a.Done(t.Context(), "k", o.Ticket, nil, 0)
	if o := b.Fetch(t.Context(), "k", anything); o.Ticket.Token == "" || o.Waited {
		t.Fatalf("%+v", o)
	}
}

// fetchBy lets nodes fetch at once; those that are given the lease load and put.
func fetchBy(t *testing.T, nodes int, c redis.Config) (leases, offers int64) {
	var work sync.WaitGroup
	var l, o atomic.Int64
	for range nodes {
		n := connected(t, c)
		work.Go(func() {
			switch got := n.Fetch(t.Context(), "k", anything); {
			case got.Ticket.Token != "":
				l.Add(1)
				n.Done(t.Context(), "k", got.Ticket, answer(7, "seven"), time.Minute)
			case got.Answer != nil:
				o.Add(1)
			}
		})
	}
	work.Wait()
	return l.Load(), o.Load()
}
