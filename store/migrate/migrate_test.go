package migrate_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/pgtest"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/postgres"
	"github.com/partita-dev/partita/store/sqlite"
)

var (
	server *pgtest.Server
	update = flag.Bool("update", false, "write the expected texts anew")
)

func TestMain(m *testing.M) { flag.Parse(); pgtest.Main(m, &server) }

const before = `
service: small
partitions: {box: {by: box_id, type: string(10), expect: 10}, shelf: {by: shelf_id, type: int, expect: 10}}
entities:
  card:
    in: box
    key: card_id
    expect: 10
    fields:
      card_id: string(10)
      name:    string(10)
      state:   {enum: [on, off]}
      price:   "decimal(8,2)"
      count:   int
      note:    text(20)?
      owner:   string(10)?
      rank:    int
      old:     text(20)
  gone:  {in: box, key: gone_id, expect: 10, fields: {gone_id: string(10)}}
  thing: {in: shelf, key: k, expect: 10, fields: {k: int}}
reads:
  cards:   {list: card, sort: rank}
  by_name: {list: card, sort: name}
`

// after is before with a change of each kind.
var after = edit(before,
	", shelf: {by: shelf_id, type: int, expect: 10}", "",
	"  thing: {in: shelf, key: k, expect: 10, fields: {k: int}}\n", "  fresh: {in: box, key: k, expect: 10, fields: {k: int, of: int?}}\n",
	"  gone:  {in: box, key: gone_id, expect: 10, fields: {gone_id: string(10)}}\n", "",
	"name:    string(10)", "name:    string(40)",
	"[on, off]", "[on, off, new]",
	"decimal(8,2)", "decimal(10,4)",
	"count:   int", "count:   \"decimal(12,2)\"",
	"note:    text(20)?", "note:    text(20)",
	"rank:    int", "rank:    int?",
	"      old:     text(20)\n", "      level:   {type: int, default: 3}\n      extra:   time?\n",
	"expect: 10\n    fields:\n      card_id", "expect: 10\n    unique: [[owner]]\n    fields:\n      card_id",
	"  by_name: {list: card, sort: name}\n", "  by_level: {list: card, sort: -level}\n  by_state: {list: card, by: [state]}\n  fresh: {list: fresh, sort: of}\n",
)

// edit replaces each first of a pair, which must be there, by the second.
func edit(text string, pairs ...string) string {
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			panic("not in the text: " + pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

func parse(t testing.TB, source string) *model.Model {
	t.Helper()
	m, err := model.Parse("test.yaml", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// place is an empty store of one kind.
type place struct {
	kind    string
	open    func(m *model.Model) (store.Store, error)
	migrate func(m *model.Model) (migrate.Target, error)
}

// everywhere runs a test on both kinds of store.
func everywhere(t *testing.T, test func(*testing.T, *place)) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, &place{"sqlite",
			func(m *model.Model) (store.Store, error) {
				return sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Model: m})
			},
			func(m *model.Model) (migrate.Target, error) { return sqlite.Migrate(t.Context(), dir, m) }})
	})
	t.Run("postgres", func(t *testing.T) {
		url := server.Database(t)
		test(t, &place{"postgres",
			func(m *model.Model) (store.Store, error) {
				return postgres.Open(t.Context(), postgres.Config{URL: url, Model: m})
			},
			func(m *model.Model) (migrate.Target, error) { return postgres.Migrate(t.Context(), url, m, nil) }})
	})
}

