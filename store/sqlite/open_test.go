package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/storetest"
)

func parseModel(t *testing.T, source string) *model.Model {
	t.Helper()
	m, err := model.Parse("test.yaml", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// refused tells that opening fails with a sentence that has the given words.
func refused(t *testing.T, dir string, m *model.Model, words string) {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir, Model: m})
	if err == nil {
		s.Close()
		t.Fatalf("the store was opened; want a refusal with %q", words)
	}
	if !strings.Contains(err.Error(), words) {
		t.Fatalf("the refusal is %q, want %q in it", err, words)
	}
}

func opened(t *testing.T, dir string, m *model.Model) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir, Model: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestForeignFiles(t *testing.T) {
	m := storetest.Model(t)
	t.Run("not a database", func(t *testing.T) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, FileName), []byte(strings.Repeat("no database ", 1000)), 0o600)
		refused(t, dir, m, "is not a store of Partita")
	})
	for name, c := range map[string]struct{ sql, words string }{
		"of another program": {"CREATE TABLE t (a)", "belongs to another program"},
		"of another id":      {"PRAGMA application_id=7", "belongs to another program"},
		"newer":              {"PRAGMA application_id=1347572801; PRAGMA user_version=3; CREATE TABLE t (a)", "newer Partita"},
		"older":              {"PRAGMA application_id=1347572801; PRAGMA user_version=1; CREATE TABLE t (a)", "older format 1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c1, err := sqlite3.Open(filepath.Join(dir, FileName))
			if err != nil {
				t.Fatal(err)
			}
			if err := c1.Exec(c.sql); err != nil {
				t.Fatal(err)
			}
			c1.Close()
			refused(t, dir, m, c.words)
		})
	}
}

func TestOneProcess(t *testing.T) {
	m, dir := storetest.Model(t), t.TempDir()
	s := opened(t, dir, m)
	refused(t, dir, m, "open in another process")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opened(t, dir, m)
}

func TestDurableSettings(t *testing.T) {
	s := opened(t, t.TempDir(), storetest.Model(t))
	for pragma, want := range map[string]int64{"synchronous": 2, "application_id": applicationID, "user_version": format, "page_size": pageSize} {
		if got, err := s.writer.number("PRAGMA " + pragma); err != nil || got != want {
			t.Errorf("%s is %d (%v), want %d", pragma, got, err, want)
		}
	}
	if mode, err := s.writer.word("PRAGMA journal_mode"); mode != "wal" || err != nil {
		t.Errorf("journal mode is %q (%v)", mode, err)
	}
}

const small = `
service: small
partitions: {box: {by: box_id, type: string(10), expect: 10}}
entities:
  card:
    in: box
    key: card_id
    expect: 10
    fields: {card_id: string(10), name: string(10), state: {enum: [on, off]}, price: "decimal(8,2)"}
  gone: {in: box, key: gone_id, expect: 10, fields: {gone_id: string(10)}}
reads:
  cards: {list: card}
`

func TestGrownModel(t *testing.T) {
	dir := t.TempDir()
	m := parseModel(t, small)
	s := opened(t, dir, m)
	insertRow(t, s, "card", model.String("b"), model.String("1"), model.String("n"), model.String("on"), model.Decimal(1250, 2))
	s.Close()

	grow := strings.NewReplacer(
		"price: \"decimal(8,2)\"}", "price: \"decimal(8,2)\", extra: text(9)?, rank: {type: int, default: 3}, since: {type: time, default: \"2026-01-31T08:05:00Z\"}}\n    unique: [[name]]",
		"[on, off]", "[on, off, new]",
		"cards: {list: card}", "cards: {list: card, sort: rank, filter: [state]}\n  things: {list: thing}",
		"  gone: {in: box, key: gone_id, expect: 10, fields: {gone_id: string(10)}}", "  thing: {in: shelf, key: k, expect: 10, fields: {k: int}}",
		"partitions: {", "partitions: {shelf: {by: shelf_id, type: int, expect: 10}, ",
	)
	grown := parseModel(t, grow.Replace(small))
	s = opened(t, dir, grown)
	rows, err := s.Scan(t.Context(), grown.Entity("card"), nil, 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	e := grown.Entity("card")
	get := func(name string) model.Value { return rows[0].Values[e.Field(name).Pos] }
	if get("rank") != model.Int(3) || !get("extra").IsNull() || get("price") != model.Decimal(1250, 2) || get("since").Time().Format("2006-01-02T15:04") != "2026-01-31T08:05" {
		t.Fatalf("the row is %+v", rows[0])
	}
	insertRow(t, s, "thing", model.Int(1), model.Int(2))
	s.Close()
	s = opened(t, dir, grown) // once more: nothing is left to do
	s.Close()
}

func TestModelThatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, parseModel(t, small))
	for _, id := range []string{"1", "2"} {
		insertRow(t, s, "card", model.String("b"), model.String(id), model.String("same"), model.String("on"), model.Decimal(0, 2))
	}
	insertRow(t, s, "gone", model.String("b"), model.String("1"))
	s.Close()
	for name, c := range map[string]struct{ from, to, words string }{
		"another service":         {"service: small", "service: other", `the service "small"`},
		"a field without a value": {"price: \"decimal(8,2)\"", "price: \"decimal(8,2)\", must: int", "no fixed default"},
		"another scale":           {"decimal(8,2)", "decimal(8,3)", "partita migrate --allow rewrite"},
		"another type":            {"name: string(10)", "name: int", "string in the store and int in the model"},
		"a smaller enum":          {"[on, off]", "[on]", "Takes off from the enum state of card"},
		"a field is gone":         {"name: string(10), ", "", "Drops the column name of card"},
		"an entity is gone":       {"  gone: {in: box, key: gone_id, expect: 10, fields: {gone_id: string(10)}}\n", "", "Drops the table gone"},
		"another key":             {"key: card_id", "key: name", "keys do not change"},
		"another partition type":  {"type: string(10), expect: 10}}", "type: int, expect: 10}}", "by string in the store and by int"},
		"a unique that is broken": {"key: card_id", "key: card_id\n    unique: [[name]]", "break a `unique`"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, dir, parseModel(t, strings.Replace(small, c.from, c.to, 1)), c.words)
		})
	}
	opened(t, dir, parseModel(t, small))
}
