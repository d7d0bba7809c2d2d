package client_test

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/client"
	"github.com/partita-dev/partita/model"
)

// Every model that `check` accepts gives a client that the Go compiler accepts.
func TestEveryModelGivesAClientThatCompiles(t *testing.T) {
	build.Default.CgoEnabled = false // with it the importer leaves files behind
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "source", nil)
	for _, path := range goodModels(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			files := generated(t, path)
			var parsed []*ast.File
			for _, f := range files {
				if f.Name != "service.go" && !strings.Contains(string(f.Text), "DO NOT EDIT") {
					t.Errorf("%s does not say that it is generated", f.Name)
				}
				file, err := parser.ParseFile(fset, filepath.Join(t.Name(), f.Name), f.Text, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				parsed = append(parsed, file)
			}
			checker := types.Config{Importer: imports}
			if _, err := checker.Check("service", fset, parsed, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The clients of the examples are what their models give.
func TestExamplesAreUpToDate(t *testing.T) {
	for _, name := range []string{"shop", "chat"} {
		dir := filepath.Join("../../examples", name)
		m := parse(t, filepath.Join(dir, name+".yaml"))
		files, err := client.Generate(m, name+"client")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			there, err := os.ReadFile(filepath.Join(dir, name+"client", f.Name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(there, f.Text) {
				t.Errorf("%s/%sclient/%s is old: run `partita client go %[1]s/%[2]s.yaml --out %[1]s/%[2]sclient`", dir, name, f.Name)
			}
		}
	}
}

func TestPackageNames(t *testing.T) {
	for service, want := range map[string]string{"shop": "shop", "my_shop": "myshop", "type": "servicetype", "Shop2": "shop2"} {
		if got := client.PackageName(service); got != want {
			t.Errorf("%s: %s, want %s", service, got, want)
		}
	}
	if _, err := client.Generate(parse(t, "../../examples/shop/shop.yaml"), "a-b"); err == nil {
		t.Error("a-b was taken as the name of a package")
	}
}

// goodModels gives the examples and the good models of the corpus.
func goodModels(t *testing.T) []string {
	t.Helper()
	corpus, err := filepath.Glob("../../model/testdata/corpus/good/*.txt")
	if err != nil || len(corpus) < 20 {
		t.Fatalf("%d good models: %v", len(corpus), err)
	}
	return append(corpus, "../../examples/shop/shop.yaml", "../../examples/chat/chat.yaml", "../../examples/ledger/ledger.yaml")
}

func generated(t *testing.T, path string) []client.File {
	t.Helper()
	m := parse(t, path)
	files, err := client.Generate(m, client.PackageName(m.Service))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func parse(t *testing.T, path string) *model.Model {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source, _, _ := strings.Cut(string(text), "\n---- ") // of the corpus: what `check` says of it
	m, err := model.Parse(filepath.Base(path), []byte(source), func(name string) (string, bool) { return environment(source, name) })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// environment gives what the comment `# env: NAME=value …` of a corpus model sets.
func environment(source, name string) (string, bool) {
	for line := range strings.Lines(source) {
		pairs, ok := strings.CutPrefix(line, "# env:")
		if !ok {
			continue
		}
		for pair := range strings.FieldsSeq(pairs) {
			if n, value, _ := strings.Cut(pair, "="); n == name {
				return value, true
			}
		}
	}
	return "", false
}
