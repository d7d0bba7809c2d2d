package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhatWasNotJudgedIsNotKept(t *testing.T) {
	for text, want := range map[string]string{
		`{"store": "s", "drills": [{"drill": "a", "promises": [{"promise": "p", "verdict": "kept"}, {"promise": "q", "verdict": "not run"}]}]}`: "",
		`{"store": "s", "drills": [{"drill": "a", "earlier": ["slow"], "promises": [{"promise": "p", "verdict": "kept"}]}]}`:                    "",
		`{"store": "s", "drills": [{"drill": "a", "why": "no calm"}]}`:                                                                          "not judged",
		`{"store": "s", "drills": [{"drill": "a", "promises": [{"promise": "p", "figure": "3 of 4", "verdict": "broken"}]}]}`:                   "broken",
		`{"store": "s", "drills": [{"drill": "a", "promises": [{"promise": "goodput", "figure": "half", "verdict": "broken"}]}]}`:               "",
		`{"store": "s", "drills": []}`: "",
	} {
		var r result
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		got, fine := r.text(1)
		if fine != (want == "" && len(r.Drills) == 1) || !strings.Contains(got, want) {
			t.Errorf("%s: %t, %q", text, fine, got)
		}
	}
}
