package forecast

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Break is one thing that does not grow any further.
type Break struct {
	What   string `json:"what"`
	Growth Number `json:"at_growth"` // of what the model expects; below 1: already too much for that
	Demand string `json:"demand"`    // at the growth that was asked for
	Limit  string `json:"limit"`
	Why    string `json:"why"`
	Then   string `json:"then"` // what to do
	Over   bool   `json:"over"` // at the growth that was asked for
}

// limit is one bound: a demand that grows, and what there is.
type limit struct {
	what, why, then string
	of              func(*Forecast) (demand Number, limit float64)
	unit            func(float64) string
}

// Growths that are looked at.
const (
	least     = 0.01
	most      = 1e8
	perDecade = 10
)

// breaks finds out at which growth each limit is reached.
func breaks(c Config, now *Forecast) []Break {
	p := &planner{Config: c, out: now}
	list := p.limits()
	growth := make([]Number, len(list))
	before := make([]float64, len(list)) // how much of its limit each demand took at the growth before
	for i := range growth {
		growth[i].Value = math.Inf(1)
	}
	steps := int(math.Round(math.Log10(most/least) * perDecade))
	for k := range steps + 1 {
		c.Growth = least * math.Pow(10, float64(k)/perDecade)
		f := at(c)
		for i, l := range list {
			demand, bound := l.of(f)
			used := demand.Value / bound
			if used >= 1 && math.IsInf(growth[i].Value, 1) {
				g := c.Growth
				if k > 0 && before[i] > 0 { // between two steps, on the logarithmic scale
					g /= math.Pow(10, math.Log(used)/math.Log(used/before[i])/perDecade)
				}
				growth[i] = by(g, demand, Number{From: Assumed})
			}
			before[i] = used
		}
	}
	var out []Break
	for i, l := range list {
		if math.IsInf(growth[i].Value, 1) {
			continue
		}
		demand, bound := l.of(now)
		out = append(out, Break{l.what, growth[i], l.unit(demand.Value), l.unit(bound), l.why, l.then, demand.Value >= bound})
	}
	slices.SortStableFunc(out, func(a, b Break) int { return cmp.Compare(a.Growth.Value, b.Growth.Value) })
	return out
}

// limits gives the bounds that this service can meet.
func (p *planner) limits() []limit {
	commits, reads, bytes := p.storeTakes()
	store, next := "SQLite", "PostgreSQL as the store: `--store postgres://…`, nothing else changes"
	if p.Postgres {
		store, next = "one PostgreSQL", "a store that is spread over servers by partition: docs/scale.md"
	}
	list := []limit{
		{"the processor of one node", "requests are decoded, checked and answered by it", p.more(),
			func(f *Forecast) (Number, float64) { return f.Nodes.Cores, float64(p.Cores) * busyShare }, unit("%.3g cores")},
		{"commits of " + store, "each group of writes is synced to one log", next,
			func(f *Forecast) (Number, float64) { return f.Log.Rate, commits }, perSecond},
		{"reads of " + store, "what no cache answers reaches it", "longer `fresh` where it can be, a larger cache; then " + next,
			func(f *Forecast) (n Number, limit float64) {
				for _, r := range f.Reads {
					n = by(n.Value+r.Store.Value, n, r.Store)
				}
				return n, reads
			}, perSecond},
		{"size of " + store, "larger ones take hours to back up and to bring back", "less to keep (`keep`, retention of changes); then " + next,
			func(f *Forecast) (Number, float64) { return f.Bytes, bytes }, size},
	}
	if m := p.Measured; m != nil && m.Knee.Goodput > 0 {
		list[0] = limit{"what " + plural(max(1, m.Nodes), "node") + " can take of this mix", "beyond it answers come too late: " + m.Knee.Broke, p.more(),
			func(f *Forecast) (Number, float64) { return f.Nodes.Requests, m.Knee.Goodput }, perSecond}
	}
	for i := range p.out.Hottest {
		h := &p.out.Hottest[i]
		if h.View && h.Why == spread {
			continue
		}
		l := limit{"the hottest " + h.Family, "its writes are done one group after the other: " + h.Why + " gets " + share(h.Share.Value) + " of them",
			"a finer partition field, or fewer writes to it (events counted, then written together)",
			hot(h.Family), perSecond}
		if h.View {
			l = limit{"one partition of the view " + h.Family, h.Why + ": all changes are folded into one partition of the view",
				"a finer `by`, such as a day and a region or a hash of the key, and a read that adds them up", hot(h.Family), perSecond}
		}
		list = append(list, l)
	}
	for _, v := range p.Model.Views {
		if len(v.Folds) == 0 {
			name := v.Family.Name
			list = append(list, limit{"rows in one partition of the view " + v.Name, "each holds its share of all rows there are", "a `by` with more values",
				func(f *Forecast) (Number, float64) {
					i := slices.IndexFunc(f.Families, func(x Family) bool { return x.Name == name })
					return f.Families[i].Bytes, 10 << 30
				}, size})
		}
	}
	if p.out.Backlog != nil {
		list = append(list, limit{"the backlog of accepted writes", "the store may be away for less than a minute before they are refused", "a larger backlog (the library's BacklogBytes)",
			func(f *Forecast) (Number, float64) {
				return by(60/f.Backlog.Seconds.Value, f.Backlog.Seconds), 1
			}, func(x float64) string { return "full in " + seconds(60/x) }})
	}
	return list
}

// more says how to get more nodes.
func (p *planner) more() string {
	if p.Postgres {
		return "more nodes: they are interchangeable"
	}
	return "PostgreSQL as the store, and then as many nodes as it takes"
}

// hot is the demand of a family's hottest partition.
func hot(family string) func(*Forecast) (Number, float64) {
	return func(f *Forecast) (Number, float64) {
		for _, h := range f.Hottest {
			if h.Family == family {
				if h.View {
					return h.Commits, oneView
				}
				return h.Commits, onePartition
			}
		}
		return Number{}, onePartition
	}
}

func unit(format string) func(float64) string {
	return func(x float64) string { return fmt.Sprintf(format, x) }
}

func perSecond(x float64) string { return amount(x) + "/s" }

func plural(n int, word string) string {
	if n == 1 {
		return "one " + word
	}
	return fmt.Sprint(n, " ", word, "s")
}

func share(x float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.1f", x*100), "0"), ".") + " %"
}

// amount writes a number as the model does.
func amount(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.3gG", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.3gM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.3gk", n/1e3)
	case n >= 10 || n == 0:
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.2g", n)
}

func size(n float64) string {
	for _, u := range []struct {
		name string
		of   float64
	}{{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= 100*u.of {
			return fmt.Sprintf("%.0f %s", n/u.of, u.name)
		} else if n >= u.of {
			return fmt.Sprintf("%.3g %s", n/u.of, u.name)
		}
	}
	return fmt.Sprintf("%.0f bytes", n)
}
