package engine

import (
	"slices"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// emit adds the write's events to the change.
func (r *run) emit() error {
	scope := r.scope
	scope.Steps = r.steps
	for _, emit := range r.q.Write.Emit {
		if emit.If != nil && !emit.If.True(&scope) {
			continue
		}
		r.tx.Emit(store.Event{Name: emit.Event.Name, Data: r.eventData(emit.Event)})
	}
	return nil
}

// eventData makes an event's JSON object: the partition, then what the model says it carries.
func (r *run) eventData(ev *model.Event) []byte {
	b := model.AppendJSON(append(make([]byte, 0, 128), '{'), model.String(r.q.Write.Family.By.Name))
	b = model.AppendJSON(append(b, ':'), r.write.Partition.Value)
	for _, f := range ev.Data {
		if f.Name == r.q.Write.Family.By.Name {
			continue
		}
		v := model.Null
		if f.Input != nil {
			v = r.q.Args.Values[f.Input.Index]
		} else if row := r.rowOf(f.Step); row != nil {
			v = row.Values[f.Field.Pos]
		}
		b = model.AppendJSON(append(b, ','), model.String(f.Name))
		b = model.AppendJSON(append(b, ':'), v)
	}
	return append(b, '}')
}

// rowOf gives the row that the last step of that name left.
func (r *run) rowOf(name string) *model.Row {
	for i, row := range slices.Backward(r.steps) {
		if r.q.Write.Steps[i].Name == name && row != nil {
			return row
		}
	}
	return nil
}

// conclude makes the answer.
func (r *run) conclude() {
	first := r.q.Write.Steps[0]
	if row := r.steps[0]; row != nil && first.Each == nil && first.Op != model.OpDelete {
		if get := r.e.shows[first.Entity]; get != nil {
			r.done.ETag = r.e.rowTag(get, r.committed(row))
			if r.created {
				r.done.Location = location(get, row)
			}
		}
	}
	switch {
	case r.deleted:
		r.done.Kind = Deleted
		return
	case r.created && first.Each == nil:
		r.done.Kind = Created
	}
	if r.q.Write.Single && first.Each == nil {
		if len(r.results[0]) > 0 {
			r.done.Body = model.AppendRow(make([]byte, 0, 256), first.Entity.Fields, r.results[0][0])
		} else {
			r.done.Body = []byte("{}") // its `if` said no
		}
		return
	}
	r.done.Body = r.byEntity()
}

// committed gives a row the version that it will have: a row that this write left takes the write's.
func (r *run) committed(row *model.Row) *model.Row {
	if row.Version != 0 {
		return row
	}
	return &model.Row{Version: r.tx.Version(), Values: row.Values}
}

// byEntity encodes the rows of several steps as an object by entity: a row, or a list of rows where
// the model repeats a step or has several of one entity.
func (r *run) byEntity() []byte {
	b := append(make([]byte, 0, 512), '{')
	steps := r.q.Write.Steps
	for i, s := range steps {
		many, earlier := s.Each != nil, false
		for j, other := range steps {
			if j != i && other.Entity == s.Entity && other.Op != model.OpDelete && s.Op != model.OpDelete {
				many, earlier = true, earlier || j < i
			}
		}
		if s.Op == model.OpDelete || earlier || !many && len(r.results[i]) == 0 {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = model.AppendJSON(b, model.String(s.Name))
		b = append(b, ':')
		if !many {
			b = model.AppendRow(b, s.Entity.Fields, r.results[i][0])
			continue
		}
		b = append(b, '[')
		comma := false
		for j := i; j < len(steps); j++ {
			if steps[j].Entity != s.Entity || steps[j].Op == model.OpDelete {
				continue
			}
			for _, row := range r.results[j] {
				if comma {
					b = append(b, ',')
				}
				comma = true
				b = model.AppendRow(b, s.Entity.Fields, row)
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// location is the path of the get that shows a row.
func location(get *model.Read, row *model.Row) string {
	b := append(make([]byte, 0, 128), "/v1/"...)
	b = append(b, get.Name...)
	b = append(b, '/')
	b = appendEscaped(b, row.Values[0])
	for _, f := range get.Of.Key {
		b = append(b, '/')
		b = appendEscaped(b, row.Values[f.Pos])
	}
	return string(b)
}
