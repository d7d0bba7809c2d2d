package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// A truth is what a store would hold: for each partition its version, and the last version that
// changed each tag. Beside it stands what readers must see.
type truth struct {
	mu        sync.Mutex
	version   uint64
	changed   [stressTags]uint64
	delivered [stressTags]atomic.Uint64 // set once Apply has returned
	acked     atomic.Uint64
}

const (
	stressPartitions = 40
	stressTags       = 4
)

func (p *truth) snapshot(tag int) (version, changed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version, p.changed[tag]
}

// TestManyGoroutines lets readers and writers loose on a cache too small for them, and holds every
// answer against the truth at the moment when it was asked for.
func TestManyGoroutines(t *testing.T) {
	const readers, reads, writes = 16, 1500, 1500
	c := cache.New(cache.Config{Bytes: 64 << 10})
	partitions := make([]truth, stressPartitions)
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range reads {
				stressRead(t, c, partitions, r)
			}
		})
	}
	for i := range 2 {
		all.Go(func() { // each writes its own half, so that messages come in order
			r := rand.New(rand.NewPCG(uint64(i), 2))
			for range writes {
				n := 2*r.IntN(stressPartitions/2) + i
				stressWrite(c, n, &partitions[n], r)
			}
		})
	}
	all.Go(func() {
		for range 20 {
			time.Sleep(time.Millisecond)
			c.Expire()
		}
	})
	all.Wait()
	st := c.Stats()
	c.Close()
	t.Logf("%+v", st)
	if st.Hits == 0 || st.Joins == 0 || st.Evictions == 0 || st.Flights != 0 || st.Bytes > st.Bound {
		t.Errorf("%+v", st)
	}
	if st = c.Stats(); st.Entries != 0 || st.Partitions != 0 || st.Bytes != 0 || st.NotFound != 0 {
		t.Errorf("left after Close: %+v", st)
	}
}

func stressWrite(c *cache.Cache, n int, p *truth, r *rand.Rand) {
	tag := r.IntN(stressTags)
	p.mu.Lock()
	p.version++
	v := p.version
	p.changed[tag] = v
	p.mu.Unlock()
	if r.IntN(10) > 0 { // the message of some is lost; the next one shows it
		c.Apply(cache.Message{Partition: fmt.Sprint("p", n), Version: v, Tags: []model.Tag{model.Tag(tag)}, All: r.IntN(20) == 0})
		p.delivered[tag].Store(v)
		p.acked.Store(v)
	}
}

func stressRead(t *testing.T, c *cache.Cache, partitions []truth, r *rand.Rand) {
	n, tag := int(r.ExpFloat64()*8)%stressPartitions, r.IntN(stressTags)
	p := &partitions[n]
	terms := cache.Terms{Fresh: time.Hour}
	acked, delivered := p.acked.Load(), p.delivered[tag].Load()
	switch r.IntN(8) {
	case 0:
		terms = cache.Terms{Stale: time.Hour}
	case 1:
		terms.Min = acked
	}
	partition, answer := fmt.Sprint("p", n), fmt.Sprint("a", tag, ".", r.IntN(3))
	l := loads(func(context.Context) (*cache.Answer, error) {
		at := time.Now()
		version, changed := p.snapshot(tag)
		return &cache.Answer{Body: make([]byte, 8+changed%512), Version: version, ETag: fmt.Sprint(changed), Found: changed%7 != 1, Time: at}, nil
	})
	a, o, ok := lookup(c, partition, answer, terms)
	if o == cache.Refreshed {
		c.Refresh(partition, answer, model.Tag(tag), l)
	}
	if !ok {
		var err error
		if a, o, err = c.Load(t.Context(), partition, answer, model.Tag(tag), terms, l); err != nil {
			t.Errorf("load: %v (%v)", err, fault.CodeOf(err))
			return
		}
	}
	var seen uint64
	if _, err := fmt.Sscan(a.ETag, &seen); err != nil {
		t.Error(err)
	}
	if seen < delivered {
		t.Errorf("outcome %d at version %d shows change %d; %d was delivered before the reader asked", o, a.Version, seen, delivered)
	}
	if terms.Fresh == 0 && (a.Version < acked || o == cache.Hit) {
		t.Errorf("strong read, outcome %d at version %d; %d was acknowledged before it arrived", o, a.Version, acked)
	}
}
