package observe

import (
	"slices"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
)

// calm is how long nothing bad must have been seen before a part is said to be well again.
const calm = 10 * time.Second

// symptom is something that shows in the counters when a part of the service is unwell.
type symptom struct {
	component string
	cause     string
	codes     []fault.Code
	stale     bool // stale answers are a sign of it too
	lastSeen  time.Time
}

func symptoms() []*symptom {
	return []*symptom{
		{component: "store", codes: []fault.Code{fault.Unavailable, fault.Deadline}, stale: true,
			cause: "it did not answer in time; cached answers go on, other requests may fail"},
		{component: "load", codes: []fault.Code{fault.Overloaded},
			cause: "there is more to do than the service can; some requests are refused at once"},
		{component: "program", codes: []fault.Code{fault.Internal},
			cause: "requests failed inside the service; the log says why"},
	}
}

// judge derives the state of parts from what the last second counted, which is in row.
func (r *Recorder) judge(row []uint64, now time.Time) {
	for _, s := range r.symptoms {
		var seen uint64
		for i, c := range codes {
			if slices.Contains(s.codes, c) {
				seen += row[cellCode+i]
			}
		}
		if s.stale {
			seen += row[cellOutcome+int(cache.Stale)]
		}
		if seen > 0 {
			s.lastSeen = now
			r.health.set(s.component, Degraded, s.cause, now)
		} else if now.Sub(s.lastSeen) >= calm {
			r.health.set(s.component, OK, "", now)
		}
	}
	if r.cfg.Store == nil {
		return
	}
	select {
	case <-r.cfg.Store.Broken():
		r.health.set("store", Down, "it must not be used any more; the log says why, and the service has to be started again", now)
	default:
	}
}
