package drill

import (
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/model"
)

func critical(p *load.Pattern) bool { return p.Priority() == model.Critical }

func bulk(p *load.Pattern) bool { return p.Priority() == model.Bulk }

// has tells whether a pattern that is asked for is like that.
func (e *env) has(like func(*load.Pattern) bool) bool { return len(e.like(like)) > 0 }

// like gives the names of the patterns that are asked for and are like that.
func (e *env) like(like func(*load.Pattern) bool) (names []string) {
	for i := range e.mix.Patterns {
		if p := &e.mix.Patterns[i]; like(p) && slices.Contains(e.names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// base is the load that goes on through a whole drill: always the first stream.
func (s *scene) base(rate float64) load.Stream {
	return load.Stream{Name: "base", Rate: rate, Patterns: s.names, Partition: -1, Connections: connections, Ready: connections, Patience: s.patience(), Within: s.Within, Log: load.LogAll}
}

// mostSteady bounds the base load where the trouble is not about load: enough to judge by, and not so
// much that a slow machine is overloaded by what a drill does beside.
const mostSteady = 600

// steady is a load that the service takes easily.
func steady(s *scene) []load.Stream {
	return []load.Stream{s.base(min(mostSteady, 0.3*s.report.Knee)), s.writes(min(mostSteady/6, 0.05*s.report.Knee))}
}

// writes is a load of writes alone, beside the base: models expect few, and much is promised of them.
func (s *scene) writes(rate float64) load.Stream {
	w := s.base(rate)
	w.Name, w.Patterns = "writes", s.like(func(p *load.Pattern) bool { return p.Write != nil })
	if len(w.Patterns) == 0 {
		w.Name, w.Patterns = "more", s.names
	}
	return w
}

// strangers is a base load from callers who do not know of each other, over up to n connections: together with what is more in
// the trouble the service is overloaded, and nobody is to wait behind another caller for a connection then.
func (s *scene) strangers(rate float64, n int) load.Stream {
	base := s.base(rate)
	base.Strangers, base.Connections, base.Ready = true, n, n
	return base
}

// hot asks for the most popular partition ten times as often as the base load would, which asks for
// all the others. Each of both has half of the connections of an overload.
func hot(s *scene) []load.Stream {
	base := s.strangers(0.5*s.report.Knee, s.crowd(s.report.Knee)/2)
	base.Skip = 1
	var share float64
	for _, f := range s.stage.Model.Families {
		share = max(share, s.world.Hottest(f))
	}
	usual := base
	usual.Name, usual.Partition, usual.Skip, usual.Rate = "the hot one", 0, 0, share*base.Rate
	usual.Log, usual.Shared = load.LogWrites, true
	more := usual
	more.Name, more.Rate, more.From, more.To, more.Shared = "nine times more of it", 9*usual.Rate, s.begin, s.end, false
	more.Every = s.round()
	more.On, _ = s.turn()
	return []load.Stream{base, usual, more}
}

// crowd is how many connections there are where a rate is followed, and where it is far exceeded: more
// than can be answered in time, or an overload would wait at the callers, and the service would never
// see it. What the service follows is measured with as many.
func (e *env) crowd(rate float64) int {
	return int(max(512, min(8192, 2*rate*e.Within.Seconds())))
}

// surge is a base load of 80 % of what the service follows, and more of the same callers in the trouble, so
// that it comes to a multiple in all.
func surge(s *scene, times float64, tries int) []load.Stream {
	base := s.base(0.8 * s.report.Knee)
	base.Tries, base.Connections, base.Strangers = tries, s.crowd(s.report.Knee), true
	base.Ready = base.Connections
	more := base
	more.Name, more.Rate = fmt.Sprintf("up to %g×", times), (times-0.8)*s.report.Knee
	more.From, more.To, more.Log, more.Shared = s.begin, s.begin+settling(s.Time), load.LogWrites, true
	lasting := more
	lasting.Name, lasting.From, lasting.To = more.Name+", lasting", more.To, s.end
	return []load.Stream{base, more, lasting}
}

// settling is how much of a trouble does not count for what is promised of a lasting overload: the limits
// find their places then.
func settling(length time.Duration) time.Duration { return min(time.Second, length/3) }

// spike is a load of critical requests, and bulk at twelve times the knee in the trouble.
func spike(s *scene) []load.Stream {
	base := s.strangers(0.2*s.report.Knee, s.crowd(0.2*s.report.Knee))
	base.Name, base.Patterns = "critical", s.like(critical)
	more := s.strangers(12*s.report.Knee, s.crowd(s.report.Knee))
	more.Name, more.Patterns, more.From, more.To, more.Log = "bulk", s.like(bulk), s.begin, s.end, load.LogWrites
	return []load.Stream{base, more}
}
