package relay_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// shut is a store that has one partition away.
type shut struct {
	store.Store
	partition string
	open      atomic.Bool
}

func (s *shut) Commit(ctx context.Context, ws ...*store.Write) {
	for _, w := range ws {
		if w.Partition.Value == model.String(s.partition) && !s.open.Load() {
			for _, w := range ws {
				w.Result = store.WriteResult{Err: away}
			}
			return
		}
	}
	s.Store.Commit(ctx, ws...)
}

const reminders = `
service: reminders
partitions: {person: {by: person_id, type: string(40), expect: 1k}}
entities:
  note: {in: person, key: note_id, expect: 1000, fields: {note_id: {type: int, default: next}, to: string(40)}}
  copy: {in: person, key: [source, note_id], expect: 1000, fields: {source: string(40), note_id: int}}
reads: {note: {get: note}, copy: {get: copy}}
writes:
  plan: {insert: note, input: [to], emit: reminded}
  log:  {insert: copy, input: [source, note_id]}
events:
  reminded: {data: [note.person_id, note.note_id, note.to], after: 1h,
    then: {write: log, with: {person_id: = event.to, source: = event.person_id, note_id: = event.note_id}}}
`

// Events that are due and cannot be followed hold up nobody but their own partition, however many they
// are, and are followed when that is possible again.
func TestManyHeldEventsHoldUpNobody(t *testing.T) {
	start := time.Now()
	c := &clock{now: start}
	away := &shut{partition: "away"}
	s := serveModel(t, reminders, options{now: c.read, wrap: func(s store.Store) store.Store { away.Store = s; return away }})
	family := partition(s, "person", "held").Family
	other := "" // lives in the same shard
	for i := 0; other == ""; i++ {
		if name := fmt.Sprint("other", i); family.Bucket(model.String(name)) == family.Bucket(model.String("held")) {
			other = name
		}
	}
	const held = 600 // more than are listed at once
	for range held {
		s.must("plan", `{"person_id":"held","to":"away"}`)
	}
	s.must("plan", fmt.Sprintf(`{"person_id":%q,"to":"here"}`, other)) // due after all of these
	s.wait("they wait", func() bool { return len(s.rows("partita_job")) == held+1 })
	c.set(start.Add(2 * time.Hour).Format(time.RFC3339))
	s.wait("the other is followed", func() bool { return len(s.rows("copy")) == 1 })
	away.open.Store(true)
	s.wait("all are", func() bool {
		c.set(c.read().Add(time.Second).Format(time.RFC3339))
		return len(s.rows("copy")) == held+1 && s.settled()
	})
}
