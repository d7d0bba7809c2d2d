package forecast

import (
	"math"

	"github.com/partita-dev/partita/model"
)

// A change is kept as JSON, which names everything. What stands around names and values:
const (
	changeFrame = 40 // of a change: write and model
	rowFrame    = 18 // of a row: entity and fields
	beforeFrame = 14 // of the values before
	eventFrame  = 16
	fieldFrame  = 4 // quotes, colon and comma
)

// changeBytes estimates what a write takes in the log: its own change with the rows that it carries, and
// those that it makes in index views. Folds are left out: many changes are summed up for each that is
// written.
func (p *planner) changeBytes(w *model.Write) Number {
	if _, bytes, ok := p.measuredCost(w.Name); ok && bytes.Value > 0 {
		return bytes
	}
	body, views := changeFrame+float64(len(w.Name)), 0.0
	for _, s := range w.Steps {
		if s.Op == model.OpRead {
			continue
		}
		rows := p.repeats(w, s)
		one := rowFrame + float64(len(s.Entity.Name)) + p.jsons(s.Entity.Fields[1:])
		switch s.Op {
		case model.OpUpdate, model.OpUpsert:
			one += beforeFrame
			for _, src := range s.Set {
				one += p.json(src.Field)
			}
			for _, src := range s.Take {
				one += p.json(src.Field)
			}
		}
		body += rows * one
		for _, v := range p.Model.Views {
			if v.From == s.Entity && len(v.Folds) == 0 {
				views += rows * p.viewChange(v)
			}
		}
	}
	for _, emit := range w.Emit {
		body += eventFrame + float64(len(emit.Event.Name)) + p.json(w.Family.By)
		for _, f := range emit.Event.Data {
			if f.Field != nil {
				body += p.json(f.Field)
			} else {
				body += p.json(f.Input.Field)
			}
		}
	}
	return Number{p.change(w.Family, body) + views, Assumed}
}

// change gives the bytes of a change with its place.
func (p *planner) change(f *model.Family, body float64) float64 {
	g := p.engine()
	name := p.width(f.By)
	bytes := (body + name + g.change) / logFill
	if p.Postgres { // its key is an index
		bytes += (name + 8 + g.entry) / g.index
	}
	return bytes
}

// viewChange gives the bytes of the change that a row makes in an index view, where how far it followed is
// noted too.
func (p *planner) viewChange(v *model.View) float64 {
	body := changeFrame + 2*rowFrame + float64(2*len(v.Entity.Name)) + p.jsons(v.Entity.Fields[1:])
	body += p.json(v.From.Family.By) + 35 // of the note: its names, and the version
	return p.change(v.Family, body)
}

// repeats gives how often a step is done: where it goes through a list, as often as there are rows for each
// of those that the write makes once, by what the model expects.
func (p *planner) repeats(w *model.Write, s *model.Step) float64 {
	if s.Each == nil {
		return 1
	}
	most := float64(max(1, s.Each.Max))
	for _, other := range w.Steps {
		if other.Each == nil && other.Op == model.OpInsert && other.Entity.Expect > 0 && s.Entity.Expect > 0 {
			return min(most, max(1, s.Entity.Expect/other.Entity.Expect))
		}
	}
	return math.Sqrt(most)
}

func (p *planner) jsons(fields []*model.Field) (sum float64) {
	for _, f := range fields {
		sum += p.json(f)
	}
	return sum
}

// json gives the bytes of a field as a member of a JSON object.
func (p *planner) json(f *model.Field) float64 {
	n := fieldFrame + float64(len(f.Name)) + p.written(f)
	switch f.Type.Kind {
	case model.KindInt, model.KindFloat, model.KindBool:
	default:
		n += 2
	}
	return n
}
