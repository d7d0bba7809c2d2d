package drill

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/stage"
)

func TestADrillThatWasNotRunIsNotKept(t *testing.T) {
	not := Outcome{Name: "x", Why: "it cannot be"}
	broken := Outcome{Name: "y", Promises: []Promise{kept("a", "b", true, "c"), kept("a", "b", false, "c")}}
	both := Outcome{Name: "z", Why: "no calm", Promises: []Promise{kept("a", "b", false, "c")}}
	good := Outcome{Name: "g", Promises: []Promise{kept("a", "b", true, "c"), unjudged("a", "b", "c")}}
	for _, c := range []struct {
		o    Outcome
		want Verdict
	}{{not, NotRun}, {broken, Broken}, {both, Broken}, {good, Kept}} {
		if got := c.o.Verdict(); got != c.want {
			t.Errorf("%s is %s, want %s", c.o.Name, got, c.want)
		}
	}
	r := Report{Drills: []Outcome{not, good}}
	if text := r.Text(); !r.Kept() || !strings.Contains(text, "1 drills kept every promise, 0 broke one, 1 were not run") {
		t.Error(text)
	}
	r.Drills = append(r.Drills, broken)
	if r.Kept() {
		t.Error("a broken promise is kept")
	}
}

func TestThePageIsWhole(t *testing.T) {
	line := &Timeline{Step: 0.1, Begin: 1, End: 2, States: []Span{{Node: "n1", Part: "store", State: "down", Cause: `it says "<no>"`, From: 1.1, To: 2.3}}}
	for i := range 40 {
		line.Points = append(line.Points, Point{Asked: 100, Answered: float64(100 - i), Stale: 5, Lost: float64(i), P99: float64(i)})
	}
	r := Report{Service: "shop & co", Drills: []Outcome{
		{Name: "store cut", What: "it <is> cut", Promises: []Promise{kept("p", "b", false, "f")}, Timeline: line},
		{Name: "bus cut", Why: "there is none"},
	}}
	text := string(r.HTML())
	for _, want := range []string{"shop &amp; co", "<svg", "not run: there is none", "polygon class=\"lost\"", "&#34;&lt;no&gt;&#34;", "prefers-color-scheme"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "src=", "http://", "https://", "NaN"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	picture := text[strings.Index(text, "<svg"):]
	picture = picture[:strings.Index(picture, "</svg>")+6]
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
}

func TestEveryDrillSaysWhatItDoes(t *testing.T) {
	names := map[string]bool{}
	e := &env{stage: &stage.Stage{}}
	for _, d := range catalogue {
		if d.name == "" || d.what == "" || d.how(e) == "" || d.judge == nil || d.streams == nil || names[d.name] {
			t.Errorf("the drill %q lacks something, or is there twice", d.name)
		}
		names[d.name] = true
		if (d.strike == nil) != (d.mend == nil) {
			t.Errorf("the drill %q makes trouble without an end, or ends none", d.name)
		}
	}
	if _, err := choose([]string{"no such"}); err == nil || !strings.Contains(err.Error(), "store frozen") {
		t.Error(err)
	}
}
