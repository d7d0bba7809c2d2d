package httpapi

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The reference names every kind of problem with its status, and none that there is not.
func TestTheReferenceNamesEveryProblem(t *testing.T) {
	text, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| type `urn:partita:problem:…` |")
	rows := 0
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| `") {
			rows++
		}
	}
	for code, about := range kinds {
		if row := fmt.Sprintf("| `%s` | %d |", code, about.status); !strings.Contains(table, row) {
			t.Errorf("docs/http.md has no row that begins %q", row)
		}
	}
	if rows != len(kinds) {
		t.Errorf("docs/http.md has %d problems, and there are %d", rows, len(kinds))
	}
}
