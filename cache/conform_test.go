package cache_test

import (
	"context"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/cache/internal/rules"
	"github.com/partita-dev/partita/model"
)

// TestKeepsThePromises drives real caches, two nodes of them, the way the model is driven, and holds
// every answer against the same promises. PARTITA_SOAK=1 makes it long.
func TestKeepsThePromises(t *testing.T) {
	runs := 2
	if os.Getenv("PARTITA_SOAK") != "" {
		runs = 300
	}
	for range runs {
		rapid.Check(t, func(t *rapid.T) { rapid.SyncTest(t, func(t *rapid.T) { drive(t, false) }) })
		rapid.Check(t, func(t *rapid.T) { rapid.SyncTest(t, func(t *rapid.T) { drive(t, true) }) })
	}
}

func drive(t *rapid.T, second bool) {
	w := &trial{T: t, began: time.Now()}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if second {
		w.tier = newTrialTier(w)
	}
	for i := range w.nodes {
		w.nodes[i] = w.newNode()
	}
	defer w.end()
	steps := []func(){
		w.read, w.read, w.read, w.read, w.read, w.read, w.read, w.read,
		w.snapshot, w.snapshot, w.snapshot, w.snapshot, w.land, w.land, w.land, w.land,
		w.commit, w.commit, w.commit, w.acknowledge, w.acknowledge, w.acknowledge, w.deliver, w.deliver, w.deliver,
		w.wait, w.wait, w.fail, w.flood, w.flood, w.restart, w.expire,
	}
	if second {
		steps = append(steps, w.putLate, w.putLate, w.putLate, w.loseKept)
	}
	for range 80 {
		w.locked(func() { steps[w.choose(len(steps))]() })
		synctest.Wait()
		w.locked(w.lookAtAll)
		if w.broken != "" {
			t.Fatalf("%s\n%s", w.broken, strings.Join(w.trace, "\n"))
		}
	}
}

// A trial is one run: the store's history, the nodes, and what is under way. Its steps are taken
// one by one, with mu held; the readers' goroutines run in between.
type trial struct {
	*rapid.T
	ctx    context.Context
	cancel context.CancelFunc
	began  time.Time

	mu      sync.Mutex
	nodes   [2]*trialNode
	tier    *trialTier // nil: none
	history rules.History
	acked   int
	loads   []*trialLoad
	trace   []string
	broken  string
}

type trialNode struct {
	*cache.Cache
	own, inbox []trialMessage
	delivered  [rules.Tags]int
	floods     int
}

type trialMessage struct {
	version int
	foreign bool
}

// A trialLoad waits in its loader until a step ends it.
type trialLoad struct {
	which   int
	taken   bool
	version int
	at      int
	end     chan bool // true: it fails
}

const trialAnswers = 5

func trialTag(which int) int { return which % rules.Tags }

func (w *trial) newNode() *trialNode {
	c := cache.Config{Bytes: 24 << 10, LoadTimeout: 30 * time.Second}
	if w.tier != nil {
		c.Tier = w.tier
	}
	return &trialNode{Cache: cache.New(c)}
}

func (w *trial) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock() // rapid ends a run by a panic
	do()
}

func (w *trial) end() {
	w.cancel()
	for _, n := range w.nodes {
		n.Close()
	}
}

func (w *trial) choose(n int) int {
	for {
		i := 0
		for range bits.Len(uint(n - 1)) {
			i *= 2
			if trialCoin.Draw(w.T, "") {
				i++
			}
		}
		if i < n {
			return i
		}
	}
}

var trialCoin = rapid.Bool()

func (w *trial) node() (*trialNode, int) {
	i := w.choose(len(w.nodes))
	return w.nodes[i], i
}

func (w *trial) now() int { return int(time.Since(w.began) / time.Second) }

func (w *trial) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%4d  ", w.now())+fmt.Sprintf(format, args...))
}

