package observe_test

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

// The past goes a day back, in steps that are as fine as they are kept.
func TestThePastIsKeptInSteps(t *testing.T) {
	inTime(t, func(t *testing.T, m *model.Model, r *observe.Recorder) {
		ask := func(n int, d time.Duration, code fault.Code) {
			for range n {
				r.Read(m.Reads[0], engine.ReadSample{Code: code, Total: d})
			}
		}
		ask(100, time.Millisecond, "")
		pass(10 * time.Second)
		ask(50, 4*time.Millisecond, "")
		ask(20, time.Millisecond, fault.Forbidden)
		if p := r.Past(observe.Past5m); p.Step != 1 || p.Steps != 10 || p.Whole.Requests != 100 {
			t.Errorf("after 10 s: %d steps of %d s with %d requests", p.Steps, p.Step, p.Whole.Requests)
		}
		pass(51 * time.Second)
		p := r.Past(observe.Past24h)
		if p.Step != 10 || p.Steps != 6 || len(p.Patterns) != 1 || p.Patterns[0].Name != "order" || p.Patterns[0].Requests != 170 {
			t.Fatalf("after a minute: %+v", p)
		}
		order := p.Patterns[0]
		if order.Rate[0] != 10 || order.Rate[1] != 7 || order.P99[0] > 0.0011 || order.P99[1] < 0.0038 {
			t.Errorf("order: %+v", order)
		}
		if e := order.Errors; len(e) != 1 || e[0].Code != "forbidden" || e[0].Count != 20 || e[0].Rate[0] != 0 || e[0].Rate[1] != 2 {
			t.Errorf("errors: %+v", e)
		}
		if p.Whole.Requests != 170 || p.Whole.Rate[1] != 7 {
			t.Errorf("the whole: %+v", p.Whole)
		}

		pass(26 * time.Hour)
		ask(60, time.Second, "")
		pass(24 * time.Minute)
		for g, want := range map[observe.Range][2]int{observe.Past5m: {10, 30}, observe.Past1h: {60, 60}, observe.Past6h: {360, 60}, observe.Past24h: {1440, 60}} {
			p := r.Past(g)
			if p.Step != want[0] || p.Steps != want[1] || len(p.Whole.Rate) != want[1] {
				t.Errorf("%s: %d steps of %d s, want %v", g, p.Steps, p.Step, want)
			}
			if g != observe.Past5m && p.Whole.Requests != 60 {
				t.Errorf("%s: %d requests, want 60: what is older than the range, or of it, is missing", g, p.Whole.Requests)
			}
			if p.Kept <= 0 || p.Kept > p.Bound {
				t.Errorf("%s keeps %d bytes, at most %d", g, p.Kept, p.Bound)
			}
		}
	})
}
