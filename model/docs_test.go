package model_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
)

var (
	yamlBlock  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	sectionKey = regexp.MustCompile(`^([a-z]+):(.*)$`)
)

// splitSections cuts a model into its top-level parts, in order.
func splitSections(src string) (order []string, body map[string]string) {
	body = map[string]string{}
	current := ""
	for line := range strings.Lines(src) {
		if m := sectionKey.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			current = m[1]
			order = append(order, current)
			if m[2] != "" {
				body[current] = m[2] + "\n"
			}
			continue
		}
		body[current] += line
	}
	return order, body
}

// added puts the entries of a fragment behind those of the base model, section by section.
func added(base, fragment string) string {
	order, body := splitSections(base)
	more, extra := splitSections(fragment)
	for _, name := range more {
		if _, ok := body[name]; !ok {
			order = append(order, name)
		}
		body[name] += extra[name]
	}
	var b strings.Builder
	for _, name := range order {
		b.WriteString(name + ":")
		if !strings.HasPrefix(body[name], " ") || strings.HasPrefix(body[name], "  ") {
			b.WriteString("\n")
		}
		b.WriteString(body[name])
	}
	return b.String()
}

// Every example of the model reference is a model, or may be added to the one at its top.
func TestReferenceExamples(t *testing.T) {
	page, err := os.ReadFile("../docs/model.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 15 {
		t.Fatalf("the page has %d examples only", len(blocks))
	}
	base := blocks[0][1]
	for _, b := range blocks {
		src := b[1]
		if !strings.HasPrefix(src, "service:") {
			src = added(base, src)
		}
		if _, err := model.Parse("docs/model.md", []byte(src), noEnvironment); err != nil {
			t.Errorf("%s\n\nThe example was:\n%s", err, b[1])
		}
	}
}

// Whatever an editor completes, the reference explains.
func TestReferenceNamesEveryKey(t *testing.T) {
	page, err := os.ReadFile("../docs/model.md")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(model.Schema, &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(x any)
	walk = func(x any) {
		switch x := x.(type) {
		case []any:
			for _, y := range x {
				walk(y)
			}
		case map[string]any:
			for key, y := range x {
				if props, ok := y.(map[string]any); ok && key == "properties" {
					for name := range props {
						if !strings.Contains(string(page), "`"+name+"`") {
							t.Errorf("docs/model.md does not explain `%s`", name)
						}
					}
				}
				walk(y)
			}
		}
	}
	walk(doc)
}