// given holds an answer against the promises.
func (w *trial) given(n *trialNode, which int, t rules.Terms, a *cache.Answer, o cache.Outcome, arrived, acked, delivered int) {
	taken, err := strconv.Atoi(a.ETag)
	if err != nil {
		w.broken = err.Error()
		return
	}
	g := rules.Given{
		Terms: t, Tag: trialTag(which), Version: int(a.Version), Taken: taken,
		Now: w.now(), Arrived: arrived, Acked: acked, Delivered: delivered,
	}
	switch o {
	case cache.Hit, cache.Refreshed:
		g.Outcome, g.Arrived, g.Delivered = rules.Hit, g.Now, n.delivered[g.Tag]
	case cache.Stale:
		g.Outcome = rules.Help
	default:
		g.Outcome = rules.Loaded
	}
	if why := w.history.Breach(g); why != "" && w.broken == "" {
		w.broken = fmt.Sprintf("answer %d, terms %+v: %s", which, t, why)
	}
}

func trialTerms(t rules.Terms) cache.Terms {
	return cache.Terms{Fresh: time.Duration(t.Fresh) * time.Second, Stale: time.Duration(t.Stale) * time.Second, Min: uint64(t.Min)}
}

// read lets a reader ask as the engine does: a look-up, then a load.
func (w *trial) read() {
	n, i := w.node()
	which := w.choose(trialAnswers)
	var t rules.Terms
	t.Fresh = []int{3, 0, 1, 8}[w.choose(4)]
	t.Stale = []int{0, 10}[w.choose(2)]
	if w.choose(3) == 2 {
		t.Min = w.choose(w.history.Head() + 2)
	}
	patience := time.Duration(1+w.choose(16)) * time.Second
	w.note("a reader on node %d asks for answer %d on terms %+v", i, which, t)
	arrived, acked, delivered := w.now(), w.acked, n.delivered[trialTag(which)]
	key := fmt.Sprint(which)
	go func() {
		a, o, ok := n.Lookup([]byte("p"), []byte(key), trialTerms(t))
		if o == cache.Refreshed {
			n.Refresh("p", key, model.Tag(trialTag(which)), w.loader(i, which))
		}
		var err error
		if !ok {
			ctx, cancel := context.WithTimeout(w.ctx, patience)
			defer cancel()
			a, o, err = n.Load(ctx, "p", key, model.Tag(trialTag(which)), trialTerms(t), w.loader(i, which))
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			w.note("… answer %d on node %d: %v", which, i, err)
			return
		}
		w.note("… answer %d on node %d: version %d, outcome %d", which, i, a.Version, o)
		w.given(n, which, t, a, o, arrived, acked, delivered)
	}()
}

// loader reads the store when a step says so.
func (w *trial) loader(node, which int) cache.Loader {
	return trialLoader{which, func(ctx context.Context) (*cache.Answer, error) {
		before := time.Now()
		l := &trialLoad{which: which, end: make(chan bool)}
		w.mu.Lock()
		w.loads = append(w.loads, l)
		w.note("… node %d starts a load for answer %d", node, which)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			w.mu.Lock()
			w.remove(l)
			w.mu.Unlock()
			return nil, ctx.Err()
		case failed := <-l.end:
			if failed {
				return away(ctx)
			}
			size := 40 + 300*(which%2)
			return &cache.Answer{
				Body: make([]byte, size), ETag: strconv.Itoa(l.at), Found: l.version%4 != 3,
				Version: uint64(l.version), Time: before,
			}, nil
		}
	}}
}

func (w *trial) remove(l *trialLoad) {
	for i, x := range w.loads {
		if x == l {
			w.loads = append(w.loads[:i], w.loads[i+1:]...)
			return
		}
	}
}

