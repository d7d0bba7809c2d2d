package admit

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// crowdedDoor makes a Door that reads all that has arrived before it lets anybody go on; few may be looked at then. Who calls
// allRead says that all is read.
func crowdedDoor(t *testing.T, few int64) *Door {
	t.Helper()
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDoor(DoorConfig{Model: m})
	d.few = few
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	d.pump.in = in
	d.backlog.Store(true)
	return d
}

// visitors are those who came to a Door.
type visitors struct {
	d    *Door
	mu   sync.Mutex
	in   []string // who was let in, in that order
	out  []string // who was refused
	conn map[string]*Conn
	all  sync.WaitGroup
}

// come lets somebody come who asks for a target, and stay inside until go is called.
func (v *visitors) come(t *testing.T, name, target string) {
	v.all.Go(func() {
		c, in := v.d.Stream(t.Context(), "GET", target, "127.0.0.1:1")
		v.mu.Lock()
		defer v.mu.Unlock()
		if !in {
			v.out = append(v.out, name)
			return
		}
		v.in = append(v.in, name)
		if v.conn == nil {
			v.conn = map[string]*Conn{}
		}
		v.conn[name] = c
	})
	synctest.Wait()
}

// leave lets those go who are inside, in one go each, and says how many were.
func (v *visitors) leave() int {
	v.mu.Lock()
	inside := v.conn
	v.conn = nil
	v.mu.Unlock()
	for _, c := range inside {
		c.Idle()
	}
	return len(inside)
}

const (
	plainTarget  = "/v1/ring/red/1"
	heavyTarget  = "/v1/ring/blue/1" // where heavyBlue was called
	urgentTarget = "/readyz"
)

func TestAllIsReadFirstAndAFewGoOnByTheirOrder(t *testing.T) {
	d := crowdedDoor(t, 2)
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			v.come(t, name, plainTarget)
		}
		v.come(t, "urgent", urgentTarget)
		if len(v.in) != 0 || d.held.Load() != 6 {
			t.Fatalf("%v are in and %d held, before all is read", v.in, d.held.Load())
		}
		most, rounds := 0, 0
		for d.held.Load() > 0 && rounds < 10 {
			d.allRead(true)
			synctest.Wait()
			most, rounds = max(most, v.leave()), rounds+1
		}
		v.all.Wait()
		if most > 2 || len(v.in) != 6 || len(v.out) != 0 {
			t.Errorf("%d at the same time; in %v, refused %v", most, v.in, v.out)
		}
		if v.in[0] != "urgent" && v.in[1] != "urgent" {
			t.Errorf("what is critical was not among the first two: %v", v.in)
		}
		d.allRead(true)
		if d.backlog.Load() {
			t.Error("with nobody left, all is read first still")
		}
		if d.inside.Load() != 0 || d.held.Load() != 0 {
			t.Errorf("%d are inside, of none", d.inside.Load())
		}
	})
}

// Where to read all that arrives takes all the time there is, a few go on nevertheless.
func TestSomeGoOnThoughAllIsNeverRead(t *testing.T) {
	d := crowdedDoor(t, 2)
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			v.come(t, name, plainTarget)
		}
		for range 3 {
			time.Sleep(2 * endless)
			synctest.Wait()
			if n := v.leave(); n > 2 {
				t.Errorf("%d are inside at the same time", n)
			}
		}
		v.all.Wait()
		if len(v.in) != 5 || len(v.out) != 0 {
			t.Errorf("in %v, refused %v", v.in, v.out)
		}
	})
}

// One who is inside and waits for something else makes room for another, as one does who was answered.
func TestWhoStepsAsideMakesRoomForThoseWhoWereRead(t *testing.T) {
	d := crowdedDoor(t, 1)
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		v.come(t, "a", plainTarget)
		v.come(t, "b", plainTarget)
		d.allRead(true)
		synctest.Wait()
		d.allRead(true)
		synctest.Wait()
		if len(v.in) != 1 {
			t.Fatalf("in %v, with room for one", v.in)
		}
		v.conn[v.in[0]].Aside()
		d.allRead(true)
		v.all.Wait()
		if len(v.in) != 2 {
			t.Errorf("in %v", v.in)
		}
		v.leave()
	})
}

// Who finds no room is refused in the end, and all the sooner once callers were found to have gone.
func TestRequestsAreHeldForLessTimeWhileCallersGiveUp(t *testing.T) {
	held := func(gone int) (longest time.Duration) {
		d := crowdedDoor(t, 0)
		synctest.Test(t, func(t *testing.T) {
			for range gone {
				d.missed()
				d.missed() // at the same moment: that says nothing more
				time.Sleep(goneEvery)
			}
			at := time.Now()
			v := &visitors{d: d}
			v.come(t, "a", plainTarget)
			v.all.Wait()
			longest = time.Since(at)
			if len(v.out) != 1 {
				t.Errorf("in %v, though there is no room", v.in)
			}
		})
		return longest
	}
	patient, once, often := held(0), held(1), held(100)
	if patient > shortHold || once >= patient || often >= once || often > leastHold+2*ageEvery {
		t.Errorf("held for %v; after one had gone for %v; after many had for %v", patient, once, often)
	}
}

