package relay

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Lanes of jobs that the relay carries out itself. Those of endpoints have other names.
const (
	laneLater = "later" // events that happen when they are due
	laneThen  = "then"  // writes that follow an event, replayed
)

// Job is something that has to be done outside of any transaction. It is a row until it is done, so
// that a node which dies with it under way leaves it to another.
type Job struct {
	Event
	Lane     string // what takes it
	Target   string // the same, for people
	State    string // one of work.Pending and work.Dead
	Due      time.Time
	Attempts int    // that failed
	Error    string // of the last attempt; "" for none
}

// key names a job. An event that is relayed twice makes the same job.
func (j *Job) key() string { return j.ID + "|" + j.Lane }

// values is the job as a row of a bucket. A job's own index among the events of its change is part
// of Event.ID.
func (j *Job) values(b *work.Books, bucket model.Value) []model.Value {
	e := b.Job
	v := make([]model.Value, len(e.Fields))
	set := func(name string, value model.Value) { v[e.Field(name).Pos] = value }
	v[0] = bucket
	set("id", model.String(j.key()))
	set("state", model.String(j.State))
	set("lane", model.String(j.Lane))
	set("due", model.Time(j.Due))
	set("attempts", model.Int(int64(j.Attempts)))
	set("event", model.String(j.Name))
	set("target", model.String(j.Target))
	set("made", model.Time(j.Time))
	set("family", model.String(j.Family))
	set("source", model.String(j.Partition))
	set("version", model.Int(int64(j.Version)))
	set("data", model.String(string(j.Data)))
	if j.Error != "" {
		set("error", model.String(j.Error))
	}
	return v
}

// jobOf reads a row back.
func jobOf(b *work.Books, row *model.Row) *Job {
	get := func(name string) model.Value { return row.Values[b.Job.Field(name).Pos] }
	j := &Job{
		Event: Event{Name: get("event").Text(), Family: get("family").Text(), Partition: get("source").Text(),
			Version: uint64(get("version").Int()), Time: get("made").Time(), Data: []byte(get("data").Text())},
		Lane: get("lane").Text(), Target: get("target").Text(), State: get("state").Text(),
		Due: get("due").Time(), Attempts: int(get("attempts").Int()),
	}
	j.ID, _, _ = strings.Cut(get("id").Text(), "|")
	if v := get("error"); !v.IsNull() {
		j.Error = v.Text()
	}
	return j
}

// short bounds a text for people.
func short(s string) string {
	const most = 500
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.ToValidUTF8(s[:cut], "\uFFFD") + "…"
}

// piece bounds the jobs of one write.
const piece = 128

// store makes the writes that keep jobs in a shard, and with them what drop says. Those that are
// kept already stay as they are.
func (e *Events) keep(shard int, jobs []*Job, drop []*Job) (writes []*store.Write) {
	p := Home(e.books, shard)
	for some := range slices.Chunk(jobs, piece) {
		w := NewWrite("partita_jobs", e.model.Revision, p, func(tx store.Tx) error {
			for _, j := range some {
				old, err := tx.Get(e.books.Job, []model.Value{model.String(j.key())})
				if err != nil {
					return err
				}
				if old != nil {
					continue
				}
				if _, err := tx.Insert(e.books.Job, j.values(e.books, p.Value)); err != nil {
					return err
				}
			}
			return nil
		})
		w.Needs = e.needs(some)
		writes = append(writes, w)
	}
	for some := range slices.Chunk(drop, piece) {
		w := NewWrite("partita_jobs", e.model.Revision, p, func(tx store.Tx) error {
			for _, j := range some {
				if err := e.remove(tx, j); err != nil {
					return err
				}
			}
			return nil
		})
		w.Needs = e.needs(some)
		writes = append(writes, w)
	}
	return writes
}

func (e *Events) remove(tx store.Tx, j *Job) error {
	old, err := tx.Get(e.books.Job, []model.Value{model.String(j.key())})
	if err != nil || old == nil {
		return err
	}
	return tx.Delete(e.books.Job, old, false)
}

func (e *Events) needs(jobs []*Job) []store.Need {
	needs := make([]store.Need, len(jobs))
	for i, j := range jobs {
		needs[i] = store.Need{Entity: e.books.Job, Key: []model.Value{model.String(j.key())}}
	}
	return needs
}
