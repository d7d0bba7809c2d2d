package drill

import (
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/stage"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

const notes = `
service: notes
partitions: {person: {by: person_id, type: string(20)}}
entities:
  note: {in: person, key: note_id, fields: {note_id: {type: int, default: next}, title: string(80)}}
reads:
  note:  {get: note, fresh: 2s, stale: 1m}
  notes: {list: note}
writes:
  add_note:   {insert: note, input: [title], async: offered}
  change_note: {update: note, input: [title]}
`

// fixture is a scene with a book of one partition: what the change log has, and what callers were told.
type fixture struct {
	t *testing.T
	s *scene
	b *book
	a *audit
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	m, err := model.Parse("notes", []byte(notes), nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{stage: &stage.Stage{Model: m}, world: load.NewWorld(m, load.Size{Partitions: 1, Rows: 1}, nil), mix: load.NewMix(m, true)}
	f := &fixture{t: t, s: &scene{env: e, began: time.Unix(1000, 0).UTC()}}
	f.b = &book{place: store.Partition{Family: m.Families[0], Value: e.world.Partition(m.Families[0], 0)}}
	f.a = &audit{s: f.s, operations: map[*load.Note]operation{}}
	return f
}

// change adds a change of the note of the World's one row, or of another.
func (f *fixture) change(version uint64, write string, row int64) {
	e := f.s.stage.Model.Entity("note")
	values := []model.Value{f.b.place.Value, model.Int(row), model.String("x")}
	f.b.changes = append(f.b.changes, &store.Change{Partition: f.b.place, Version: version, Write: write, Time: f.s.began.Add(time.Second),
		Rows: []model.RowChange{{Entity: e, After: &model.Row{Version: version, Values: values}}}})
}

func (f *fixture) pattern(name string) int {
	for i, p := range f.s.mix.Patterns {
		if p.Name == name {
			return i
		}
	}
	f.t.Fatal("no pattern", name)
	return 0
}

// wrote adds a write that was answered.
func (f *fixture) wrote(name string, sent, done time.Duration, status int, version uint64) *load.Note {
	n := &load.Note{Pattern: f.pattern(name), Sent: sent, Done: done, Status: status, Version: version}
	f.b.writes = append(f.b.writes, n)
	return n
}

func (f *fixture) accepted(sent, done time.Duration, version uint64) {
	f.a.operations[f.wrote("add_note (accepted)", sent, done, 202, 0)] = operation{version: version}
}

// read adds a read of the World's one row.
func (f *fixture) read(sent time.Duration, version uint64, stale bool) {
	f.b.reads = append(f.b.reads, &load.Note{Pattern: f.pattern("note"), Sent: sent, Done: sent, Status: 200, Version: version, Stale: stale})
}

// verdicts audits, and gives the names of the promises that were broken.
func (f *fixture) verdicts() string {
	f.a.writes(f.b)
	f.a.order(f.b)
	f.a.ages(f.b)
	var broken []string
	for _, p := range f.a.promises() {
		if p.Verdict == Broken {
			broken = append(broken, p.Name)
			if len(p.Details) == 0 {
				f.t.Error("no case is shown of", p.Name)
			}
		}
	}
	return strings.Join(broken, ", ")
}

func TestTheBooksAreRight(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		do   func(f *fixture)
		want string
	}{
		"all is well": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.change(2, "add_note", 2)
			f.wrote("add_note", s, 2*s, 201, 1)
			f.accepted(2*s, 3*s, 2)
		}, ""},
		"a write is not there": {func(f *fixture) {
			f.wrote("add_note", s, 2*s, 201, 1)
		}, "acknowledged writes"},
		"another write has its version": {func(f *fixture) {
			f.change(1, "change_note", 1)
			f.wrote("add_note", s, 2*s, 201, 1)
		}, "acknowledged writes"},
		"two were told the same version": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.wrote("add_note", s, 2*s, 201, 1)
			f.wrote("add_note", s, 2*s, 201, 1)
		}, "acknowledged writes"},
		"an accepted write is not there": {func(f *fixture) {
			f.accepted(s, 2*s, 1)
		}, "acknowledged writes"},
		"it took place twice": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.change(2, "add_note", 2)
			f.wrote("add_note", s, 2*s, 201, 1)
		}, "done once"},
		"one who does not know explains the second": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.change(2, "add_note", 2)
			f.wrote("add_note", s, 2*s, 201, 1)
			f.wrote("add_note", s, 2*s, 0, 0)
		}, ""},
		"a refusal does not explain it": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.wrote("add_note", s, 2*s, 503, 0)
		}, "done once"},
		"what was accepted first comes second": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.change(2, "add_note", 2)
			f.accepted(s, 2*s, 2)
			f.accepted(3*s, 4*s, 1)
		}, "order of accepted writes"},
		"those that crossed may come in any order": {func(f *fixture) {
			f.change(1, "add_note", 1)
			f.change(2, "add_note", 2)
			f.accepted(s, 3*s, 2)
			f.accepted(2*s, 4*s, 1)
		}, ""},
		"an answer within fresh": {func(f *fixture) {
			f.change(1, "change_note", 1)
			f.wrote("change_note", 9*s, 10*s, 200, 1)
			f.read(11*s, 0, false)
		}, ""},
		"an answer beyond fresh": {func(f *fixture) {
			f.change(1, "change_note", 1)
			f.wrote("change_note", 9*s, 10*s, 200, 1)
			f.read(13*s, 0, false)
		}, "age of answers"},
		"an answer that says it is stale": {func(f *fixture) {
			f.change(1, "change_note", 1)
			f.wrote("change_note", 9*s, 10*s, 200, 1)
			f.read(13*s, 0, true)
		}, ""},
		"an answer beyond stale": {func(f *fixture) {
			f.change(1, "change_note", 1)
			f.wrote("change_note", 9*s, 10*s, 200, 1)
			f.read(71*s, 0, true)
		}, "age of answers"},
		"a change of another row": {func(f *fixture) {
			f.change(1, "change_note", 5)
			f.wrote("change_note", 9*s, 10*s, 200, 1)
			f.read(13*s, 0, false)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c.do(f)
			if got := f.verdicts(); got != c.want {
				t.Errorf("broken: %q, want %q", got, c.want)
			}
		})
	}
}
