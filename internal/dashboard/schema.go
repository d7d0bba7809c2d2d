package dashboard

import (
	"slices"
	"strings"

	"github.com/partita-dev/partita/model"
)

// entity is one table, with the ways to its rows and from them to others.
type entity struct {
	Name      string   `json:"name"`
	Partition string   `json:"partition"` // the family
	Key       []string `json:"key"`
	Fields    []field  `json:"fields"` // the partition field first, then the key
	View      string   `json:"view,omitempty"`
	Lists     []list   `json:"lists"`
	Links     []link   `json:"links"`
	Keep      float64  `json:"keep,omitempty"` // seconds after which rows go
	KeepFrom  string   `json:"keep_from,omitempty"`
}

// field is what a form and a table must know of a field.
type field struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"` // as in the model, without "?"
	Kind    string   `json:"kind"` // the type's name alone
	Null    bool     `json:"null,omitempty"`
	Enum    []string `json:"enum,omitempty"`
	Min     string   `json:"min,omitempty"`
	Max     string   `json:"max,omitempty"`
	Size    int      `json:"size,omitempty"` // most characters, or bytes
	Pattern string   `json:"pattern,omitempty"`
	Default string   `json:"default,omitempty"` // in words
}

// list is a read of the model through which rows can be looked at.
type list struct {
	Name   string   `json:"name"`
	By     []string `json:"by"`     // must be given
	Filter []string `json:"filter"` // may be given
	Where  string   `json:"where,omitempty"`
	Range  string   `json:"range,omitempty"`
	Sort   []string `json:"sort"` // a leading - means descending
}

// link leads from a row to another, or to a list of others. Values are names of the row's own fields.
type link struct {
	At        string            `json:"at"` // the field on which it stands; "": on the row
	Entity    string            `json:"entity"`
	Through   string            `json:"through,omitempty"` // a list; "": to one row
	Partition string            `json:"partition"`
	Given     map[string]string `json:"given"` // by key field, or by field of the list
}

// write is one write of the model as a form needs it.
type write struct {
	Name      string  `json:"name"`
	Partition string  `json:"partition"`
	On        string  `json:"on"`                // the entity whose row it is about; "" where code decides
	Op        string  `json:"op"`                // what it does with that row
	Guarded   bool    `json:"guarded,omitempty"` // it can be held to the version of that row
	Inputs    []input `json:"inputs"`
	Closed    bool    `json:"closed,omitempty"` // for the service itself only
}

type input struct {
	field
	Required bool    `json:"required,omitempty"`
	Items    []input `json:"items,omitempty"`
	Most     int     `json:"most,omitempty"` // items
	Row      bool    `json:"row,omitempty"`  // it names the row of the first step: partition or key
}

func entities(m *model.Model) []entity {
	out := []entity{}
	for _, e := range m.Entities {
		d := entity{Name: e.Name, Partition: e.Family.Name, Key: fieldNames(e.Key), Fields: []field{}, Lists: []list{}, Links: links(m, e)}
		for _, f := range e.Fields {
			d.Fields = append(d.Fields, fieldOf(f))
		}
		for _, r := range m.Reads {
			if r.Of == e && r.List && !r.Internal {
				d.Lists = append(d.Lists, listOf(r))
			}
		}
		if e.View != nil {
			d.View = e.View.Name
		}
		if e.Keep != nil {
			d.Keep, d.KeepFrom = e.Keep.For.Seconds(), e.Keep.From.Name
		}
		out = append(out, d)
	}
	return out
}

