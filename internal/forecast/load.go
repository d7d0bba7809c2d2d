package forecast

import (
	"strings"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/model"
)

// Read is what one read asks of the service.
type Read struct {
	Name  string `json:"name"`
	Rate  Number `json:"per_second"`
	Hits  Number `json:"hit_rate"`         // of each node's cache, over all partitions
	Store Number `json:"store_per_second"` // that reach the store
	CPU   Number `json:"cpu_ms"`           // of a request that reaches it
}

// Write is what one write asks of the service, by callers or as what follows an event.
type Write struct {
	Name    string `json:"name"`
	Rate    Number `json:"per_second"` // asked by callers
	Follows Number `json:"follow_per_second"`
	Because string `json:"because,omitempty"` // of what follows
	Commits Number `json:"commits_per_second"`
	CPU     Number `json:"cpu_ms"`
	Bytes   Number `json:"bytes"` // of its change, and of those that follow in index views
}

// What requests cost where nothing was measured: milliseconds of one core, on a machine of 2026.
const (
	cachedCost   = 0.020
	readCost     = 0.045
	pgReadCost   = 0.090 // PostgreSQL's own processes not counted
	writeCost    = 0.080
	stepCost     = 0.015
	followedCost = 0.060
	nothingSaid  = 100 // requests a second in all, of a model that expects nothing
)

// load works out who asks for what: what the model expects, in the proportions that `bench` uses for
// what it does not say, and what follows events in other partitions.
func (p *planner) load() {
	mix, said, expected := p.expected()
	all, from := expected+float64(len(mix)-said)*expected/100, Declared
	if all == 0 {
		all, from = nothingSaid, Assumed
	}
	followed := map[*model.Write]Number{}
	for _, x := range mix {
		rate := Number{x.Share * all * p.Growth, from}
		if !x.Declared {
			rate.From = Assumed
		}
		if x.Read != nil {
			p.out.Reads = append(p.out.Reads, Read{Name: x.Name, Rate: rate, CPU: p.readCPU(x.Read)})
			continue
		}
		p.out.Writes = append(p.out.Writes, Write{Name: x.Name, Rate: rate, CPU: p.writeCPU(x.Write), Bytes: p.changeBytes(x.Write)})
		p.follow(x.Write, rate, followed, 0)
	}
	for _, w := range p.Model.Writes {
		n, ok := followed[w]
		if !ok {
			continue
		}
		x := p.write(w)
		x.Follows, x.Because = n, p.because(w)
	}
	for i := range p.out.Writes {
		w := &p.out.Writes[i]
		w.Commits = by(w.Rate.Value+w.Follows.Value, w.Rate, w.Follows)
	}
}

// expected gives the patterns that callers may ask for, of how many the model says how often, and
// these in all, in requests a second.
func (p *planner) expected() (mix []load.Pattern, said int, all float64) {
	mix = load.NewMix(p.Model, false).Patterns
	for _, x := range mix {
		if !x.Declared {
			continue
		}
		said++
		if x.Read != nil {
			all += x.Read.Expect
		} else {
			all += x.Write.Expect
		}
	}
	return mix, said, all
}

// write gives the forecast of a write; it adds one that callers cannot ask for.
func (p *planner) write(w *model.Write) *Write {
	for i := range p.out.Writes {
		if p.out.Writes[i].Name == w.Name {
			return &p.out.Writes[i]
		}
	}
	p.out.Writes = append(p.out.Writes, Write{Name: w.Name, CPU: Number{followedCost, Assumed}, Bytes: p.changeBytes(w)})
	return &p.out.Writes[len(p.out.Writes)-1]
}

// follow adds the writes that follow a write's events: one for each row where they go through a list.
func (p *planner) follow(w *model.Write, rate Number, into map[*model.Write]Number, depth int) {
	if depth > 4 { // a model may let events follow each other in a circle; it ends by its guards
		return
	}
	for _, emit := range w.Emit {
		t := emit.Event.Then
		if t == nil {
			continue
		}
		n := rate
		if t.Each != nil {
			each := Number{t.Each.Of.Expect, Declared}
			if each.Value == 0 {
				each = Number{1, Assumed}
			}
			n = by(rate.Value*each.Value, rate, each)
		}
		into[t.Write] = by(into[t.Write].Value+n.Value, into[t.Write], n)
		p.follow(t.Write, n, into, depth+1)
		if t.Done != nil {
			into[t.Done] = by(into[t.Done].Value+rate.Value, into[t.Done], rate)
		}
	}
}

// because says why a write follows.
func (p *planner) because(w *model.Write) string {
	var why []string
	for _, e := range p.Model.Events {
		t := e.Then
		switch {
		case t == nil:
		case t.Write == w && t.Each != nil:
			why = append(why, "for each of "+t.Each.Name+" after "+e.Name)
		case t.Write == w:
			why = append(why, "after "+e.Name)
		case t.Done == w:
			why = append(why, "when what follows "+e.Name+" is done")
		}
	}
	return strings.Join(why, ", ")
}

// measuredCost gives what a pattern's requests cost where that was measured.
func (p *planner) measuredCost(name string) (cpu, bytes Number, ok bool) {
	if p.Measured == nil {
		return cpu, bytes, false
	}
	for _, x := range p.Measured.Alone {
		if x.Pattern == name && x.CPU > 0 {
			return Number{float64(x.CPU), Measured}, Number{x.Bytes, Measured}, true
		}
	}
	return cpu, bytes, false
}

func (p *planner) readCPU(r *model.Read) Number {
	if cpu, _, ok := p.measuredCost(r.Name); ok {
		return cpu
	}
	cost := readCost
	if p.Postgres {
		cost = pgReadCost
	}
	if r.List {
		cost += 0.0015 * float64(min(r.Page, 100))
	}
	return Number{cost, Assumed}
}

func (p *planner) writeCPU(w *model.Write) Number {
	if cpu, _, ok := p.measuredCost(w.Name); ok {
		return cpu
	}
	return Number{writeCost + stepCost*float64(max(0, len(w.Steps)-1)), Assumed}
}
