package postgres

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

var shown = regexp.MustCompile("(?s)```sql\n(.*?)```")

// TestScaleShowsWhatIsSent holds the statements that docs/scale.md shows against those that the store
// makes for the model of examples/shop.
func TestScaleShowsWhatIsSent(t *testing.T) {
	source, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", source, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	f, e := m.Entity("order").Family, m.Entity("order")
	books, family, rows := sqltext.BooksOf(f), newFamilyBulk(f), newBulk(e)
	made := []string{
		sqltext.Read(sqltext.Postgres, m.Read("order"), sqltext.Variant{}).SQL,
		family.lock + " SKIP LOCKED", family.outcomes, rows.fetch,
		rows.update([]*model.Field{e.Field("status")}), family.headUpdate, family.changeInsert, family.outcomeInsert,
		books.Head, books.Changes, books.Lagging, books.Heads, sqltext.Scan(e, false),
	}
	text, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range shown.FindAllStringSubmatch(string(text), -1) {
		for sql := range strings.SplitSeq(block[1], ";\n") {
			if sql = strings.Join(strings.Fields(sql), " "); sql != "" {
				found = append(found, sql)
			}
		}
	}
	for _, sql := range made {
		if !slices.Contains(found, sql) {
			t.Errorf("docs/scale.md does not show\n%s;", sql)
		}
	}
	for _, sql := range found {
		if !slices.Contains(made, sql) {
			t.Errorf("docs/scale.md shows what is not sent:\n%s;", sql)
		}
	}
}
