package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// named finds command lines in a document: in `code`, in console blocks and in indented ones.
var named = regexp.MustCompile("(?m)(?:`|^    |^\\$ |\\$\\()(?:bin/)?partita ([^`\n]*)")

// Every command and flag that a document names exists.
func TestCommandsThatAreNamedExist(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Name("partita"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../examples/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range slices.Concat(paths, more, []string{"../../README.md", "../../CHANGELOG.md", "../../SECURITY.md"}) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range named.FindAllStringSubmatch(string(text), -1) {
			n++
			checkCall(t, path, parser, strings.Fields(call[1]))
		}
	}
	if n < 20 {
		t.Errorf("only %d command lines were found", n)
	}
}

func checkCall(t *testing.T, path string, parser *kong.Kong, words []string) {
	t.Helper()
	if len(words) == 0 {
		return
	}
	if words[0] == "--help" {
		return
	}
	i := slices.IndexFunc(parser.Model.Children, func(c *kong.Node) bool { return c.Name == words[0] })
	if i < 0 {
		t.Errorf("%s names `partita %s`, which is no command", path, words[0])
		return
	}
	for _, word := range words[1:] {
		if word == "#" || strings.HasPrefix(word, "|") {
			return
		}
		flag, isFlag := strings.CutPrefix(word, "--")
		flag, _, _ = strings.Cut(flag, "=")
		flag = strings.TrimRight(flag, ").,;")
		if isFlag && flag != "help" && !slices.ContainsFunc(parser.Model.Children[i].Flags, func(f *kong.Flag) bool { return f.Name == flag }) {
			t.Errorf("%s names `partita %s --%s`, which is no flag of it", path, words[0], flag)
		}
	}
}
