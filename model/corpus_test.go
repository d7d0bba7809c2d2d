package model_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/accessplan"
	"github.com/partita-dev/partita/model"
)

var update = flag.Bool("update", false, "write what is seen into the corpus as what is wanted")

// separator stands between a case's model and what a person sees of it.
const separator = "---- want\n"

// corpusCase is one file of testdata/corpus. A comment `# env: NAME=value …` in the model sets the
// environment, `# schema: refuses` says that the JSON Schema must refuse it too.
type corpusCase struct {
	path   string
	input  []byte
	want   string
	good   bool
	env    map[string]string
	schema string
}

func (c *corpusCase) name() string {
	return filepath.Base(filepath.Dir(c.path)) + "/" + strings.TrimSuffix(filepath.Base(c.path), ".txt")
}

func (c *corpusCase) lookup(name string) (string, bool) {
	v, ok := c.env[name]
	return v, ok
}

// see gives what a person sees of the case: the complaints, or ok and the plan of access.
func (c *corpusCase) see() (string, error) {
	m, err := model.Parse("model.yaml", c.input, c.lookup)
	if err != nil {
		if _, ok := errors.AsType[*model.Complaints](err); !ok {
			return "", err
		}
		return strings.TrimRight(err.Error(), "\n") + "\n", nil
	}
	return "ok\n\n" + strings.TrimRight(accessplan.Table(m).Text(), "\n") + "\n", nil
}

func loadCorpus(t testing.TB) []*corpusCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/corpus/*/*.txt")
	if err != nil || len(paths) < 120 {
		t.Fatalf("the corpus has %d cases, expected at least 120 (%v)", len(paths), err)
	}
	var cases []*corpusCase
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		input, want, ok := bytes.Cut(src, []byte(separator))
		if !ok {
			t.Fatalf("%s has no line %q", p, separator)
		}
		c := &corpusCase{path: p, input: input, want: string(want), good: filepath.Base(filepath.Dir(p)) == "good"}
		c.readHeader()
		cases = append(cases, c)
	}
	return cases
}

func (c *corpusCase) readHeader() {
	c.env = map[string]string{}
	for line := range strings.Lines(string(c.input)) {
		if rest, ok := strings.CutPrefix(line, "# env: "); ok {
			for pair := range strings.FieldsSeq(rest) {
				name, value, _ := strings.Cut(pair, "=")
				c.env[name] = value
			}
		}
		if rest, ok := strings.CutPrefix(line, "# schema: "); ok {
			c.schema = strings.TrimSpace(rest)
		}
	}
}

// examples are the models that the repository shows; they are good cases too.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, name := range []string{"shop", "chat"} {
		src, err := os.ReadFile("../examples/" + name + "/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		found[name] = src
	}
	return found
}

func TestCorpus(t *testing.T) {
	for _, c := range loadCorpus(t) {
		t.Run(c.name(), func(t *testing.T) {
			got, err := c.see()
			if err != nil {
				t.Fatalf("Parse gave an error that is no *Complaints: %v", err)
			}
			if strings.HasPrefix(got, "ok\n") != c.good {
				t.Fatalf("the case stands in the wrong folder, or is judged wrongly:\n%s", got)
			}
			if got == c.want {
				return
			}
			if !*update {
				t.Fatalf("seen:\n%s\nwanted:\n%s", got, c.want)
			}
			if err := os.WriteFile(c.path, append(append(bytes.Clone(c.input), separator...), got...), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Every complaint says where it is, what is wrong, and what to write instead, without words of the
// parsers beneath.
func TestEveryComplaintHelps(t *testing.T) {
	for _, c := range loadCorpus(t) {
		_, err := model.Parse("model.yaml", c.input, c.lookup)
		complaints, ok := errors.AsType[*model.Complaints](err)
		if !ok {
			continue
		}
		checkPlaces(t, c.input, complaints)
		for _, x := range complaints.List {
			if x.Fix == "" {
				t.Errorf("%s: %d:%d does not say what to write instead: %s", c.name(), x.Line, x.Column, x.Text)
			}
			for _, foreign := range []string{"EOF", "IDENTIFIER", "goccy", "yaml:", "cel", "int64", "interface"} {
				if strings.Contains(x.Text+x.Why+x.Fix, foreign) {
					t.Errorf("%s: %d:%d speaks of %q: %s", c.name(), x.Line, x.Column, foreign, x.Text)
				}
			}
		}
	}
}

func TestExamplesAreGood(t *testing.T) {
	for name, src := range examples(t) {
		if _, err := model.Parse(name+".yaml", src, noEnvironment); err != nil {
			t.Errorf("%s", err)
		}
	}
}

// Comments, layout and the order of unrelated keys are not meaning.
func TestRevisionFollowsMeaning(t *testing.T) {
	parse := func(src string) string {
		m, err := model.Parse("m.yaml", []byte(src), noEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		return m.Revision
	}
	const plain = "service: note\npartitions: {user: {by: user_id, type: uuid}}\n" +
		"entities: {profile: {in: user, fields: {name: string(80)}}}\nreads: {profile: {get: profile, fresh: 60s}}\n"
	first := parse(plain)
	if first == "" {
		t.Fatal("there is no revision")
	}
	if second := parse("# note\n\n" + strings.Replace(plain, "service: note", "service:   \"note\"  # again", 1)); second != first {
		t.Errorf("a comment and quotes changed the revision from %s to %s", first, second)
	}
	if third := parse(strings.Replace(plain, "60s", "61s", 1)); third == first {
		t.Error("another freshness did not change the revision")
	}
}

func noEnvironment(string) (string, bool) { return "", false }
