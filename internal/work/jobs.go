package work

import "github.com/partita-dev/partita/model"

// The states of a job. A closed row is no job: it says that its lane takes none.
const (
	Pending = "pending"
	Dead    = "dead"
	Closed  = "closed"
)

// Page is the number of rows that Due, Letters and Closed give at once.
const Page = 256

// work declares jobs and timers.
func (x *extender) work(b *Books) {
	b.Job = x.entity("partita_job", b.Family, 1,
		field("id", text(200)),
		field("state", text(10)),
		field("lane", text(120)), // jobs of one lane wait for each other, and for no others
		field("due", instant),    // of a dead letter: when it was given up
		field("attempts", integer),
		field("event", text(64)), field("target", text(2000)),
		field("made", instant),                                                            // when the event happened
		field("family", text(64)), field("source", text(1000)), field("version", integer), // where
		field("data", text(4<<20)),
		null("error", text(2000)))
	b.Timer = x.entity("partita_timer", b.Clock, 0, field("due", instant), field("line", text(200)))

	state, lane, due, id := b.Job.Field("state"), b.Job.Field("lane"), b.Job.Field("due"), b.Job.Key[0]
	ix := &model.Index{Name: "by_state_lane_due", Entity: b.Job, Equal: []*model.Field{state},
		Order: []model.Order{{Field: lane}, {Field: due}, {Field: id}}}
	b.Job.Indexes = []*model.Index{ix}
	list := func(name, s string, page int) *model.Read {
		return &model.Read{
			Name: name, Of: b.Job, List: true, Internal: true, Fields: b.Job.Fields, Page: page,
			Params:  []*model.Input{{Field: b.Job.Fields[0], Required: true}},
			Where:   []model.Cond{{Field: state, Values: []model.Value{model.String(s)}}},
			Sort:    ix.Order,
			IndexOf: []*model.Index{ix},
		}
	}
	b.Lanes, b.Waiting = list("partita_lanes", Pending, 1), list("partita_waiting", Pending, Page)
	b.Letters, b.Closed = list("partita_dead", Dead, Page), list("partita_closed", Closed, Page)
	b.Due = list("partita_due", Pending, Page)
	b.Due.By, b.Due.Range, b.Due.Sort = []*model.Field{lane}, due, ix.Order[1:]
	b.Due.Params = append(b.Due.Params, &model.Input{Field: lane, Index: 1, Required: true})
}
