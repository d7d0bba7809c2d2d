package partita_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents gives every Markdown file of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			text, err := os.ReadFile(path)
			docs[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil || len(docs) < 5 {
		t.Fatal(len(docs), "documents:", err)
	}
	return docs
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	target  = regexp.MustCompile("(?m)(?:`|^    |^\\$ )make ([a-z-]+)")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors gives the names by which the headings of a document are linked to.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		slug := noSlug.ReplaceAllString(strings.ToLower(h[1]), "")
		names[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return names
}

func TestLinksLeadSomewhere(t *testing.T) {
	docs := documents(t)
	n := 0
	for path, text := range docs {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			to, anchor, _ := strings.Cut(l[1], "#")
			if strings.Contains(to, ":") { // another site
				continue
			}
			n++
			file := path
			if to != "" {
				file = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s leads nowhere", path, l[1])
			} else if anchor != "" && !anchors(docs[file])[anchor] {
				t.Errorf("%s: %s: the document has no such heading", path, l[1])
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d links were found", n)
	}
}

func TestMakeTargetsThatAreNamedExist(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, text := range documents(t) {
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			n++
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s names `make %s`, which the Makefile does not have", path, m[1])
			}
		}
	}
	if n < 3 {
		t.Errorf("only %d targets were found", n)
	}
}
