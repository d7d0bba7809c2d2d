package observe

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
)

// About tells what the service is: what does not change while it runs.
type About struct {
	Service  string   `json:"service"`
	Revision string   `json:"revision"`
	Version  string   `json:"version"`
	Families []Family `json:"partitions"`
	Reads    []Access `json:"reads"`
	Writes   []Access `json:"writes"`
	Inactive []string `json:"inactive"`
	Open     bool     `json:"open"` // the model has no access rules
}

// Family is one kind of partition and what lies in it.
type Family struct {
	Name     string   `json:"name"`
	By       string   `json:"by"`
	Expect   float64  `json:"expect"`
	Entities []Entity `json:"entities"`
}

// Entity is one table.
type Entity struct {
	Name   string   `json:"name"`
	Key    []string `json:"key"`
	Fields []string `json:"fields"` // name and type
	Expect float64  `json:"expect"` // rows per partition
	View   bool     `json:"view"`
}

// Access is the plan of one access pattern.
type Access struct {
	Name     string   `json:"name"`
	Does     string   `json:"does"`      // such as "get order" or "insert order, insert line"
	Family   string   `json:"partition"` // family
	Path     string   `json:"path"`      // of its address
	Through  string   `json:"through,omitempty"`
	Fresh    float64  `json:"fresh"` // seconds
	Stale    float64  `json:"stale"`
	Priority string   `json:"priority"`
	Expect   float64  `json:"expect"` // per second, as declared
	Allow    []string `json:"allow"`
	P99      float64  `json:"p99_objective"` // seconds; 0: none
}

// About tells what the service is.
func (r *Recorder) About() About { return r.about }

func describe(m *model.Model, version string) About {
	a := About{
		Service: m.Service, Revision: m.Revision, Version: version, Open: m.Access == nil,
		Families: []Family{}, Reads: []Access{}, Writes: []Access{}, Inactive: Inactive(m),
	}
	for _, f := range m.Families {
		d := Family{Name: f.Name, By: f.By.Name, Expect: f.Expect, Entities: []Entity{}}
		for _, e := range m.Entities {
			if e.Family == f {
				d.Entities = append(d.Entities, describeEntity(e))
			}
		}
		a.Families = append(a.Families, d)
	}
	for _, r := range m.Reads {
		if !r.Internal {
			a.Reads = append(a.Reads, describeRead(m, r))
		}
	}
	for _, w := range m.Writes {
		a.Writes = append(a.Writes, describeWrite(m, w))
	}
	return a
}

func describeEntity(e *model.Entity) Entity {
	d := Entity{Name: e.Name, Key: names(e.Key), Fields: []string{}, Expect: e.Expect, View: e.View != nil}
	for _, f := range e.Fields {
		d.Fields = append(d.Fields, f.Name+" "+typeName(f.Type))
	}
	return d
}

func describeRead(m *model.Model, r *model.Read) Access {
	a := Access{
		Name: r.Name, Family: r.Of.Family.Name, Path: "GET /v1/" + r.Name,
		Fresh: r.Fresh.Seconds(), Stale: r.Stale.Seconds(), Priority: priorityName(r.Priority),
		Expect: r.Expect, Allow: allowNames(m, r.Allow), P99: objective(r.Objective),
	}
	for _, p := range r.Params {
		if p.Required {
			a.Path += "/{" + p.Name + "}"
		}
	}
	var query []string
	for _, f := range r.Filter {
		query = append(query, f.Name)
	}
	if r.Range != nil {
		query = append(query, r.Range.Name+".from", r.Range.Name+".to")
	}
	if query != nil {
		a.Path += "?" + strings.Join(query, "&")
	}
	a.Does, a.Through = "get "+r.Of.Name, "its key"
	if r.List {
		a.Does = "list " + r.Of.Name
		var through []string
		for _, x := range r.IndexOf {
			name := "its key"
			if x != nil {
				name = "index (" + strings.Join(append(append([]string{r.Of.Family.By.Name}, names(x.Equal)...), orderNames(x.Order)...), ", ") + ")"
			}
			if len(through) == 0 || through[len(through)-1] != name {
				through = append(through, name)
			}
		}
		if through != nil {
			a.Through = strings.Join(through, " or ")
		}
	}
	return a
}

