package study

import (
	"cmp"
	"math"
	"slices"

	"github.com/partita-dev/partita/model"
)

// Figures are what nodes found out, in a form that can be added up and sent. Times are seconds.
type Figures struct {
	Seconds  float64  `json:"seconds"` // since the start, of the node that has run the longest
	Nodes    int      `json:"nodes"`   // that are in it
	Reads    []Read   `json:"reads"`
	Writes   []Write  `json:"writes"`
	Families []Family `json:"families"`
}

// Read is what the sample of a read's answers showed.
type Read struct {
	Name     string   `json:"name"`
	Answers  int      `json:"answers"`  // in the sample now
	OneIn    float64  `json:"one_in"`   // answers, of which one is in the sample now
	Asked    uint64   `json:"asked"`    // requests for those in the sample
	Looked   uint64   `json:"looked"`   // of them, that were looked at: fewer where few answers are asked for very often
	Tries    []Try    `json:"tries"`    // the read's own `fresh` first
	Changes  uint64   `json:"changes"`  // of an answer that somebody had asked for since its last change
	Outdated []uint64 `json:"outdated"` // these by the age of the copy: place i is below AgeBound(i)
	Served   uint64   `json:"served"`   // requests that a copy would have answered by the read's own fresh alone,
	Old      uint64   `json:"old"`      // and of them those where it lacked a change
	Used     []uint64 `json:"used"`     // loads from the store, by mask of the filters given
}

// Try is what one `fresh` comes to.
type Try struct {
	Fresh float64 `json:"fresh"`
	Loads uint64  `json:"loads"` // that it would have needed
}

// Write is what writes waited for.
type Write struct {
	Name   string  `json:"name"`
	Done   uint64  `json:"done"`   // carried out, whatever came of it
	Again  uint64  `json:"again"`  // of them, those whose work was done more than once
	Waited float64 `json:"waited"` // in all, until their work began
	Took   float64 `json:"took"`   // in all, that included
}

// Family is what the partitions of a family cost lately.
type Family struct {
	Name       string      `json:"name"`
	Cost       float64     `json:"cost"`     // seconds, of the requests looked at
	Requests   float64     `json:"requests"` // that were looked at: one in CostOneIn
	Partitions []Partition `json:"partitions"`
}

// Partition is one of those that cost the most.
type Partition struct {
	Name     string  `json:"partition"`
	Cost     float64 `json:"cost"` // at most; less Over is sure
	Over     float64 `json:"over"`
	Requests float64 `json:"requests"`
	Patterns []Share `json:"patterns"` // the dearest first
	Callers  []Share `json:"callers"`  // by the token's subject; "" is a caller without a token
}

// Share is a part of a cost.
type Share struct {
	Name string  `json:"name"`
	Cost float64 `json:"cost"` // at most; less Over is sure
	Over float64 `json:"over"`
}

// Figures gives what was found out so far. A nil Study found nothing.
func (s *Study) Figures() *Figures {
	if s == nil {
		return nil
	}
	f := &Figures{Seconds: s.now().Seconds(), Nodes: 1}
	s.mu.Lock()
	for _, x := range s.reads {
		if !x.read.Internal {
			f.Reads = append(f.Reads, x.figures())
		}
	}
	s.mu.Unlock()
	for _, x := range s.writes {
		f.Writes = append(f.Writes, Write{Name: x.name, Done: x.done.Load(), Again: x.again.Load(),
			Waited: float64(x.waited.Load()) / 1e9, Took: float64(x.took.Load()) / 1e9})
	}
	f.Families = s.costs.figures(s)
	return f
}

func (x *reading) figures() Read {
	r := Read{Name: x.read.Name, Answers: len(x.answers), OneIn: math.MaxUint64 / float64(x.below.Load()), Asked: x.asked, Looked: x.looked,
		Changes: x.changes, Outdated: slices.Clone(x.outdated[:]), Served: x.served, Old: x.old}
	for i, fresh := range x.tries {
		r.Tries = append(r.Tries, Try{fresh.Seconds(), x.loads[i]})
	}
	for i := range x.used {
		r.Used = append(r.Used, x.used[i].Load())
	}
	return r
}