func fieldNames(fields []*model.Field) []string {
	names := []string{}
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

func fieldOf(f *model.Field) field {
	plain := f.Type
	plain.Null = false
	d := field{Name: f.Name, Type: plain.String(), Null: f.Type.Null, Enum: f.Type.Enum, Size: f.Type.Size,
		Min: string(model.AppendText(nil, f.Min)), Max: string(model.AppendText(nil, f.Max)), Default: defaultWords(f)}
	d.Kind, _, _ = strings.Cut(d.Type, "(")
	if f.Type.Kind == model.KindEnum {
		d.Kind, d.Type = "enum", "one of "+strings.Join(f.Type.Enum, ", ")
	}
	if f.Pattern != nil {
		d.Pattern = strings.TrimSuffix(strings.TrimPrefix(f.Pattern.String(), "^(?:"), ")$")
	}
	return d
}

func defaultWords(f *model.Field) string {
	switch f.Default {
	case model.DefaultLiteral:
		return string(model.AppendText(nil, f.DefaultValue))
	case model.DefaultNew:
		return "a new id"
	case model.DefaultNext:
		return "the next number"
	case model.DefaultRandom:
		return "drawn at random"
	case model.DefaultNow:
		return "the time of the write"
	}
	return ""
}

func listOf(r *model.Read) list {
	l := list{Name: r.Name, By: fieldNames(r.By), Filter: fieldNames(r.Filter), Sort: []string{}}
	if r.Range != nil {
		l.Range = r.Range.Name
	}
	for _, o := range r.Sort {
		name := o.Field.Name
		if o.Desc {
			name = "-" + name
		}
		l.Sort = append(l.Sort, name)
	}
	var where []string
	for _, c := range r.Where {
		where = append(where, c.String())
	}
	l.Where = strings.Join(where, " and ")
	return l
}

// links are those that field names tell: a row that has all that names a row of another entity leads
// there, and to the lists of what belongs to it.
func links(m *model.Model, e *model.Entity) []link {
	out := []link{}
	given := func(fields []*model.Field) (map[string]string, bool) {
		names := map[string]string{}
		for _, f := range fields {
			own := e.Field(f.Name)
			if own == nil || own.Type.Kind != f.Type.Kind {
				return nil, false
			}
			names[f.Name] = own.Name
		}
		return names, true
	}
	for _, to := range m.Entities {
		place, ok := given(to.Fields[:1])
		key, has := given(to.Key)
		if to == e || !ok || !has {
			continue
		}
		at := to.Fields[0].Name
		if len(to.Key) > 0 && to.Family == e.Family {
			at = to.Key[len(to.Key)-1].Name
		}
		out = append(out, link{At: at, Entity: to.Name, Partition: place[to.Fields[0].Name], Given: key})
	}
	for _, r := range m.Reads {
		place, ok := given(r.Of.Fields[:1])
		by, has := given(r.By)
		if !r.List || r.Internal || r.Of == e || !ok || !has || len(by) != len(e.Key) {
			continue
		}
		whole := true // what is given names this very row
		for _, f := range e.Key {
			whole = whole && by[f.Name] != ""
		}
		if whole {
			out = append(out, link{Entity: r.Of.Name, Through: r.Name, Partition: place[r.Of.Fields[0].Name], Given: by})
		}
	}
	return out
}

func writes(m *model.Model) []write {
	out := []write{}
	for _, w := range m.Writes {
		d := write{Name: w.Name, Partition: w.Family.Name, Inputs: inputsOf(w.Inputs), Closed: w.Allow.None}
		step := mainStep(w)
		if step != nil {
			d.On, d.Op, d.Guarded = step.Entity.Name, opWords[step.Op], step == w.Steps[0] && step.Op != model.OpInsert
		}
		for i := range d.Inputs {
			d.Inputs[i].Row = i == 0 || namesRow(step, w.Inputs[i])
		}
		out = append(out, d)
	}
	return out
}

var opWords = map[model.Op]string{
	model.OpInsert: "insert", model.OpUpdate: "update", model.OpUpsert: "upsert", model.OpDelete: "delete", model.OpRead: "read",
}

// mainStep is the step that a person would name: the first that changes one row; nil: code decides.
func mainStep(w *model.Write) *model.Step {
	for _, s := range w.Steps {
		if s.Op != model.OpRead && len(s.By) == 0 && s.Each == nil {
			return s
		}
	}
	if len(w.Steps) > 0 {
		return w.Steps[0]
	}
	return nil
}

// namesRow tells whether an input is part of the key of the row that a step changes.
func namesRow(s *model.Step, in *model.Input) bool {
	if s == nil || s.Op == model.OpInsert {
		return false
	}
	return slices.ContainsFunc(slices.Concat(s.Key, s.By), func(src model.Source) bool { return src.Input == in && !src.Item })
}

func inputsOf(list []*model.Input) []input {
	out := []input{}
	for _, in := range list {
		d := input{Required: in.Required, Most: in.Max}
		if in.Field != nil {
			d.field = fieldOf(in.Field)
		}
		if in.Items != nil {
			d.Items, d.Kind = inputsOf(in.Items), "list"
		}
		out = append(out, d)
	}
	return out
}
