package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/internal/cluster"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

const notes = `
service: notes
partitions:
  person: {by: person_id, type: string(20), expect: 1k}
entities:
  note: {in: person, key: n, expect: 10, fields: {n: int, text: text(400000)}}
reads:
  note: {get: note, fresh: 1m}
writes:
  add: {insert: note, input: [text]}
`

func parse(t testing.TB, source string) *model.Model {
	t.Helper()
	m, err := model.Parse("test.yaml", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wire joins the nodes of a test. Each node's end is a cluster.Bus.
type wire struct {
	mu   sync.Mutex
	ends []*end
	last []byte // change
}

type end struct {
	wire    *wire
	cut     atomic.Bool
	changes atomic.Pointer[func([]byte)]
	gossip  atomic.Pointer[func([]byte)]
}

func (w *wire) end() *end {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := &end{wire: w}
	w.ends = append(w.ends, e)
	return e
}

func (e *end) others() []*end {
	e.wire.mu.Lock()
	defer e.wire.mu.Unlock()
	var list []*end
	for _, o := range e.wire.ends {
		if o != e && !e.cut.Load() && !o.cut.Load() {
			list = append(list, o)
		}
	}
	return list
}

func (e *end) SendChange(_ int, payload []byte) {
	e.wire.mu.Lock()
	e.wire.last = payload
	e.wire.mu.Unlock()
	for _, o := range e.others() {
		if f := o.changes.Load(); f != nil {
			(*f)(payload)
		}
	}
}

func (e *end) SendGossip(payload []byte) {
	for _, o := range e.others() {
		if f := o.gossip.Load(); f != nil {
			(*f)(payload)
		}
	}
}

func (e *end) OnChanges(f func([]byte)) error { e.changes.Store(&f); return nil }
func (e *end) OnGossip(f func([]byte)) error  { e.gossip.Store(&f); return nil }
func (e *end) OnReturn(func())                {}

// speaker makes one node's Changes over an end of the wire, and a list of what it hears.
func speaker(t *testing.T, e *end, m *model.Model, incarnation string, wanted func(store.Partition) bool) (*cluster.Changes, chan *store.Change) {
	t.Helper()
	heard := make(chan *store.Change, 100)
	c, err := cluster.NewChanges(cluster.ChangesConfig{Bus: e, Model: m, Incarnation: incarnation, Hear: func(c *store.Change) { heard <- c }, Wanted: wanted})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	return c, heard
}

func change(m *model.Model, version uint64, text string) *store.Change {
	e := m.Entity("note")
	values := make([]model.Value, len(e.Fields))
	values[0], values[1], values[2] = model.String("ada"), model.Int(1), model.String(text)
	return &store.Change{
		Partition: store.Partition{Family: m.Families[0], Value: model.String("ada")}, Version: version, ID: [16]byte{7}, Write: "add",
		Revision: m.Revision, Time: time.UnixMicro(1_000_000).UTC(), Rows: []model.RowChange{{Entity: e, After: &model.Row{Version: version, Values: values}}},
	}
}

func TestChangesReachTheOthers(t *testing.T) {
	m, w := parse(t, notes), &wire{}
	a, own := speaker(t, w.end(), m, "x", nil)
	_, heard := speaker(t, w.end(), m, "x", nil)
	_, stranger := speaker(t, w.end(), m, "restored", nil)
	_, bored := speaker(t, w.end(), m, "x", func(store.Partition) bool { return false })
	later, heardLater := speaker(t, w.end(), parse(t, strings.Replace(notes, "text: text(400000)", "text: text(400000), tag: {type: int, default: 0}", 1)), "x", nil)
	other, heardOther := speaker(t, w.end(), parse(t, strings.ReplaceAll(notes, "person", "animal")), "x", nil)

	want := change(m, 3, "hello")
	a.Tell(want)
	got := <-heard
	if got.Foreign || got.Version != 3 || got.ID != want.ID || !got.Time.Equal(want.Time) || got.Partition != want.Partition ||
		got.Write != "add" || len(got.Rows) != 1 || got.Rows[0].After.Values[2] != model.String("hello") {
		t.Errorf("heard %+v", got)
	}
	for what, from := range map[string]chan *store.Change{"a node that looks at none of it": bored, "a node of a later model": heardLater} {
		if got := <-from; !got.Foreign || got.Version != 3 || len(got.Rows) != 0 {
			t.Errorf("%s heard %+v", what, got)
		}
	}
	a.Tell(change(m, 4, strings.Repeat("long ", 60_000)))
	if got := <-heard; !got.Foreign || got.Version != 4 {
		t.Errorf("of a change that is too large the others heard %+v", got)
	}
	w.mu.Lock()
	if len(w.last) > 1000 {
		t.Errorf("a change that is too large was sent with %d bytes", len(w.last))
	}
	w.mu.Unlock()
	later.Tell(change(m, 5, "from a later model"))
	<-heard
	if len(own) != 1 || len(stranger) != 0 || len(heardOther) != 0 {
		t.Errorf("own %d, of another incarnation %d, of another family %d", len(own), len(stranger), len(heardOther))
	}
	if n := other.Counts(); n.Unreadable != 0 {
		t.Errorf("%+v", n)
	}
}

func TestSendersNeverWait(t *testing.T) {
	m, w := parse(t, notes), &wire{}
	c, err := cluster.NewChanges(cluster.ChangesConfig{Bus: w.end(), Model: m, Incarnation: "x", Hear: func(*store.Change) {}})
	if err != nil {
		t.Fatal(err)
	}
	small, large := change(m, 1, "x"), change(m, 2, strings.Repeat("x", 400_000))
	for range 10_000 { // nobody sends: Run was not called
		c.Tell(small)
	}
	if n := c.Counts(); n.Dropped == 0 || n.Dropped > 9_000 {
		t.Errorf("of 10,000 changes %d were dropped", n.Dropped)
	}
	other, err := cluster.NewChanges(cluster.ChangesConfig{Bus: w.end(), Model: m, Incarnation: "x", Hear: func(*store.Change) {}})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		other.Tell(large)
	}
	if n := other.Counts(); n.Dropped < 900 {
		t.Errorf("of 1,000 large changes only %d were dropped", n.Dropped)
	}
}

// FuzzHear gives bytes that anybody on the bus may send: what is no message does nothing.
func FuzzHear(f *testing.F) {
	m, w := parse(f, notes), &wire{}
	from, to := w.end(), w.end()
	c, err := cluster.NewChanges(cluster.ChangesConfig{Bus: from, Model: m, Incarnation: "x", Hear: func(*store.Change) {}})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := cluster.NewChanges(cluster.ChangesConfig{Bus: to, Model: m, Incarnation: "x", Hear: func(c *store.Change) {
		if c.Partition.Family == nil || c.Partition.Value.IsNull() {
			f.Errorf("heard %+v", c)
		}
	}}); err != nil {
		f.Fatal(err)
	}
	members, err := cluster.NewMembers(config(to, node(m, "a"), "x"))
	if err != nil {
		f.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go c.Run(ctx)
	c.Tell(change(m, 1, "x"))
	for c.Counts().Sent == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	f.Add(w.last)
	f.Add([]byte("\x01\x00\x01x\x00\x00{\"node\":\"b\",\"boot\":\"c\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		(*to.changes.Load())(b)
		(*to.gossip.Load())(b)
		members.Peers(ended(t), observe.Last1m)
	})
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func node(m *model.Model, name string) *observe.Recorder {
	return observe.New(observe.Config{Model: m, Node: name, Version: "v1"})
}

func config(b cluster.Bus, r *observe.Recorder, incarnation string) cluster.MembersConfig {
	return cluster.MembersConfig{Bus: b, Incarnation: incarnation, Self: r.Self, Figures: r.Export}
}

// member is one node of TestNodesKnowOfEachOther.
type member struct {
	*cluster.Members
	end  *end
	stop func()
}

func join(t *testing.T, w *wire, m *model.Model, name, incarnation string) *member {
	t.Helper()
	r, e := node(m, name), w.end()
	x, err := cluster.NewMembers(config(e, r, incarnation))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { x.Run(ctx); close(done) }()
	return &member{x, e, sync.OnceFunc(func() { cancel(); <-done; e.cut.Store(true); r.Close() })}
}

// seen tells how a node sees the others.
func (x *member) seen(t *testing.T) string {
	var list []string
	for _, p := range x.Peers(t.Context(), observe.Last1m) {
		how := "here"
		switch {
		case p.Left:
			how = "left"
		case p.Gone:
			how = "gone"
		}
		if p.Figures != nil {
			how += " with figures"
		}
		list = append(list, p.Name+" "+how)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func TestNodesKnowOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := parse(t, notes), &wire{}
		a, b, c := join(t, w, m, "a", "x"), join(t, w, m, "b", "x"), join(t, w, m, "c", "x")
		stranger := join(t, w, m, "d", "restored")
		defer func() { a.stop(); b.stop(); c.stop(); stranger.stop() }()
		want := func(x *member, text string) {
			t.Helper()
			if got := x.seen(t); got != text {
				t.Errorf("seen %q, want %q", got, text)
			}
		}
		// The first look finds the others and gets their figures at once, without waiting for a beat.
		began := time.Now()
		synctest.Wait()
		want(a, "b here with figures, c here with figures")
		if took := time.Since(began); took > 450*time.Millisecond {
			t.Errorf("the first look took %v", took)
		}
		want(stranger, "")
		// A node that is cut off is gone after five seconds of silence, with the time of its last word.
		last := time.Now()
		b.end.cut.Store(true)
		time.Sleep(4 * time.Second)
		want(a, "b here with figures, c here with figures")
		time.Sleep(3 * time.Second)
		want(a, "b gone, c here with figures")
		for _, p := range a.Peers(t.Context(), observe.Last1m) {
			if p.Name == "b" && (p.Since == nil || p.Since.Sub(last).Abs() > 1500*time.Millisecond) {
				t.Errorf("b is gone since %v, it was cut off at %v", p.Since, last)
			}
		}
		want(b, "a gone, c gone")
		b.end.cut.Store(false)
		time.Sleep(3 * time.Second)
		want(a, "b here with figures, c here with figures")
		// One that stops says so; started again, it takes its old place.
		c.stop()
		synctest.Wait()
		want(a, "b here with figures, c left")
		c = join(t, w, m, "c", "x")
		time.Sleep(2 * time.Second)
		want(a, "b here with figures, c here with figures")
		// Figures are sent only while somebody looks.
		time.Sleep(20 * time.Second)
		if got := len(a.Peers(ended(t), observe.Last1h)); got != 2 {
			t.Errorf("%d peers", got)
		}
		// What is gone for long is forgotten.
		b.stop()
		c.end.cut.Store(true)
		time.Sleep(11 * time.Minute)
		want(a, "")
	})
}

func TestHeadsFindWhatWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		known, store := map[string]uint64{}, map[string]uint64{}
		for i := range 100 {
			known[fmt.Sprint(i)], store[fmt.Sprint(i)] = 1, 1
		}
		var asked []time.Time
		failing := false
		h := cluster.NewHeads(cluster.HeadsConfig{
			Partitions: func(yield func(string) bool) {
				for i := range 100 {
					if !yield(fmt.Sprint(i)) {
						return
					}
				}
			},
			Head: func(_ context.Context, p string) (uint64, error) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, time.Now())
				if failing {
					return 0, fmt.Errorf("away")
				}
				return store[p], nil
			},
			Reached: func(p string, version uint64) bool {
				mu.Lock()
				defer mu.Unlock()
				if version <= known[p] {
					return false
				}
				known[p] = version
				return true
			},
		})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		count := func(d time.Duration) int {
			mu.Lock()
			before := len(asked)
			mu.Unlock()
			time.Sleep(d)
			mu.Lock()
			defer mu.Unlock()
			return len(asked) - before
		}
		if n := count(20 * time.Second); n < 400 || n > 510 {
			t.Errorf("%d heads were asked for in 20 s, at a pace of 25 a second", n)
		}
		mu.Lock()
		store["42"] = 2
		mu.Unlock()
		time.Sleep(5 * time.Second)
		if h.Repaired() != 1 {
			t.Error("a missed change was not found in a walk")
		}
		mu.Lock()
		store["41"], store["43"] = 5, 5
		mu.Unlock()
		h.Hurry()
		time.Sleep(500 * time.Millisecond)
		if h.Repaired() != 3 {
			t.Error("missed changes were not found in a hurry")
		}
		mu.Lock()
		failing = true
		mu.Unlock()
		if n := count(20 * time.Second); n > 40 {
			t.Errorf("a store that fails was asked %d times in 20 s", n)
		}
		stop()
		<-done
	})
}