func (c *costs) figures(s *Study) (list []Family) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(s.now())
	for name, cost := range c.all {
		f := Family{Name: name, Cost: cost, Requests: c.count[name]}
		for p, x := range c.by {
			if p.Family.Name == name {
				f.Partitions = append(f.Partitions, Partition{Name: string(model.AppendText(nil, p.Value)), Cost: x.cost, Over: x.over, Requests: x.requests,
					Patterns: x.patterns.sorted(), Callers: x.callers.sorted()})
			}
		}
		f.sort()
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Family) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (f *Family) sort() {
	slices.SortFunc(f.Partitions, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(b.Cost-b.Over, a.Cost-a.Over), cmp.Compare(a.Name, b.Name))
	})
}

// Add takes in what another node found out. What it says of patterns that are not here, or are another
// here, is left out.
func (f *Figures) Add(o *Figures) {
	f.Seconds = max(f.Seconds, o.Seconds)
	f.Nodes += o.Nodes
	for i := range f.Reads {
		at := slices.IndexFunc(o.Reads, func(r Read) bool { return r.Name == f.Reads[i].Name })
		if at >= 0 {
			f.Reads[i].add(&o.Reads[at])
		}
	}
	for i := range f.Writes {
		w := &f.Writes[i]
		at := slices.IndexFunc(o.Writes, func(x Write) bool { return x.Name == w.Name })
		if at >= 0 {
			x := &o.Writes[at]
			w.Done, w.Again, w.Waited, w.Took = w.Done+x.Done, w.Again+x.Again, w.Waited+x.Waited, w.Took+x.Took
		}
	}
	for _, x := range o.Families {
		at := slices.IndexFunc(f.Families, func(y Family) bool { return y.Name == x.Name })
		if at < 0 {
			f.Families = append(f.Families, x)
			continue
		}
		f.Families[at].add(&x)
	}
}

func (r *Read) add(o *Read) {
	if len(r.Tries) != len(o.Tries) || len(r.Used) != len(o.Used) || len(r.Outdated) != len(o.Outdated) || r.Tries[0].Fresh != o.Tries[0].Fresh {
		return
	}
	r.Answers, r.OneIn = r.Answers+o.Answers, max(r.OneIn, o.OneIn)
	r.Asked, r.Looked, r.Changes, r.Served, r.Old = r.Asked+o.Asked, r.Looked+o.Looked, r.Changes+o.Changes, r.Served+o.Served, r.Old+o.Old
	for i := range r.Tries {
		r.Tries[i].Loads += o.Tries[i].Loads
	}
	for i := range r.Outdated {
		r.Outdated[i] += o.Outdated[i]
	}
	for i := range r.Used {
		r.Used[i] += o.Used[i]
	}
}

func (f *Family) add(o *Family) {
	f.Cost, f.Requests = f.Cost+o.Cost, f.Requests+o.Requests
	for _, p := range o.Partitions {
		at := slices.IndexFunc(f.Partitions, func(x Partition) bool { return x.Name == p.Name })
		if at < 0 {
			f.Partitions = append(f.Partitions, p)
			continue
		}
		x := &f.Partitions[at]
		x.Cost, x.Over, x.Requests = x.Cost+p.Cost, x.Over+p.Over, x.Requests+p.Requests
		x.Patterns, x.Callers = together(x.Patterns, p.Patterns), together(x.Callers, p.Callers)
	}
	f.sort()
}

func together(a, b []Share) []Share {
	sum := slices.Clone(a)
	for _, x := range b {
		at := slices.IndexFunc(sum, func(y Share) bool { return y.Name == x.Name })
		if at < 0 {
			sum = append(sum, x)
			continue
		}
		sum[at].Cost, sum[at].Over = sum[at].Cost+x.Cost, sum[at].Over+x.Over
	}
	return names(sum).sorted()
}

// Numbers are all that are not counts, for whoever got Figures from elsewhere and wants to know whether
// they can be shown.
func (f *Figures) Numbers() []float64 {
	list := []float64{f.Seconds}
	for _, r := range f.Reads {
		list = append(list, r.OneIn)
		for _, t := range r.Tries {
			list = append(list, t.Fresh)
		}
	}
	for _, w := range f.Writes {
		list = append(list, w.Waited, w.Took)
	}
	for _, x := range f.Families {
		list = append(list, x.Cost, x.Requests)
		for _, p := range x.Partitions {
			list = append(list, p.Cost, p.Over, p.Requests)
			for _, s := range slices.Concat(p.Patterns, p.Callers) {
				list = append(list, s.Cost, s.Over)
			}
		}
	}
	return list
}
