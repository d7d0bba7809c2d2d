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
	Since  *model.Entity // key view, source: the version that a view that was built has of a source partition; it follows from there
	Build  *model.Entity // key view: in the first bucket of each shard, how far a view is built from the shard's partitions

	// Applied holds, for each view, in the partitions of its rows, the version of each source
	// partition that was applied last: key source.
	Applied map[*model.View]*model.Entity
	// Folded holds, for each view that folds, beside each of its rows what the row's figures are
	// computed from: the number of rows of the source, exact sums, and the number of values in them.
	Folded map[*model.View]*model.Entity

	Clock *model.Family // "partita_clock", by schedule
	Timer *model.Entity // one row: when the schedule fires next

	Due     *model.Read // pending jobs of a bucket and lane, those that are due first
	Lanes   *model.Read // pending jobs of a bucket by lane, one at a time
	Waiting *model.Read // all pending jobs of a bucket by lane
	Letters *model.Read // dead letters of a bucket by lane
	Closed  *model.Read // rows of a bucket that say that a lane is closed

	deaf map[*model.Family]bool // see Hear
}

// Extend derives the store's model.
func Extend(m *model.Model) *Books {
	extended := *m
	b := &Books{Store: &extended, Applied: map[*model.View]*model.Entity{}, Folded: map[*model.View]*model.Entity{}}
	x := extender{m: &extended}
	extended.Families = append([]*model.Family(nil), m.Families...)
	extended.Entities = append([]*model.Entity(nil), m.Entities...)

	b.Family = &model.Family{ID: len(extended.Families), Name: "partita_work"}
	b.Family.By = &model.Field{Name: "bucket", Type: integer, Implied: true}
	b.Clock = &model.Family{ID: b.Family.ID + 1, Name: "partita_clock"}
	b.Clock.By = &model.Field{Name: "schedule", Type: text(64), Implied: true}
	extended.Families = append(extended.Families, b.Family, b.Clock)

	x.work(b)
	b.Since = x.entity("partita_since", b.Family, 2, field("view", text(64)), field("source", text(1000)), field("version", integer))
	b.Build = x.entity("partita_building", b.Family, 1, field("view", text(64)), field("definition", text(64)), field("state", text(10)),
		field("from_bucket", integer), field("after", text(1000)), field("to_bucket", integer), field("upto", text(1000)), field("at", instant))
	for _, v := range m.Views {
		x.view(b, v)
	}
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

// Follow tells which families have consumers: those that views are made from, and those whose
// writes emit events that are heard. It is what store.Options.Follow asks for.
func (b *Books) Follow(f *model.Family) bool {
	for _, v := range b.Store.Views {
		if v.From.Family == f {
			return true
		}
	}
	if b.deaf[f] {
		return false
	}
	for _, e := range b.Store.Events {
		if e.Family == f {
			return true
		}
	}
	return f == b.Clock && len(b.Store.Schedules) > 0
}

// Hear says which events anybody hears, so that families without any need not be followed. Without
// it every event counts. It must be called before the store is opened.
func (b *Books) Hear(heard func(*model.Event) bool) {
	deaf := map[*model.Family]bool{}
	for _, e := range b.Store.Events {
		if e.Family != nil {
			deaf[e.Family] = true
		}
	}
	for _, e := range b.Store.Events {
		if e.Family != nil && heard(e) {
			delete(deaf, e.Family)
		}
	}
	b.deaf = deaf
}
