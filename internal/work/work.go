// Package work declares the rows that Partita keeps for itself beside a model's own: jobs that wait
// for their time, timers of schedules, and how far views have followed their sources. They are
// entities like any other, in a store model that only the store sees, so they need no tables,
// transactions or change log of their own kind.
package work

import "github.com/partita-dev/partita/model"

// Books is a model as the store keeps it: the declared one, and the entities of this package.
type Books struct {
	// Store is the model to open a store with: all of the declared model's families and entities,
	// the same pointers, and after them those of this package.
	Store *model.Model

	Family *model.Family // "partita_work", by bucket: 0 to model.Buckets-1
	Job    *model.Entity // key id
	Timer  *model.Entity // key name
	Since  *model.Entity // key view, source: from which version of a source partition a view follows
	Build  *model.Entity // key view

	// Applied holds, for each view, in the partitions of its rows, the version of each source
	// partition that was applied last: key source.
	Applied map[*model.View]*model.Entity

	// Due lists pending jobs of a bucket, those that are due first.
	Due *model.Read
	// Dead lists dead letters of a bucket.
	Dead *model.Read
}

// The states of a job.
const (
	Pending = "pending"
	DeadJob = "dead"
)

// Extend derives the store's model.
func Extend(m *model.Model) *Books {
	extended := *m
	b := &Books{Store: &extended, Applied: map[*model.View]*model.Entity{}}
	x := extender{m: &extended}
	extended.Families = append([]*model.Family(nil), m.Families...)
	extended.Entities = append([]*model.Entity(nil), m.Entities...)

	b.Family = &model.Family{ID: len(extended.Families), Name: "partita_work"}
	b.Family.By = &model.Field{Name: "bucket", Type: integer, Implied: true}
	extended.Families = append(extended.Families, b.Family)

	b.Job = x.entity("partita_job", b.Family, 1,
		field("id", text(200)),
		field("kind", text(20)), field("state", text(10)), field("event", text(64)), field("target", text(2000)),
		field("due", instant), field("attempts", integer), field("made", instant),
		field("family", text(64)), field("source", text(1000)), field("version", integer),
		field("data", text(4<<20)), null("error", text(2000)))
	b.Timer = x.entity("partita_timer", b.Family, 1, field("name", text(64)), field("due", instant))
	b.Since = x.entity("partita_since", b.Family, 2, field("view", text(64)), field("source", text(1000)), field("version", integer))
	b.Build = x.entity("partita_build", b.Family, 1, field("view", text(64)), field("after", text(1000)), field("done", model.Type{Kind: model.KindBool}))
	for _, v := range m.Views {
		b.Applied[v] = x.entity("partita_applied_"+v.Name, v.Family, 1, field("source", text(1000)), field("version", integer))
	}
	b.Due, b.Dead = x.jobs(b.Job, "partita_due", Pending), x.jobs(b.Job, "partita_dead", DeadJob)
	return b
}

var (
	integer = model.Type{Kind: model.KindInt}
	instant = model.Type{Kind: model.KindTime}
)

func text(size int) model.Type { return model.Type{Kind: model.KindString, Size: size} }

func field(name string, t model.Type) *model.Field { return &model.Field{Name: name, Type: t} }

func null(name string, t model.Type) *model.Field {
	t.Null = true
	return field(name, t)
}

type extender struct{ m *model.Model }

// entity adds an entity whose first keys fields are its key.
func (x *extender) entity(name string, f *model.Family, keys int, fields ...*model.Field) *model.Entity {
	partition := *f.By
	partition.Pos = 0
	e := &model.Entity{ID: len(x.m.Entities), Name: name, Family: f, Internal: true,
		Fields: append([]*model.Field{&partition}, fields...)}
	for i, field := range e.Fields {
		field.Pos = i
	}
	e.Key = e.Fields[1 : 1+keys]
	x.m.Entities = append(x.m.Entities, e)
	return e
}

// jobs makes the read that lists the jobs of one state by their time, with its index.
func (x *extender) jobs(e *model.Entity, name, state string) *model.Read {
	due, st := e.Field("due"), e.Field("state")
	r := &model.Read{
		Name: name, Of: e, List: true, Internal: true, Fields: e.Fields, Page: 256,
		Params: []*model.Input{{Field: e.Fields[0], Required: true}},
		Where:  []model.Cond{{Field: st, Values: []model.Value{model.String(state)}}},
		Range:  due,
		Sort:   []model.Order{{Field: due}, {Field: e.Key[0]}},
	}
	ix := &model.Index{Name: "by_state_due", Entity: e, Equal: []*model.Field{st}, Order: r.Sort}
	if len(e.Indexes) == 0 {
		e.Indexes = []*model.Index{ix}
	}
	r.IndexOf = []*model.Index{e.Indexes[0]}
	return r
}

// JobOf gives the place of a job's fields, for those who make and read them.
func (b *Books) JobOf(name string) int { return b.Job.Field(name).Pos }

// Follow tells which families have consumers: those that views are made from, and those whose
// writes emit events. It is what store.Options.Follow asks for.
func (b *Books) Follow(f *model.Family) bool {
	for _, v := range b.Store.Views {
		if v.From.Family == f {
			return true
		}
	}
	for _, e := range b.Store.Events {
		if e.Family == f {
			return true
		}
	}
	return f == b.Family && len(b.Store.Schedules) > 0
}
