package study

import (
	"fmt"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

const shop = `service: shop
partitions: {customer: {by: customer_id, type: string(20), expect: 10}}
entities:
  order: {in: customer, key: order_id, fields: {order_id: string(20), status: string(9), total: int}}
reads:
  order:  {get: order, fresh: 2s}
  orders: {list: order, filter: [status]}
writes:
  put_order: {upsert: order, input: [status, total]}
`

// desk is a service to be studied, with a clock of its own.
type desk struct {
	*Study
	m   *model.Model
	now time.Duration
}

func newDesk(t *testing.T) *desk {
	m, err := model.Parse("shop.yaml", []byte(shop), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{m: m, now: time.Hour}
	d.Study = newStudy(m, func() time.Duration { return d.now })
	return d
}

func (d *desk) ask(read, partition, key string) {
	r := d.m.Read(read)
	args := &model.Args{Values: make([]model.Value, len(r.Params)), Given: make([]bool, len(r.Params))}
	args.Values[0], args.Given[0] = model.String(partition), true
	if key != "" {
		args.Values[1], args.Given[1] = model.String(key), true
	}
	d.Asked(r, []byte(partition), []byte(read+key), args)
	d.Loaded(r, args)
}

func (d *desk) change(partition, key string) {
	order := d.m.Entity("order")
	row := &model.Row{Values: []model.Value{model.String(partition), model.String(key), model.String("paid"), model.Int(1)}}
	d.Changed(cache.Message{Partition: partition, Tags: d.m.Touches(nil, &model.RowChange{Entity: order, After: row})})
}

func (d *desk) loads(read string) map[float64]uint64 {
	by := map[float64]uint64{}
	f := d.Figures()
	for _, r := range f.Reads {
		if r.Name == read {
			for _, try := range r.Tries {
				by[try.Fresh] = try.Loads
			}
		}
	}
	return by
}

// An answer that is asked for once a second and changes every ten seconds needs a load for each change,
// and for each end of its time.
func TestTriesCountLoads(t *testing.T) {
	d := newDesk(t)
	for i := range 100 {
		if i%10 == 0 {
			d.change("ada", "1")
		}
		d.now += time.Second / 2
		d.ask("order", "ada", "1")
		d.now += time.Second / 2
		d.change("ada", "2") // somebody else's
	}
	got := d.loads("order")
	for fresh, want := range map[float64]uint64{1: 50, 2: 40, 5: 20, 15: 10, 3600: 10} {
		if got[fresh] != want {
			t.Errorf("with fresh %gs %d loads, want %d", fresh, got[fresh], want)
		}
	}
	r := d.Figures().Reads[0]
	if r.Asked != 100 || r.Changes != 9 || r.Answers != 1 {
		t.Errorf("asked %d, changes %d, answers %d", r.Asked, r.Changes, r.Answers)
	}
	if at := ageOf(9*time.Second + time.Second/2); r.Outdated[at] != 9 {
		t.Errorf("outdated at %v", r.Outdated)
	}
	if r.Old == 0 || r.Old >= r.Served {
		t.Errorf("of %d answers from copies %d were old", r.Served, r.Old)
	}
}

// Where much is asked for, few are looked at, and what they show is the same.
func TestSampleStaysSmall(t *testing.T) {
	d := newDesk(t)
	const answers, rounds = 5000, 20
	for range rounds {
		for i := range answers {
			d.ask("order", fmt.Sprint(i%50), fmt.Sprint(i))
		}
		d.now += 10 * time.Second
	}
	r := d.Figures().Reads[0]
	if r.Answers == 0 || r.Answers > mostAnswers || r.OneIn < 8 {
		t.Errorf("%d answers in the sample, one in %.0f", r.Answers, r.OneIn)
	}
	if r.Looked > answers*rounds/4 {
		t.Errorf("%d of %d were looked at", r.Looked, answers*rounds)
	}
	hits := 1 - float64(d.loads("order")[3600])/float64(r.Asked)
	if hits < 0.5 || d.loads("order")[1] < r.Asked*99/100 {
		t.Errorf("%.2f of the requests would have been answered; %v of %d", hits, d.loads("order"), r.Asked)
	}
	if n := len(d.at); n > r.Answers {
		t.Errorf("%d partitions are kept for %d answers", n, r.Answers)
	}
}

// A single answer that everybody asks for stays in the sample, although few requests are looked at.
func TestOneHotAnswer(t *testing.T) {
	d := newDesk(t)
	for range 200_000 {
		d.ask("orders", "ada", "")
		d.now += 50 * time.Microsecond
	}
	r := d.Figures().Reads[1]
	if r.Answers != 1 || r.Looked > 5000 {
		t.Errorf("%d answers, %d looked at", r.Answers, r.Looked)
	}
	if r.Asked < 100_000 || r.Asked > 400_000 {
		t.Errorf("asked %d times", r.Asked)
	}
	if n := d.loads("orders")[1]; n < 9 || n > 11 {
		t.Errorf("%d loads in ten seconds with fresh 1s", n)
	}
	if r.Used[0] != 200_000 || r.Used[1] != 0 {
		t.Errorf("filters given: %v", r.Used)
	}
}

func TestCostsNameTheHeaviest(t *testing.T) {
	d := newDesk(t)
	put := d.m.Write("put_order")
	claims := &model.Claims{Subject: "loop"}
	for i := range 60_000 {
		p := store.Partition{Family: d.m.Families[0], Value: model.String(fmt.Sprint(i))}
		d.Cost(p, "order", nil, time.Millisecond)
		p.Value = model.String("hot")
		d.Wrote(put, p, claims, 1+i%2, time.Millisecond, 2*time.Millisecond)
	}
	f := d.Figures()
	family := f.Families[0]
	top := family.Partitions[0]
	if share := (top.Cost - top.Over) / family.Cost; top.Name != "hot" || share < 0.4 || share > 0.6 {
		t.Errorf("%s has %.2f", top.Name, share)
	}
	if top.Patterns[0].Name != "put_order" || top.Callers[0].Name != "loop" {
		t.Errorf("%+v", top)
	}
	if w := f.Writes[0]; w.Done != 60_000 || w.Again != 30_000 || w.Waited < 59 || w.Took < 119 {
		t.Errorf("%+v", w)
	}
	d.now += 24 * time.Hour
	if left := d.Figures().Families[0]; len(left.Partitions) != 0 || left.Cost > 1 {
		t.Errorf("a day later there is %+v", left)
	}
}

func TestAddedUp(t *testing.T) {
	a, b := newDesk(t), newDesk(t)
	for range 10 {
		a.ask("order", "ada", "1")
		b.ask("order", "ada", "1")
	}
	sum := a.Figures()
	sum.Add(b.Figures())
	if r := sum.Reads[0]; r.Asked != 20 || r.Tries[0].Loads != 2 || sum.Nodes != 2 {
		t.Errorf("%+v", r)
	}
	sum.Add(&Figures{Reads: []Read{{Name: "order", Asked: 1000}, {Name: "other"}}}) // of another release
	if r := sum.Reads[0]; r.Asked != 20 {
		t.Errorf("%+v", r)
	}
}

func TestNobodyStudies(t *testing.T) {
	var s *Study
	s.Asked(nil, nil, nil, nil)
	s.Loaded(nil, nil)
	s.Cost(store.Partition{}, "", nil, 0)
	s.Wrote(nil, store.Partition{}, nil, 1, 0, 0)
	s.Changed(cache.Message{})
	if s.Wants("x") || s.Figures() != nil {
		t.Error("nobody has figures")
	}
}

func BenchmarkAsked(b *testing.B) {
	m, err := model.Parse("shop.yaml", []byte(shop), nil)
	if err != nil {
		b.Fatal(err)
	}
	s := New(m)
	r := m.Read("order")
	var keys [4096][]byte
	args := &model.Args{Values: []model.Value{model.String("a"), model.String("b")}, Given: []bool{true, true}}
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "%040d", i)
	}
	p := store.Partition{Family: m.Families[0], Value: model.String("a")}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		s.Asked(r, keys[i%512], keys[i%4096], args)
		s.Cost(p, r.Name, nil, 0)
	}
}
