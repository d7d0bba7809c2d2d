package main

import (
	"strings"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	tests := []struct {
		name, events string
		well         bool
		want         []string
	}{
		{"all pass", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1.5}`, true, []string{"PASS: 1 packages, 1 tests passed"}},
		{"a failure shows its output", `{"Action":"output","Package":"p","Test":"TestA","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, false, []string{"got 1, want 2", "FAILED: p TestA", "FAIL: 1 packages"}},
		{"a skip is a failure", `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"no browser\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`, false, []string{"SKIPPED, which counts as failed: p TestB", "no browser"}},
		{"a package that does not build", `{"ImportPath":"p [p.test]","Action":"build-output","Output":"undefined: x\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`, false, []string{"undefined: x"}},
		{"nothing ran", `{"Action":"skip","Package":"p"}`, false, []string{"FAIL: 0 packages"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			y := newTally(&out)
			y.follow(strings.NewReader(tt.events))
			if got := y.close(time.Second); got != tt.well {
				t.Errorf("well = %v, want %v", got, tt.well)
			}
			for _, w := range tt.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is missing in:\n%s", w, out.String())
				}
			}
		})
	}
}

func TestServersThatRan(t *testing.T) {
	const events = `{"Action":"output","Package":"p","Output":"ran against PostgreSQL 15.18\n"}
{"Action":"output","Package":"q","Output":"ran against PostgreSQL 15.18\n"}
{"Action":"pass","Package":"p","Test":"TestA"}`
	for _, tt := range []struct {
		expected []string
		well     bool
		want     string
	}{
		{[]string{"PostgreSQL"}, true, "ran against PostgreSQL 15.18\nPASS"},
		{[]string{"PostgreSQL", "Redis"}, false, "NOT RUN, which counts as failed: tests against Redis"},
	} {
		var out strings.Builder
		y := newTally(&out)
		y.expected = tt.expected
		y.follow(strings.NewReader(events))
		if well := y.close(time.Second); well != tt.well || !strings.Contains(out.String(), tt.want) {
			t.Errorf("well = %v, and %q is wanted in:\n%s", well, tt.want, out.String())
		}
		if strings.Count(out.String(), "ran against PostgreSQL") != 1 {
			t.Errorf("not said once:\n%s", out.String())
		}
	}
}