// They may be patient again: the time grows while nobody is found to have gone.
func TestRequestsAreHeldForLongAgainWhenNobodyGivesUp(t *testing.T) {
	d := crowdedDoor(t, 0)
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			d.missed()
			time.Sleep(goneEvery)
		}
		v := &visitors{d: d}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			v.come(t, "", plainTarget)
			time.Sleep(100 * time.Millisecond)
		}
		v.all.Wait()
		if d.short != shortHold {
			t.Errorf("after ten seconds they are held for %v, not %v", d.short, shortHold)
		}
	})
}

// What shares its connection with others and is refused since too many are held already counts as refused too.
func TestWhatIsNotEvenHeldCountsAsRefused(t *testing.T) {
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []*model.Read
	d := NewDoor(DoorConfig{Model: m, Refused: func(r *model.Read, _ *model.Write, _ time.Duration) { told = append(told, r) }})
	d.sharing[model.Normal].Store(mostHeld)
	if _, in := d.Stream(t.Context(), "GET", plainTarget, "127.0.0.1:1"); in {
		t.Fatal("one too many is let in")
	}
	if f := d.Figures(); f.Requests != 1 || f.Classes[1].Refused != 1 || len(told) != 1 || told[0] != m.Reads[0] {
		t.Errorf("%+v, told of %v", f, told)
	}
}

// seen gives who was let in, and who was refused.
func (v *visitors) seen() (in, out []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.in), slices.Clone(v.out)
}

// heavyBlue makes the partition of heavyTarget one that takes more than its share.
func (d *Door) heavyBlue() {
	d.heavy.Store(&[]heavyHint{{d.config.Model.Families[0], []byte("blue"), nil}})
}

// stall lets nobody in for a while, as a processor does that has other work.
func (d *Door) stall(length time.Duration) {
	d.inside.Add(1000)
	time.Sleep(length)
	synctest.Wait()
	d.inside.Add(-1000)
}

// A pause in which critical ones were held for long does not make them come after all the others who never end.
func TestCriticalOnesComeFirstHoweverLongTheyWereHeld(t *testing.T) {
	d := crowdedDoor(t, 2)
	d.config.Inside = 4
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		for range 20 {
			v.come(t, "urgent", urgentTarget)
			v.come(t, "plain", plainTarget)
		}
		d.stall(2 * oldFor)
		for range 20 {
			v.come(t, "plain", plainTarget)
			d.allRead(true)
			synctest.Wait()
			v.leave()
		}
		in, out := v.seen()
		urgent := 0
		for _, name := range in[:min(20, len(in))] {
			if name == "urgent" {
				urgent++
			}
		}
		if urgent != 20 {
			t.Errorf("%d of the first 20 were critical, of 20 who had come: in %v, refused %v", urgent, in, out)
		}
		for d.held.Load() > 0 {
			d.allRead(true)
			time.Sleep(ageEvery)
			synctest.Wait()
			v.leave()
		}
		v.all.Wait()
	})
}

// Those of other partitions come in their order while those of a heavy one have been held for long: with the newest of
// them first, their last would wait for long too.
func TestNeighboursOfAHeavyPartitionComeInTheirOrder(t *testing.T) {
	d := crowdedDoor(t, 1)
	d.heavyBlue()
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		for range 10 {
			v.come(t, "heavy", heavyTarget)
		}
		d.stall(2 * overloadAfter)
		want := []string{"a", "b", "c", "d", "e"}
		for _, name := range want {
			v.come(t, name, plainTarget)
		}
		for d.held.Load() > 0 {
			d.allRead(true)
			synctest.Wait()
			v.leave()
		}
		v.all.Wait()
		var got []string
		for _, name := range v.in[:min(6, len(v.in))] { // every eighth turn is the heavy one's
			if name != "heavy" {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in %v, refused %v", v.in, v.out)
		}
	})
}

// Who is held beside many of a heavy partition is not too many, and is not refused early with them.
func TestNeighboursOfAHeavyPartitionAreNotRefusedWithIt(t *testing.T) {
	d := crowdedDoor(t, 0)
	d.heavyBlue()
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		v.come(t, "a", plainTarget)
		v.come(t, "urgent", urgentTarget)
		for range 100 {
			v.come(t, "heavy", heavyTarget)
		}
		time.Sleep(shortHold * 3 / 4) // some are refused by then
		synctest.Wait()
		if _, out := v.seen(); len(out) == 0 || slices.Contains(out, "a") || slices.Contains(out, "urgent") {
			t.Errorf("refused are %v", out)
		}
		v.all.Wait()
		if len(v.out) != 102 {
			t.Errorf("%d are refused in the end", len(v.out))
		}
	})
}