func describeWrite(m *model.Model, w *model.Write) Access {
	a := Access{
		Name: w.Name, Family: w.Family.Name, Path: "POST /v1/" + w.Name, Priority: priorityName(w.Priority),
		Expect: w.Expect, Allow: allowNames(m, w.Allow), P99: objective(w.Objective),
	}
	var does []string
	for _, s := range w.Steps {
		step := opNames[s.Op] + " " + s.Entity.Name
		if s.Each != nil {
			step += " (each of " + s.Each.Name + ")"
		}
		does = append(does, step)
	}
	if w.Code {
		does = append(does, "Go code")
	}
	a.Does = strings.Join(does, ", ")
	return a
}

// Inactive lists the parts of a model that this release reads and checks, but does not carry out;
// one sentence for each kind.
func Inactive(m *model.Model) []string {
	list := []string{}
	say := func(kind, consequence string, named []string) {
		if len(named) > 0 {
			list = append(list, fmt.Sprintf("%s %s: %s", kind, strings.Join(named, ", "), consequence))
		}
	}
	say("views", "they stay empty", each(m.Views, func(v *model.View) string { return v.Name }))
	say("events", "nobody hears of them", each(m.Events, func(e *model.Event) string { return e.Name }))
	say("schedules", "they do not fire", each(m.Schedules, func(s *model.Schedule) string { return s.Name }))
	say("feeds", "they are not served", each(m.Feeds, func(f *model.Feed) string { return f.Name }))
	say("limits", "they are not enforced", each(m.Limits, func(l *model.Limit) string { return l.Name }))
	var async []string
	for _, w := range m.Writes {
		if w.Async != model.Sync {
			async = append(async, w.Name)
		}
	}
	say("async", "these writes are done at once", async)
	return list
}

func each[T any](list []T, name func(T) string) []string {
	var out []string
	for _, x := range list {
		out = append(out, name(x))
	}
	return out
}

func names(fields []*model.Field) []string {
	list := make([]string, 0, len(fields))
	for _, f := range fields {
		list = append(list, f.Name)
	}
	return list
}

func orderNames(order []model.Order) []string {
	list := make([]string, 0, len(order))
	for _, o := range order {
		if o.Desc {
			list = append(list, "-"+o.Field.Name)
		} else {
			list = append(list, o.Field.Name)
		}
	}
	return list
}

var opNames = map[model.Op]string{
	model.OpInsert: "insert", model.OpUpdate: "update", model.OpUpsert: "upsert",
	model.OpDelete: "delete", model.OpRead: "read",
}

func priorityName(p model.Priority) string {
	return map[model.Priority]string{model.Bulk: "bulk", model.Normal: "normal", model.Critical: "critical"}[p]
}

func objective(o model.Objective) float64 {
	if o.Quantile == 0.99 {
		return o.Latency.Seconds()
	}
	return 0
}

func allowNames(m *model.Model, a model.Allow) []string {
	switch {
	case m.Access == nil || a.Public:
		return []string{"public"}
	case a.Anyone:
		return []string{"anyone"}
	case a.None:
		return []string{"none"}
	}
	return each(a.Rules, func(r *model.Rule) string { return r.Name })
}

var kindNames = map[model.Kind]string{
	model.KindString: "string", model.KindText: "text", model.KindInt: "int", model.KindFloat: "float",
	model.KindBool: "bool", model.KindUUID: "uuid", model.KindTime: "time", model.KindDate: "date",
	model.KindBytes: "bytes", model.KindJSON: "json", model.KindDecimal: "decimal", model.KindEmail: "email",
	model.KindURL: "url", model.KindEnum: "enum",
}

// typeName writes a type as a model file does.
func typeName(t model.Type) string {
	name := kindNames[t.Kind]
	switch t.Kind {
	case model.KindDecimal:
		name = fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case model.KindString, model.KindText, model.KindBytes, model.KindJSON:
		name = fmt.Sprintf("%s(%d)", name, t.Size)
	case model.KindEnum:
		name = strings.Join(t.Enum, "|")
	}
	if t.Null {
		name += "?"
	}
	return name
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
