package accessplan

import (
	"net/url"
	"strconv"

	"github.com/partita-dev/partita/model"
)

// Table gives the plan of access of a model.
func Table(m *model.Model) *Plan {
	p := &Plan{Service: m.Service, Revision: m.Revision}
	for _, f := range m.Families {
		p.Partitions = append(p.Partitions, partition(m, f))
	}
	for _, r := range m.Reads {
		p.Reads = append(p.Reads, read(m, r))
	}
	for _, w := range m.Writes {
		p.Writes = append(p.Writes, write(m, w))
	}
	for _, v := range m.Views {
		p.Views = append(p.Views, view(m, v))
	}
	for _, e := range m.Events {
		p.Events = append(p.Events, event(m, e))
	}
	for _, s := range m.Schedules {
		p.Schedules = append(p.Schedules, Schedule{Name: s.Name, Every: s.Every, Zone: s.Zone, Emits: s.Emit.Name})
	}
	for _, f := range m.Feeds {
		p.Feeds = append(p.Feeds, Feed{Name: f.Name, Of: names(f.Of, entityName)})
	}
	for _, l := range m.Limits {
		of := append(names(l.Reads, readName), names(l.Writes, writeName)...)
		p.Limits = append(p.Limits, Limit{l.Name, of, names(l.Per, source), l.Rate, l.Burst})
	}
	for _, x := range m.Metrics {
		p.Metrics = append(p.Metrics, metric(x))
	}
	return p
}

func partition(m *model.Model, f *model.Family) Partition {
	p := Partition{Name: f.Name, By: f.By.Name, Type: f.By.Type.String(), Expect: f.Expect, Entities: []string{}}
	if f.View != nil {
		p.View = f.View.Name
	}
	for _, e := range m.Entities {
		if e.Family == f {
			p.Entities = append(p.Entities, e.Name)
			p.Rows += rowsOf(e)
			p.Bytes += rowsOf(e) * float64(storedBytes(e))
		}
	}
	return p
}

func read(m *model.Model, r *model.Read) Read {
	out := Read{
		Name: r.Name, Kind: "get", Entity: r.Of.Name, Partition: r.Of.Family.Name,
		Served: servedBy(r), Priority: priorityText(r.Priority), Expect: r.Expect, Changed: changedBy(m, r),
	}
	if r.List {
		out.Kind, out.Page = "list", r.Page
	}
	if r.Fresh > 0 {
		out.Fresh = model.DurationText(r.Fresh)
	}
	if r.Stale > 0 {
		out.Stale = model.DurationText(r.Stale)
	}
	return out
}

func write(m *model.Model, w *model.Write) Write {
	out := Write{
		Name: w.Name, Partition: w.Family.Name, Code: w.Code, Priority: priorityText(w.Priority),
		Expect: w.Expect, Changes: []string{},
	}
	for _, s := range w.Steps {
		out.Steps = append(out.Steps, step(s))
	}
	for _, e := range w.Emit {
		out.Emits = append(out.Emits, e.Event.Name)
	}
	switch w.Async {
	case model.AsyncOffered:
		out.Async = "offered"
	case model.AsyncAlways:
		out.Async = "always"
	}
	for _, r := range m.Reads {
		if r.Of.View == nil && writeChangesRead(w, r) {
			out.Changes = append(out.Changes, r.Name)
		}
	}
	for _, v := range m.Views {
		if writeChangesView(w, v) {
			out.Views = append(out.Views, v.Name)
		}
	}
	return out
}

func step(s *model.Step) Step {
	out := Step{Op: opText(s.Op), Entity: s.Entity.Name, Max: s.Max}
	if s.Each != nil {
		out.Each, out.Max = s.Each.Name, max(s.Max, s.Each.Max)
	}
	for _, b := range s.By {
		out.By = append(out.By, b.Field.Name)
	}
	if s.When != nil {
		out.When = s.When.Text
	}
	if s.If != nil {
		out.If = s.If.Source
	}
	return out
}

func view(m *model.Model, v *model.View) View {
	out := View{
		Name: v.Name, From: v.From.Name, Partition: v.ByField.Name, Fields: names(v.Fields, fieldName),
		Follows: []string{}, Reads: []string{},
	}
	for _, f := range v.Folds {
		text := f.Name + " = " + f.Op
		if f.Of != nil {
			text += "(" + f.Of.Name + ")"
		}
		out.Folds = append(out.Folds, text)
	}
	for _, w := range m.Writes {
		if writeChangesView(w, v) {
			out.Follows = append(out.Follows, w.Name)
		}
	}
	for _, r := range m.Reads {
		if r.Of == v.Entity {
			out.Reads = append(out.Reads, r.Name)
		}
	}
	return out
}

func event(m *model.Model, e *model.Event) Event {
	out := Event{Name: e.Name, Emitted: []string{}, Data: []string{}}
	for _, w := range m.Writes {
		for _, emit := range w.Emit {
			if emit.Event == e {
				out.Emitted = append(out.Emitted, w.Name)
			}
		}
	}
	for _, s := range m.Schedules {
		if s.Emit == e {
			out.Emitted = append(out.Emitted, "schedule "+s.Name)
		}
	}
	for _, d := range e.Data {
		out.Data = append(out.Data, d.Name)
	}
	for _, address := range e.Deliver {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			out.Hosts = append(out.Hosts, u.Host)
		}
	}
	if e.After > 0 {
		out.After = model.DurationText(e.After)
	}
	if t := e.Then; t != nil {
		out.Then = t.Write.Name
		if t.Each != nil {
			out.Each = t.Each.Name
		}
		if t.Done != nil {
			out.Done = t.Done.Name
		}
		if t.Refused != nil {
			out.Refused = t.Refused.Name
		}
	}
	return out
}

func metric(x *model.Metric) Metric {
	out := Metric{Name: x.Name}
	if x.Write != nil {
		out.Of = x.Write.Name
	} else {
		out.Of = x.Read.Name
	}
	if x.Sum != nil {
		out.Sum = x.Sum.Source
	}
	for i, by := range x.By {
		name := by.Name
		if name == "" {
			name = strconv.Itoa(i + 1)
		}
		out.By = append(out.By, name)
	}
	return out
}
