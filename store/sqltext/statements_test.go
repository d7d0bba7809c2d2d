package sqltext_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
	"github.com/partita-dev/partita/store/storetest"
)

var update = flag.Bool("update", false, "write the expected texts anew")

// TestTexts holds every kind of text, in both dialects, against testdata/texts.sql.
func TestTexts(t *testing.T) {
	m := storetest.Model(t)
	var b strings.Builder
	for _, d := range []sqltext.Dialect{sqltext.SQLite, sqltext.Postgres} {
		fmt.Fprintf(&b, "-- %s\n", d.Name)
		for _, o := range sqltext.Schema(d, m) {
			fmt.Fprintf(&b, "%s;\n", o.SQL)
		}
		for _, c := range []struct {
			read    string
			variant sqltext.Variant
		}{
			{"order", sqltext.Variant{}},
			{"orders", sqltext.Variant{}},
			{"orders", sqltext.Variant{Cursor: true}},
			{"orders", sqltext.Variant{Cursor: true, Back: true}},
			{"by_rank", sqltext.Variant{Cursor: true}},
			{"by_rank", sqltext.Variant{Cursor: true, CursorNull: 1}},
			{"by_rank_up", sqltext.Variant{Cursor: true}},
			{"by_kind", sqltext.Variant{Cursor: true, Back: true}},
			{"of_kind", sqltext.Variant{}},
			{"filtered", sqltext.Variant{Filter: 3, From: true, To: true}},
			{"filtered", sqltext.Variant{Filter: 2, Null: 4}},
			{"some_kinds", sqltext.Variant{}},
			{"unranked", sqltext.Variant{}},
			{"unranked", sqltext.Variant{Cursor: true}},
			{"few_ranks", sqltext.Variant{}},
			{"entries", sqltext.Variant{}},
		} {
			s := sqltext.Read(d, m.Read(c.read), c.variant)
			fmt.Fprintf(&b, "-- %s %+v\n%s;\n", c.read, c.variant, s.SQL)
			if n := strings.Count(s.SQL, fmt.Sprintf("$%d", len(s.Binds))); n == 0 || strings.Contains(s.SQL, fmt.Sprintf("$%d", len(s.Binds)+1)) {
				t.Errorf("%s has not %d parameters", s.SQL, len(s.Binds))
			}
		}
	}
	e := m.Entity("order")
	fmt.Fprintf(&b, "-- rows\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n", sqltext.Get(e), sqltext.List(sqltext.Postgres, e, e.Fields[2:4], 1, false),
		sqltext.List(sqltext.SQLite, m.Entity("hold"), m.Entity("hold").Fields[2:3], 0, true),
		sqltext.Expired(m.Entity("entry")), sqltext.Scan(e, true), sqltext.Insert(e), sqltext.Update(e, e.Fields[3:5]), sqltext.Delete(e))

	log := sqltext.LogOf(m.Families[0])
	fmt.Fprintf(&b, "-- log\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n%s;\n", log.Head, log.HeadInsert, log.HeadUpdate,
		log.Last, log.Insert, log.At, log.Delete, log.MarkInsert, log.Mark, log.MarkDelete)

	const golden = "testdata/texts.sql"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(b.String())) {
		t.Fatalf("the texts are not those of %s; look at the difference after go test -update:\n%s", golden, b.String())
	}
}

func TestNames(t *testing.T) {
	f := &model.Family{Name: "f", By: &model.Field{Name: "id", Type: model.Type{Kind: model.KindInt}}}
	for name, code := range map[string]fault.Code{"order": "", "partita_meta": fault.InvalidInput, "sqlite_x": fault.InvalidInput, "pg_x": fault.InvalidInput} {
		m := &model.Model{Entities: []*model.Entity{{Name: name, Family: f}}}
		if err := sqltext.Check(m); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := &model.Index{Entity: &model.Entity{Name: strings.Repeat("e", 50)}, Equal: []*model.Field{{Name: strings.Repeat("f", 50)}}}
	other := &model.Index{Entity: long.Entity, Equal: []*model.Field{{Name: strings.Repeat("f", 49) + "g"}}}
	a, b := sqltext.IndexName(long), sqltext.IndexName(other)
	if len(a) > 63 || len(b) > 63 || a == b {
		t.Errorf("long names become %s and %s", a, b)
	}
	if got := sqltext.Quote(`a"b`); got != `"a""b"` {
		t.Errorf("quoted: %s", got)
	}
}
