package postgres

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
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

// TestNodesMakeAPartitionAtOnce lets nodes write first into the same partitions at the same time, some
// under the same key: each write has the outcome that it would have had alone.
func TestNodesMakeAPartitionAtOnce(t *testing.T) {
	source, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", source, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	url := server.Database(t)
	var nodes [3]*Store
	for i := range nodes {
		if nodes[i], err = Open(t.Context(), Config{URL: url, Model: m}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nodes[i].Close() })
	}
	e := m.Entity("customer")
	for round := range 30 {
		p := store.Partition{Family: e.Family, Value: model.String(fmt.Sprintf("00000000-0000-7000-8000-%012d", round))}
		ws := make([]*store.Write, len(nodes))
		var all sync.WaitGroup
		for i, n := range nodes {
			w := &store.Write{Partition: p, ID: [16]byte{byte(round), byte(i)}, Now: time.Now()}
			if round%2 == 0 { // each makes the row, or finds it made
				w.Apply = func(tx store.Tx) ([]byte, error) {
					row, err := tx.Get(e, nil)
					if err == nil && row == nil {
						values := make([]model.Value, len(e.Fields))
						values[0] = p.Value
						for _, f := range e.Fields[1:] {
							if f.Type.Kind == model.KindInt {
								values[f.Pos] = model.Int(1)
							} else {
								values[f.Pos] = model.String("x")
							}
						}
						_, err = tx.Insert(e, values)
					}
					return []byte("done"), err
				}
			} else { // one and the same refusal is kept
				w.Key = &store.Key{Hash: [32]byte{1, byte(round)}}
				w.Apply = func(store.Tx) ([]byte, error) { return nil, fault.New(fault.MissingRow, "no") }
				w.Refuse = func(error) []byte { return []byte("refused") }
			}
			ws[i] = w
			all.Go(func() { n.Commit(t.Context(), w) })
		}
		all.Wait()
		for _, w := range ws {
			if r := w.Result; round%2 == 0 && (r.Err != nil || r.Version != 1) || round%2 == 1 && r.Err != nil && fault.CodeOf(r.Err) != fault.MissingRow {
				t.Fatalf("round %d: %+v", round, r)
			}
		}
	}
}