func (p *place) opened(t *testing.T, m *model.Model) store.Store {
	t.Helper()
	s, err := p.open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// run migrates, and gives the plan.
func (p *place) run(t *testing.T, m *model.Model, dry bool, allow ...string) *migrate.Plan {
	t.Helper()
	target, err := p.migrate(m)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := migrate.Run(t.Context(), target, allow, dry)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// insert adds a row; values are by name, the others null.
func insert(t *testing.T, s store.Store, e *model.Entity, values map[string]model.Value) {
	t.Helper()
	row := make([]model.Value, len(e.Fields))
	for name, v := range values {
		row[e.Field(name).Pos] = v
	}
	w := &store.Write{Partition: store.Partition{Family: e.Family, Value: row[0]}, Name: "insert", Now: time.Now(),
		Apply: func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(e, row)
			return nil, err
		}}
	s.Commit(t.Context(), w)
	if w.Result.Err != nil {
		t.Fatal(w.Result.Err)
	}
}

func card(id string) map[string]model.Value {
	return map[string]model.Value{"box_id": model.String("b"), "card_id": model.String(id), "name": model.String("n" + id), "state": model.String("on"),
		"price": model.Decimal(1250, 2), "count": model.Int(7), "note": model.String("x"), "rank": model.Int(1), "old": model.String("gone")}
}

// filled makes a store of the model before, with rows.
func (p *place) filled(t *testing.T) {
	t.Helper()
	m := parse(t, before)
	s := p.opened(t, m)
	insert(t, s, m.Entity("card"), card("1"))
	insert(t, s, m.Entity("card"), card("2"))
	insert(t, s, m.Entity("gone"), map[string]model.Value{"box_id": model.String("b"), "gone_id": model.String("g")})
	insert(t, s, m.Entity("thing"), map[string]model.Value{"shelf_id": model.Int(1), "k": model.Int(1)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, have string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != have {
		t.Errorf("%s differs (%v); have:\n%s", path, err, have)
	}
}

// A dry run tells everything and changes nothing; without its words nothing is done at all; with
// them all is, and then there is nothing left.
func TestEachKindOfChange(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		p.filled(t)
		m := parse(t, after)
		golden(t, p.kind+".txt", p.run(t, m, true).Text())

		if plan := p.run(t, m, false, migrate.DropColumn); plan.Fits() || !strings.Contains(strings.Join(plan.Refused, " "), "--allow rewrite") ||
			slices.ContainsFunc(plan.Steps, func(s *migrate.Step) bool { return s.Done }) {
			t.Fatal("a word is missing, yet:\n", plan.Text())
		}
		if _, err := p.open(m); err == nil || !strings.Contains(err.Error(), "partita migrate --allow rewrite") {
			t.Fatal("a node with the new model starts: ", err)
		}
		old := p.opened(t, parse(t, before)) // nothing has changed
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}

		plan := p.run(t, m, false, migrate.Words...)
		if slices.ContainsFunc(plan.Steps, func(s *migrate.Step) bool { return !s.Done }) {
			t.Fatal(plan.Text())
		}
		if plan := p.run(t, m, true); len(plan.Steps) > 0 || !plan.Fits() {
			t.Fatal("there is something left:\n", plan.Text())
		}
		s := p.opened(t, m)
		e := m.Entity("card")
		rows, err := s.Scan(t.Context(), e, nil, 10)
		if err != nil || len(rows) != 2 {
			t.Fatal(rows, err)
		}
		for name, want := range map[string]model.Value{"price": model.Decimal(125000, 4), "count": model.Decimal(700, 2), "level": model.Int(3), "extra": model.Null} {
			if got := rows[0].Values[e.Field(name).Pos]; got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		row := card("3")
		delete(row, "old")
		row["rank"], row["level"], row["price"], row["count"], row["state"] = model.Null, model.Int(1), model.Decimal(1, 4), model.Decimal(1, 2), model.String("new")
		insert(t, s, e, row)
	})
}

func TestWhatNoStepCanDo(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		p.filled(t)
		for name, c := range map[string]struct{ from, to, words string }{
			"null that is there":      {"owner:   string(10)?", "owner:   string(10)", "is in 2 rows: fill it first"},
			"values that clash":       {"key: card_id", "key: card_id\n    unique: [[rank]]", "break a `unique` that is new: 1 value of (rank)"},
			"a field without a value": {"rank:    int", "rank:    int\n      must:    int", "no fixed default"},
			"another type":            {"price:   \"decimal(8,2)\"", "price:   date", "Add a field of another name"},
			"fewer digits":            {"price:   \"decimal(8,2)\"", "price:   \"decimal(8,1)\"", "values do not change their type so"},
			"too large":               {"price:   \"decimal(8,2)\"", "price:   \"decimal(8,7)\"", "2 rows have values too large"},
			"another key":             {"key: card_id", "key: name", "keys do not change"},
			"another partition":       {"by: shelf_id, type: int", "by: shelf_id, type: uuid", "that cannot change"},
			"another service":         {"service: small", "service: other", ""},
		} {
			t.Run(name, func(t *testing.T) {
				m := parse(t, edit(before, c.from, c.to))
				target, err := p.migrate(m)
				if err == nil {
					defer target.Close()
					var plan *migrate.Plan
					if plan, err = migrate.Run(t.Context(), target, migrate.Words, false); err == nil {
						if plan.Fits() || !strings.Contains(plan.Text(), c.words) {
							t.Fatal(plan.Text())
						}
						return
					}
				}
				if c.words != "" || !strings.Contains(err.Error(), "belongs to the service") {
					t.Fatal(err)
				}
			})
		}
	})
}

func TestStoresThatCannotBeMigrated(t *testing.T) {
	everywhere(t, func(t *testing.T, p *place) {
		m := parse(t, before)
		if _, err := p.migrate(m); err == nil || !strings.Contains(err.Error(), "`partita serve` makes it") {
			t.Fatal(err)
		}
		if p.kind == "sqlite" {
			p.opened(t, m)
			if _, err := p.migrate(m); err == nil || !strings.Contains(err.Error(), "open in another process; stop that one first") {
				t.Fatal(err)
			}
		}
	})
}
