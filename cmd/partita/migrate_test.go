package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/partita-dev/partita/store/migrate"
)

// A field leaves the model: the dry run tells, the command refuses without its word, then does it,
// and then nothing is left.
func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	file, store := filepath.Join(dir, "model.yaml"), filepath.Join(dir, "data")
	write := func(fields string) {
		t.Helper()
		text := "service: small\npartitions: {box: {by: box_id, type: string(10), expect: 10}}\n" +
			"entities: {card: {in: box, key: card_id, expect: 10, fields: {card_id: string(10)" + fields + "}}}\nreads: {cards: {list: card}}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	call := func(more ...string) []string { return append([]string{"migrate", file, "--data", store}, more...) }

	write(", name: string(10), old: int")
	if code, _, err := command(t, call()...); code != failed || !strings.Contains(err, "there is no store") {
		t.Error(code, err)
	}
	rows := filepath.Join(dir, "card.csv")
	if err := os.WriteFile(rows, []byte("box_id,card_id,name,old\nb,1,n,7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "card", rows, "--model", file, "--data", store) // makes the store

	write(", name: string(10), level: {type: int, default: 3}")
	for range 2 { // the first time changes nothing
		code, out, err := command(t, call("--dry-run")...)
		if code != failed || !strings.Contains(out, "Adds the column level to card.") || !strings.Contains(out, "--allow drop-column") || err != "" {
			t.Error(code, out, err)
		}
	}
	if code, out, _ := command(t, call()...); code != failed || !strings.Contains(out, "Nothing is done") {
		t.Error(code, out)
	}
	if code, _, err := command(t, call("--allow", "everything")...); code != badCall || !strings.Contains(err, "drop-column, drop-table") {
		t.Error(code, err)
	}
	var plan migrate.Plan
	if err := json.Unmarshal([]byte(must(t, call("--allow", "drop-column,rewrite", "--json")...)), &plan); err != nil || len(plan.Steps) != 2 || !plan.Steps[0].Done || !plan.Steps[1].Done {
		t.Errorf("%+v %v", plan, err)
	}
	if out := must(t, call()...); !strings.Contains(out, "nothing to do") {
		t.Error(out)
	}
	if out := must(t, "export", "card", "--format", "csv", "--model", file, "--data", store); out != "box_id,card_id,name,level\nb,1,n,3\n" {
		t.Error(out)
	}
}
