package observe_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
)

// Every code that package fault declares is counted under its own name.
func TestEveryCodeIsCounted(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []fault.Code
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				text, err := strconv.Unquote(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared = append(declared, fault.Code(text))
			}
		}
	}
	m := shop()
	r := observe.New(observe.Config{Model: m})
	defer r.Close()
	for _, c := range declared {
		r.Read(m.Reads[0], engine.ReadSample{Code: c, Total: time.Millisecond})
	}
	counted := map[string]uint64{}
	for _, e := range r.Snapshot(t.Context(), observe.SinceStart).Reads[0].Errors {
		counted[e.Code] = e.Count
	}
	for _, c := range declared {
		if counted[string(c)] != 1 {
			t.Errorf("%s is counted %d times", c, counted[string(c)])
		}
	}
}