// load chooses a load that has, or has not, taken its snapshot; nil if there is none.
func (w *trial) load(taken bool) *trialLoad {
	var some []*trialLoad
	for _, l := range w.loads {
		if l.taken == taken {
			some = append(some, l)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[w.choose(len(some))]
}

func (w *trial) snapshot() {
	if l := w.load(false); l != nil {
		l.taken, l.version, l.at = true, w.history.Head(), w.now()
		w.note("a load for answer %d reads the store at version %d", l.which, l.version)
	}
}

func (w *trial) land() { w.finish(w.load(true), false) }
func (w *trial) fail() { w.finish(w.load(w.choose(2) == 1), true) }

func (w *trial) finish(l *trialLoad, failed bool) {
	if l == nil {
		return
	}
	w.note("a load for answer %d ends, failed: %v", l.which, failed)
	w.remove(l)
	l.end <- failed
}

func (w *trial) commit() {
	by := w.choose(len(w.nodes))
	touched := []int{w.choose(rules.Tags)}
	if w.choose(4) == 3 {
		touched = append(touched, w.choose(rules.Tags))
	}
	m := trialMessage{version: w.history.Commit(touched...)}
	w.nodes[by].own = append(w.nodes[by].own, m)
	m.foreign = w.choose(6) == 5
	n := w.nodes[1-by]
	for range []int{1, 1, 0, 2}[w.choose(4)] {
		n.inbox = append(n.inbox, m)
	}
	w.note("node %d commits version %d, touching %v, foreign %v", by, m.version, touched, m.foreign)
}

func (w *trial) acknowledge() {
	n, i := w.node()
	if len(n.own) == 0 {
		return
	}
	m := n.own[0]
	n.own = n.own[1:]
	w.note("node %d acknowledges version %d", i, m.version)
	w.apply(n, m)
	w.acked = max(w.acked, m.version)
}

func (w *trial) deliver() {
	n, i := w.node()
	if len(n.inbox) == 0 {
		return
	}
	k := w.choose(len(n.inbox))
	m := n.inbox[k]
	n.inbox = append(n.inbox[:k:k], n.inbox[k+1:]...)
	w.note("node %d hears of version %d", i, m.version)
	w.apply(n, m)
}

func (w *trial) apply(n *trialNode, m trialMessage) {
	msg := cache.Message{Partition: "p", Version: uint64(m.version), All: m.foreign}
	for tag := range rules.Tags {
		if w.history.Touches(m.version, tag) {
			n.delivered[tag] = max(n.delivered[tag], m.version)
			if !m.foreign {
				msg.Tags = append(msg.Tags, model.Tag(tag))
			}
		}
	}
	n.Apply(msg)
}

// flood fills a node with answers of other partitions, so that what it had is evicted.
func (w *trial) flood() {
	n, i := w.node()
	w.note("node %d is flooded", i)
	for range 20 {
		n.floods++
		l := loads(func(context.Context) (*cache.Answer, error) {
			return &cache.Answer{Body: make([]byte, 1200), Found: n.floods%3 > 0, Version: 1, Time: time.Now()}, nil
		})
		if _, _, err := n.Load(w.ctx, fmt.Sprint("flood", n.floods), "", 0, cache.Terms{Fresh: time.Minute}, l); err != nil {
			w.Fatal(err)
		}
	}
}

// restart takes everything from a node but what is under way to it. What was durable there and not
// acknowledged stays so.
func (w *trial) restart() {
	n, i := w.node()
	w.note("node %d restarts", i)
	fresh := w.newNode()
	fresh.inbox, fresh.delivered = n.inbox, n.delivered
	w.nodes[i] = fresh
	go n.Close() // its readers wait on, for loads that still run
}

func (w *trial) expire() {
	n, i := w.node()
	w.note("node %d expires", i)
	n.Expire()
}

func (w *trial) wait() {
	w.note("time passes")
	d := time.Duration(1+w.choose(4)) * time.Second
	w.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
	w.mu.Lock()
}

// lookAtAll asks for every answer that could be given at once.
func (w *trial) lookAtAll() {
	for i, n := range w.nodes {
		for which := range trialAnswers {
			for _, fresh := range []int{0, 1, 3, 8} {
				for _, least := range []int{0, w.history.Head() - 1, w.history.Head(), w.history.Head() + 1} {
					t := rules.Terms{Fresh: fresh, Min: max(least, 0)}
					if a, o, ok := lookup(n.Cache, "p", fmt.Sprint(which), trialTerms(t)); ok {
						w.given(n, which, t, a, o, 0, 0, 0)
						if w.broken != "" {
							w.note("node %d would give answer %d", i, which)
							return
						}
					}
				}
			}
		}
	}
}