// A partition that is asked for all the time is found though the cache answers for it, and is still known while it is held
// back and so gets little.
func TestAPartitionThatTheCacheAnswersForIsFoundToBeHeavy(t *testing.T) {
	d := crowdedDoor(t, 0)
	heavy := NewHeavy()
	d.config.Heavy = heavy
	g := NewGate(GateConfig{Heavy: heavy})
	answer := func(name string, n int) {
		for range n {
			g.Answered(store.Partition{Family: d.config.Model.Families[0], Value: model.String(name)})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		v := &visitors{d: d}
		lines := func() (plain, heavy int64) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.all[readGate][model.Normal].n + d.all[processor][model.Normal].n,
				d.all[kinds+readGate][model.Normal].n + d.all[kinds+processor][model.Normal].n
		}
		answer("blue", 10000)       // nobody is held: nobody wants to know
		v.come(t, "a", heavyTarget) // is held with all, as nobody knows yet
		v.come(t, "urgent", urgentTarget)
		v.come(t, "e", plainTarget)
		answer("blue", 2000)
		for i := range 2000 {
			answer(fmt.Sprint(i%20), 1)
		}
		time.Sleep(lookEvery)
		v.come(t, "b", heavyTarget)
		v.come(t, "c", plainTarget)
		if plain, heavy := lines(); plain != 2 || heavy != 2 {
			t.Errorf("%d are held with all, %d as of a heavy partition", plain, heavy)
		}
		time.Sleep(2 * overloadAfter)
		for i := range 16000 {
			answer(fmt.Sprint(i%20), 1)
		}
		v.come(t, "d", heavyTarget)
		if _, heavy := lines(); heavy != 3 {
			t.Errorf("%d are held as of a heavy partition, where three are", heavy)
		}
		v.all.Wait()
	})
}

// TestAHaltDoesNotTurnTheOrderRound lets 800 come in a second, of 1,000 that could go on, and stops all for a moment again
// and again. Somebody is held for as long as that lasts, and nobody until the line is empty again.
func TestAHaltDoesNotTurnTheOrderRound(t *testing.T) {
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		const each, halt = time.Millisecond, 250 * time.Millisecond
		d := NewDoor(DoorConfig{Model: m, Inside: 1})
		begun := time.Now()
		halted := func() bool {
			now := time.Since(begun)
			return now/time.Second%2 == 1 && now%time.Second < halt
		}
		var mu sync.Mutex
		var longest time.Duration
		refused := 0
		var all sync.WaitGroup
		r := rand.New(rand.NewPCG(1, 1))
		for i := range 6000 {
			at := time.Duration(i)*each*5/4 + time.Duration(r.IntN(int(each)))
			all.Go(func() {
				time.Sleep(at)
				came := time.Now()
				c, in := d.Stream(t.Context(), "GET", plainTarget, "127.0.0.1:1")
				held := time.Since(came)
				mu.Lock()
				longest = max(longest, held)
				if !in {
					refused++
				}
				mu.Unlock()
				if !in {
					return
				}
				time.Sleep(each)
				for halted() {
					time.Sleep(each)
				}
				c.Idle()
			})
		}
		all.Wait()
		if refused > 0 || longest > 2*halt {
			t.Errorf("%d were refused, and somebody was held for %v", refused, longest)
		}
	})
}

// In a line that is over soon those come first who were held for long, but not those who were held for too long: where a load
// can just not be carried, everybody would be answered late.
func TestWhoWasHeldForTooLongDoesNotComeFirst(t *testing.T) {
	for _, c := range []struct {
		held  time.Duration
		first string
	}{{oldFor, "old"}, {oldFor + briskFor + 30*time.Millisecond, "new"}} {
		d := crowdedDoor(t, 0)
		synctest.Test(t, func(t *testing.T) {
			v := &visitors{d: d}
			v.come(t, "old", plainTarget)
			time.Sleep(c.held)
			d.mu.Lock()
			for line := range d.all {
				for p := range d.all[line] {
					d.all[line][p].pace = 1000 // so many were let in lately
				}
			}
			d.mu.Unlock()
			v.come(t, "new", plainTarget)
			time.Sleep(2 * ageEvery) // somebody looks
			d.mu.Lock()
			d.few = 1
			d.mu.Unlock()
			for range 2 {
				d.allRead(true)
				synctest.Wait()
				v.leave()
			}
			v.all.Wait()
			if len(v.in) != 2 || v.in[0] != c.first {
				t.Errorf("one was held for %s: let in were %v, refused %v", c.held, v.in, v.out)
			}
		})
	}
}
