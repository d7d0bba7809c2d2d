package accessplan_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// goodModels are the examples and the good cases of the model's corpus.
func goodModels(t *testing.T) map[string]*model.Model {
	t.Helper()
	models := map[string]*model.Model{"shop": parse(t, "shop"), "chat": parse(t, "chat")}
	paths, err := filepath.Glob("../../model/testdata/corpus/good/*.txt")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d good cases, %v", len(paths), err)
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		src, _, _ = bytes.Cut(src, []byte("---- want\n"))
		env := func(name string) (string, bool) {
			v, ok := map[string]string{"DEPOT_PAGE": "25", "DEPOT_FRESH": "2m", "EMPTY": ""}[name]
			return v, ok
		}
		m, err := model.Parse(path, src, env)
		if err != nil {
			t.Fatal(err)
		}
		models[filepath.Base(path)] = m
	}
	return models
}

// SQLite itself says that each page of each read is served by the index that the plan names:
// nothing is scanned, and nothing is sorted.
func TestSQLiteUsesTheIndexes(t *testing.T) {
	checked := 0
	for name, m := range goodModels(t) {
		t.Run(name, func(t *testing.T) {
			db, err := sqlite3.Open(":memory:")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, o := range sqltext.Schema(sqltext.SQLite, m) {
				if err := db.Exec(o.SQL); err != nil {
					t.Fatalf("%v: %s", err, o.SQL)
				}
			}
			for _, r := range m.Reads {
				for i, served := range explain(t, m, r.Name).Read.Served {
					for _, v := range variants(r, i) {
						searched(t, db, r, served.Index, v)
						checked++
					}
				}
			}
			for _, w := range m.Writes {
				for _, step := range w.Steps {
					deletedByIndex(t, db, step)
				}
			}
		})
	}
	if checked < 200 {
		t.Errorf("only %d statements were checked", checked)
	}
}

// variants are the statements of a read behind one combination of filters: first and later pages,
// both ways, with and without bounds.
func variants(r *model.Read, filter int) []sqltext.Variant {
	if !r.List {
		return []sqltext.Variant{{}}
	}
	var all []sqltext.Variant
	for bits := range 16 {
		v := sqltext.Variant{Filter: uint32(filter), Cursor: bits&1 != 0, Back: bits&2 != 0, From: bits&4 != 0, To: bits&8 != 0}
		if v.Back && !v.Cursor || (v.From || v.To) && r.Range == nil {
			continue
		}
		all = append(all, v)
	}
	return all
}

func searched(t *testing.T, db *sqlite3.Conn, r *model.Read, index string, v sqltext.Variant) {
	t.Helper()
	steps := queryPlan(t, db, sqltext.Read(sqltext.SQLite, r, v).SQL)
	wanted := "USING INDEX " + index + " "
	if index == "primary key" {
		wanted = "USING PRIMARY KEY "
	}
	if len(steps) != 2 || !strings.HasPrefix(steps[1], "SEARCH e ") || !strings.Contains(steps[1], wanted) {
		t.Errorf("%s, %+v: the plan says %s, SQLite says %q", r.Name, v, index, steps)
	}
}

// deletedByIndex holds a delete of many to the fields that it is by.
func deletedByIndex(t *testing.T, db *sqlite3.Conn, s *model.Step) {
	t.Helper()
	if len(s.By) == 0 {
		return
	}
	var fields []*model.Field
	for _, b := range s.By {
		fields = append(fields, b.Field)
	}
	steps := queryPlan(t, db, sqltext.List(sqltext.SQLite, s.Entity, fields, 0, s.Entity.Keep != nil))
	for _, f := range fields {
		if !strings.Contains(steps[0], f.Name+"=?") {
			t.Errorf("delete %s by %s: SQLite says %q", s.Entity.Name, f.Name, steps)
		}
	}
}

func queryPlan(t *testing.T, db *sqlite3.Conn, sql string) []string {
	t.Helper()
	stmt, _, err := db.Prepare("EXPLAIN QUERY PLAN " + sql)
	if err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
	defer stmt.Close()
	var steps []string
	for stmt.Step() {
		steps = append(steps, stmt.ColumnText(3))
	}
	if err := stmt.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
