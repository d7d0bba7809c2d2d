package observe

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"

	"github.com/partita-dev/partita/model"
)

// seriesBound is the number of label combinations that one business metric keeps apart; what comes
// after goes into one series whose labels are all otherLabel, so that a label with many values
// cannot fill the memory.
const (
	seriesBound = 100
	otherLabel  = "_other"
)

// number is a float64 that many may add to.
type number struct{ bits atomic.Uint64 }

func (n *number) add(v float64) {
	for {
		old := n.bits.Load()
		if n.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

func (n *number) load() float64 { return math.Float64frombits(n.bits.Load()) }

// series is one business metric with one combination of labels.
type series struct {
	labels []string
	total  number
}

// business is one business metric of the model: its series and the past of their sum.
type business struct {
	metric *model.Metric
	labels []string // names
	other  *series
	series atomic.Pointer[map[string]*series] // by packed labels; replaced, never changed
	grow   sync.Mutex                         // held while a series is added

	last  float64
	slots [tiers][ringLength]float64
}

func newBusiness(m *model.Metric) *business {
	b := &business{metric: m, other: &series{}}
	for _, l := range m.By {
		b.labels = append(b.labels, l.Name)
		b.other.labels = append(b.other.labels, otherLabel)
	}
	b.series.Store(&map[string]*series{})
	return b
}

// add counts one commit.
func (b *business) add(labels []model.Value, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	var buf [128]byte
	key := buf[:0]
	for _, l := range labels {
		key = model.AppendText(key, l)
		key = append(key, 0xff) // stands in no UTF-8 text
	}
	s, ok := (*b.series.Load())[string(key)]
	if !ok {
		s = b.addSeries(string(key), labels)
	}
	s.total.add(v)
}

func (b *business) addSeries(key string, labels []model.Value) *series {
	b.grow.Lock()
	defer b.grow.Unlock()
	old := *b.series.Load()
	if s, ok := old[key]; ok {
		return s
	}
	if len(old) >= seriesBound || len(labels) != len(b.labels) {
		return b.other
	}
	s := &series{}
	for _, l := range labels {
		s.labels = append(s.labels, string(model.AppendText(nil, l)))
	}
	grown := make(map[string]*series, len(old)+1)
	maps.Copy(grown, old)
	grown[key] = s
	b.series.Store(&grown)
	return s
}

// all gives every series that has counted anything.
func (b *business) all() []*series {
	var list []*series
	for _, s := range *b.series.Load() {
		list = append(list, s)
	}
	if b.other.total.load() != 0 {
		list = append(list, b.other)
	}
	return list
}

// total is the sum over all series.
func (b *business) total() (v float64) {
	for _, s := range *b.series.Load() {
		v += s.total.load()
	}
	return v + b.other.total.load()
}
