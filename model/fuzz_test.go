package model_test

import (
	"bytes"
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/partita-dev/partita/model"
)

// FuzzParse feeds arbitrary bytes to the reader of model files. Whatever they are, Parse returns in
// bounded time with a model or with complaints whose places lie in the file.
func FuzzParse(f *testing.F) {
	for _, c := range loadCorpus(f) {
		f.Add(c.input)
	}
	for _, src := range examples(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 64<<10 {
			t.Skip("larger than any model that a fuzzer needs to try")
		}
		done := time.AfterFunc(20*time.Second, func() { panic("Parse did not return within 20 seconds") })
		defer done.Stop()
		m, err := model.Parse("model.yaml", src, fuzzEnvironment)
		if err == nil {
			if m == nil || m.Revision == "" {
				t.Fatal("no error, and no model")
			}
			return
		}
		complaints, ok := errors.AsType[*model.Complaints](err)
		if !ok {
			t.Fatalf("the error is a %T, not *Complaints: %v", err, err)
		}
		checkPlaces(t, src, complaints)
	})
}

func fuzzEnvironment(name string) (string, bool) { return name, len(name)%2 == 0 }

func checkPlaces(t *testing.T, src []byte, complaints *model.Complaints) {
	t.Helper()
	if len(complaints.List) == 0 {
		t.Fatal("an error without a complaint")
	}
	if !utf8.ValidString(complaints.Error()) {
		t.Fatalf("the complaints are not UTF-8: %q", complaints.Error())
	}
	lines := bytes.Count(src, []byte("\n")) + bytes.Count(src, []byte("\r")) + 1
	last := complaints.List[0]
	for _, c := range complaints.List {
		if c.Line < 1 || c.Line > lines || c.Column < 1 {
			t.Fatalf("%d:%d is outside of a file of %d lines: %s", c.Line, c.Column, lines, c.Text)
		}
		if limit := utf8.RuneCountInString(c.Source) + 1; c.Column > limit {
			t.Fatalf("column %d is beyond the line %q: %s", c.Column, c.Source, c.Text)
		}
		if c.Line < last.Line || c.Line == last.Line && c.Column < last.Column {
			t.Fatalf("%d:%d comes after %d:%d", c.Line, c.Column, last.Line, last.Column)
		}
		if c.Text == "" {
			t.Fatalf("%d:%d says nothing", c.Line, c.Column)
		}
		last = c
	}
}
